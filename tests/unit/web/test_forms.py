"""What a form shows first: fields that nobody read, then those read unsurely; what is only shown asks nobody anything."""

import json
from typing import Any

from engine.forms.form import Form, read_form
from storage.views import FieldView
from web.forms import Filling, Shown, show


def a_form(**run_length: Any) -> Form:
    fields = [
        {"id": "a", "key": "paper", "type": "textfield", "label": "Paper", "validate": {"required": True}},
        {"id": "b", "key": "run_length", "type": "number", "label": "Run length", **run_length},
    ]
    return read_form(json.dumps({"type": "default", "id": "verify", "components": fields}).encode(), "verify.form")


def a_reading(name: str, value: str, confidence: float) -> FieldView:
    return FieldView(
        name=name,
        value=value,
        is_masked=False,
        confidence=confidence,
        origin="ocr",
        reason=None,
        is_confirmed=False,
        document_id=1,
        page=1,
        box=None,
    )


def names(shown: Shown) -> list[str]:
    return [part.name for part in shown.parts if part.is_unsure]


def test_a_needed_field_that_was_not_found_comes_before_one_that_was_read_unsurely() -> None:
    filling = Filling(
        variables={"paper": "80 g", "run_length": ""}, readings={"paper": a_reading("paper", "80 g", 0.5)}
    )

    shown = show(a_form(validate={"required": True}), filling)

    assert names(shown) == ["run_length", "paper"]
    assert shown.unsure == len(names(shown))


def test_a_field_that_may_stay_empty_or_that_nobody_looked_for_is_not_missing() -> None:
    assert names(show(a_form(), Filling(variables={"run_length": ""}))) == []
    assert names(show(a_form(validate={"required": True}), Filling())) == []


def test_what_is_only_shown_needs_nobody() -> None:
    filling = Filling(variables={"run_length": 10}, readings={"run_length": a_reading("run_length", "10", 0.5)})

    shown = show(a_form(readonly=True), filling)

    assert names(shown) == []
