"""Forms: reading what the form editor writes, finding its faults, checking answers."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from engine.errors import CostlyExpression, DefinitionError
from engine.forms.answers import Answers, options
from engine.forms.fields import DateKind, Kind
from engine.forms.form import Form, read_form

BERLIN = ZoneInfo("Europe/Berlin")


def form(*components: Mapping[str, Any]) -> Form:
    return read_form(
        json.dumps({"type": "default", "id": "review", "components": components}).encode(), "order/review.form"
    )


def field(kind: str, key: str = "x", **more: Any) -> dict[str, Any]:
    return {"type": kind, "key": key, "id": f"field_{key}", "label": key.title(), **more}


def codes(*components: Mapping[str, Any]) -> list[str]:
    return [finding.code for finding in form(*components).lint()]


def check(component: Mapping[str, Any], answer: Any, **more: Any) -> Any:
    """Check one answer to one field: its value, or the sentence against it."""
    answers = form(component).validate({"x": answer}, **more)
    return answers.errors.get("x", answers.values.get("x"))


FRUIT = [{"label": "Apple", "value": "apple"}, {"label": "Pear", "value": "pear"}]


@pytest.mark.parametrize(
    ("component", "answer", "value"),
    [
        (field("textfield"), " a ", "a"),
        (field("textfield"), "", None),
        (field("textfield"), ["a", "b"], "b"),
        (field("textarea"), "a\r\nb", "a\nb"),
        (field("number"), "12", 12),
        (field("number"), "12.50", Decimal("12.50")),
        (field("number"), "-.5", Decimal("-0.5")),
        (field("number"), 3, 3),
        (field("number"), Decimal("1.5"), Decimal("1.5")),
        (field("number", decimalDigits=2), "12.5", Decimal("12.50")),
        (field("number", decimalDigits=0), "12.0", 12),
        (field("number", decimalDigits=0), "5,000", 5000),
        (field("number", decimalDigits=0), "5.000", 5000),
        (field("number", decimalDigits=0), Decimal("5.000"), 5),
        (field("number", decimalDigits=2), "1.234,5", Decimal("1234.50")),
        (field("number", decimalDigits=2), "1,234.50", Decimal("1234.50")),
        (field("number", decimalDigits=0, serializeToString=True), "5,000", "5000"),
        (field("number", serializeToString=True), "0012", "0012"),
        (field("number"), "  ", None),
        (field("datetime"), "2026-01-31", date(2026, 1, 31)),
        (field("datetime", subtype="time"), "17:30", time(17, 30)),
        (field("datetime", subtype="datetime"), "2026-07-01T12:00", datetime(2026, 7, 1, 10, tzinfo=UTC)),
        (field("datetime", subtype="datetime"), "2026-07-01T12:00Z", datetime(2026, 7, 1, 12, tzinfo=UTC)),
        (field("checkbox"), "on", True),
        (field("checkbox"), True, True),
        (field("checkbox"), "", False),
        (field("checkbox"), None, False),
        (field("radio", values=FRUIT), "pear", "pear"),
        (field("select", values=FRUIT), "", None),
        (field("select", values=[{"label": "Two", "value": 2}]), "2", 2),
        (field("checklist", values=FRUIT), ["pear", "apple", "pear"], ["pear", "apple"]),
        (field("checklist", values=FRUIT), "pear", ["pear"]),
        (field("taglist", values=FRUIT), None, []),
    ],
)
def test_an_answer_becomes_a_typed_value(component: Mapping[str, Any], answer: Any, value: Any) -> None:
    checked = check(component, answer, zone=BERLIN)

    assert checked == value
    assert type(checked) is type(value)


@pytest.mark.parametrize(
    ("component", "answer", "sentence"),
    [
        (field("textfield", validate={"required": True}), " ", "Fill in “X”."),
        (field("checkbox", validate={"required": True}), "off", "Tick “X”."),
        (field("radio", values=FRUIT, validate={"required": True}), None, "Choose “X”."),
        (field("checklist", values=FRUIT, validate={"required": True}), [], "Choose “X”."),
        (field("textfield", validate={"minLength": 3}), "ab", "needs at least 3 characters"),
        (field("textfield", validate={"maxLength": 3}), "abcd", "at most 3 characters"),
        (field("textfield", validate={"pattern": "^[A-Z]+$"}), "abc", "has not the expected form"),
        (
            field("textfield", validate={"pattern": "^A", "patternErrorMessage": "Begin with A."}),
            "abc",
            "Begin with A.",
        ),
        (field("textfield", validate={"validationType": "email"}), "ann", "must be a mail address"),
        (field("textfield", validate={"validationType": "phone"}), "ann", "must be a telephone number"),
        (field("textfield"), "a\x00b", "cannot be stored"),
        (field("textfield"), "\ud800", "cannot be stored"),
        (field("textfield"), "a" * 100_001, "too long"),
        (field("textfield"), 5, "must be text"),
        (field("number"), "1,5,", "must be a number, for example 5000 or 12.50"),
        (field("number", decimalDigits=2), "5,000", "can be read in two ways; write 5000 or 5.0."),
        (field("number"), "1e9", "must be a number"),
        (field("number"), "NaN", "must be a number"),
        (field("number"), "٣", "must be a number"),
        (field("number"), True, "must be a number"),
        (field("number"), "9" * 31, "must be a number"),
        (field("number", decimalDigits=0), "1.5", "must be a whole number"),
        (field("number", decimalDigits=2), "1.5555", "may have 2 decimals"),
        (field("number", decimalDigits=2), "1.555", "can be read in two ways; write 1555 or 1.555."),
        (field("number", decimalDigits=2), Decimal("1.555"), "may have 2 decimals"),
        (field("number", validate={"min": 1}), "0.99", "must be at least 1"),
        (field("number", validate={"max": "5.5"}), "5.51", "must be at most 5.5"),
        (field("number", validate={"max": "=limit"}), "11", "must be at most 10"),
        (field("datetime"), "31.01.2026", "must be a date, for example 2026-01-31"),
        (field("datetime", subtype="time"), "25:00", "must be a time"),
        (field("datetime", subtype="datetime"), "0001-01-01T00:00+14:00", "must be a datetime"),
        (field("datetime", disallowPassedDates=True), "2026-03-01", "must not lie in the past"),
        (field("datetime", validate={"min": "=first"}), "2026-03-01", "must not be before 2026-03-02"),
        (field("datetime", validate={"max": "=first"}), "2026-03-03", "must not be after 2026-03-02"),
        (field("checkbox"), "perhaps", "yes or no"),
        (field("radio", values=FRUIT), "plum", "must be one of its options"),
        (field("checklist", values=FRUIT), ["apple", "plum"], "must be one of its options"),
        (field("select", valuesKey="nowhere"), "plum", "must be one of its options"),
    ],
)
def test_a_faulty_answer_gets_one_sentence(component: Mapping[str, Any], answer: Any, sentence: str) -> None:
    checked = check(
        component, answer, variables={"limit": 10, "first": date(2026, 3, 2)}, now=datetime(2026, 3, 2, 12, tzinfo=UTC)
    )

    assert isinstance(checked, str)
    assert sentence in checked


def test_today_does_not_lie_in_the_past() -> None:
    component = field("datetime", disallowPassedDates=True)

    assert check(component, "2026-03-02", now=datetime(2026, 3, 2, 22, 59, tzinfo=UTC), zone=BERLIN) == date(2026, 3, 2)


def test_unknown_names_are_told_and_not_taken() -> None:
    answers = form(field("textfield")).validate({"x": "a", "role": "administrator", "y.z": "1"})

    assert (answers.values, answers.unknown) == ({"x": "a"}, ("role", "y.z"))


@pytest.mark.parametrize("fixed", [{"readonly": True}, {"disabled": True}, {"readonly": "=locked"}])
def test_read_only_fields_take_no_answer(fixed: dict[str, Any]) -> None:
    answers = form(field("number", **fixed), field("textfield", "y")).validate(
        {"x": "99", "y": "b"}, {"x": 5, "locked": True}
    )

    assert answers == Answers({"y": "b"}, {})


def test_conditions_see_the_variable_behind_a_read_only_field_and_not_a_forged_answer() -> None:
    review = form(field("number", readonly=True), field("textfield", "y", conditional={"hide": "=x > 10"}))

    assert review.validate({"x": "99", "y": "b"}, {"x": 5}).values == {"y": "b"}


def test_a_hidden_field_is_neither_asked_nor_taken() -> None:
    review = form(
        field("radio", "decision", values=FRUIT),
        field("textarea", "reason", validate={"required": True}, conditional={"hide": '=decision != "pear"'}),
    )

    assert review.validate({"decision": "apple", "reason": "none"}) == Answers(
        {"decision": "apple"}, {}, hidden=frozenset({"reason"})
    )
    assert review.validate({"decision": "pear"}).errors == {"reason": "Fill in “Reason”."}


def test_a_hidden_field_has_no_value_for_other_conditions() -> None:
    review = form(
        field("checkbox", "a"),
        field("checkbox", "b", conditional={"hide": "=not(a)"}),
        field("textfield", "c", conditional={"hide": "=b != true"}),
    )

    assert review.validate({"b": "on", "c": "x"}).hidden == {"b", "c"}


def test_a_condition_that_cannot_be_worked_out_hides_nothing() -> None:
    review = form(field("number", "n"), field("textfield", "y", conditional={"hide": "=n > 5"}))

    assert review.validate({"y": "b"}).values == {"n": None, "y": "b"}


def test_groups_with_a_path_hold_their_fields() -> None:
    review = form(
        {
            "type": "group",
            "path": "address",
            "conditional": {"hide": "=pickup"},
            "components": [field("textfield", "city", validate={"required": True})],
        },
        {"type": "group", "components": [field("checkbox", "pickup")]},
    )

    assert review.validate({"address.city": "Ulm"}).values == {"address": {"city": "Ulm"}, "pickup": False}
    assert review.validate({"address": {"city": "Ulm"}}).values == {"address": {"city": "Ulm"}, "pickup": False}
    assert review.validate({}).errors == {"address.city": "Fill in “City”."}
    assert review.validate({"pickup": "on"}).values == {"pickup": True}


LINES = {
    "type": "dynamiclist",
    "path": "lines",
    "id": "lines",
    "allowAddRemove": True,
    "components": [
        field("textfield", "paper"),
        field("number", "count", validate={"required": True}, conditional={"hide": '=paper = "none"'}),
    ],
}


def test_a_dynamic_list_has_an_entry_for_each_answered_number() -> None:
    answers = form(LINES).validate(
        {"lines.0.paper": "matt", "lines.0.count": "2", "lines.3.paper": "none", "lines.7.paper": "gloss"}
    )

    assert answers.values == {
        "lines": [{"paper": "matt", "count": 2}, {"paper": "none"}, {"paper": "gloss", "count": None}]
    }
    assert answers.errors == {"lines.7.count": "Fill in “Count”."}


def test_a_dynamic_list_may_come_as_json_or_be_empty() -> None:
    assert form(LINES).validate({"lines": [{"paper": "a", "count": 1.5}]}).values == {
        "lines": [{"paper": "a", "count": Decimal("1.5")}]
    }
    assert form(LINES).validate({"lines": []}).values == {"lines": []}
    assert form(LINES).validate({}).values == {"lines": []}


def test_a_dynamic_list_takes_no_odd_numbers() -> None:
    answers = form(LINES).validate(
        {"lines.01.paper": "a", "lines.-1.paper": "b", "lines.99999.paper": "c", "lines.x.paper": "d"}
    )

    assert answers.values == {"lines": []}
    assert len(answers.unknown) == 4


def test_options_come_from_the_form_a_variable_or_an_expression() -> None:
    review = form(
        field("select", "a", values=FRUIT),
        field("select", "b", valuesKey="papers"),
        field("select", "c", valuesExpression='=papers + ["x"]'),
    )
    variables = {"papers": ["matt", {"label": "Glossy", "value": "gloss"}]}

    offered = [
        [(option.value, option.label) for option in options(component, variables)] for component in review.fields
    ]

    assert offered[0] == [("apple", "Apple"), ("pear", "Pear")]
    assert offered[1] == [("matt", "matt"), ("gloss", "Glossy")]
    assert offered[2] == [("matt", "matt"), ("gloss", "Glossy"), ("x", "x")]
    assert review.validate({"a": "pear", "b": "gloss", "c": "x"}, variables).are_accepted


class Watched(Mapping[str, Any]):
    """Variables that note whether anybody looks at them."""

    def __init__(self, **values: Any) -> None:
        self._values = values
        self.is_looked_at = False

    def __getitem__(self, name: str) -> Any:
        self.is_looked_at = True
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        self.is_looked_at = True
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


@pytest.mark.parametrize(
    ("components", "is_looked_at"),
    [
        ([field("textfield"), field("number", "n", validate={"min": 2}), field("select", "s", values=FRUIT)], False),
        ([{"type": "dynamiclist", "path": "lines", "id": "l", "components": [field("checkbox")]}], False),
        ([field("textfield", conditional={"hide": "=amount > 5"})], True),
        ([field("textfield", readonly="=amount > 5")], True),
        ([field("textfield", readonly=True)], True),
        ([field("textfield", disabled=True)], True),
        ([field("select", valuesKey="papers")], True),
        ([field("select", valuesExpression='=papers + ["x"]')], True),
        ([{"type": "group", "id": "g", "components": [field("select", valuesKey="papers")]}], True),
    ],
)
def test_a_form_tells_whether_it_looks_at_variables(components: list[dict[str, Any]], *, is_looked_at: bool) -> None:
    review, variables = form(*components), Watched(amount=3, papers=["matt"])

    review.validate({"x": "apple", "n": "3", "s": "pear", "lines.0.x": "on"}, variables)

    assert (review.looks_at_variables, variables.is_looked_at) == (is_looked_at, is_looked_at)


def test_a_form_tells_its_fields_and_their_looks() -> None:
    review = form(
        {"type": "text", "text": "# Review", "id": "intro"},
        field(
            "number",
            decimalDigits=2,
            increment="0.5",
            appearance={"suffixAdorner": "EUR"},
            layout={"row": "r1", "columns": 8},
            description="net",
        ),
        {"type": "datetime", "subtype": "time", "key": "at", "timeLabel": "At", "id": "at"},
        LINES,
        {"type": "image", "source": "https://example.com/a.png", "id": "logo"},
        {"type": "button", "action": "submit", "label": "Send", "id": "send"},
    )

    assert review.lint() == []
    assert [component.key for component in review.fields] == ["x", "at", "paper", "count"]
    assert [component.kind for component in review.components] == [
        Kind.TEXT, Kind.NUMBER, Kind.DATE_TIME, Kind.DYNAMIC_LIST, Kind.IMAGE, Kind.BUTTON,
    ]  # fmt: skip
    number, moment = review.components[1], review.components[2]
    assert (number.suffix, number.row, number.columns, number.increment, number.description) == (
        "EUR",
        "r1",
        8,
        Decimal("0.5"),
        "net",
    )
    assert (moment.label, moment.date_kind) == ("At", DateKind.TIME)
    assert review.components[0].text == "# Review"


@pytest.mark.parametrize(
    ("components", "code"),
    [
        ([{"type": "filepicker", "key": "x"}], "form_component"),
        ([{"type": ["text"]}], "form_component"),
        (["text"], "form_component"),
        ([field("datetime", subtype="year")], "form_component"),
        ([{"type": "textfield", "label": "X"}], "form_key"),
        ([field("textfield", "a b")], "form_key"),
        ([field("textfield", "_a")], "form_key"),
        ([field("textfield", "class")], "form_key"),
        ([field("textfield", "a..b")], "form_key"),
        ([{"type": "dynamiclist", "components": []}], "form_key"),
        ([{"type": "group", "path": "a b", "components": []}], "form_key"),
        ([field("textfield"), field("number")], "form_key_repeated"),
        ([field("textfield", "a"), field("textfield", "a.b")], "form_key_repeated"),
        ([{"type": "group", "components": [field("textfield")]}, field("number")], "form_key_repeated"),
        (
            [{"type": "dynamiclist", "path": "l", "components": [field("textfield"), field("textfield")]}],
            "form_key_repeated",
        ),
        ([field("textfield", label="")], "form_label"),
        ([field("select")], "form_options"),
        ([field("select", values=[*FRUIT, FRUIT[0]])], "form_options"),
        ([field("select", valuesExpression="=[")], "form_options"),
        ([field("select", values=FRUIT, defaultValue="plum")], "form_default"),
        ([field("textfield", conditional={"hide": "=a +"})], "form_condition"),
        ([field("textfield", conditional={"hide": "=__import__('os')"})], "form_condition"),
        ([field("textfield", readonly="=a +")], "form_condition"),
        ([field("textfield", validate={"pattern": "("})], "form_pattern"),
        ([field("textfield", validate={"minLength": 5, "maxLength": 2})], "form_limits"),
        ([field("textfield", validate={"minLength": -1})], "form_limits"),
        ([field("number", validate={"min": 5, "max": 2})], "form_limits"),
        ([field("number", validate={"min": "many"})], "form_limits"),
        ([field("number", validate={"min": "=1 +"})], "form_limits"),
        ([field("number", decimalDigits=1.5)], "form_limits"),
    ],
)
def test_a_fault_of_the_form_is_found(components: list[Any], code: str) -> None:
    assert code in codes(*components)


def test_a_finding_names_file_and_component() -> None:
    (finding,) = form(field("textfield", validate={"pattern": "("})).lint()

    assert (finding.file, finding.element) == ("order/review.form", "field_x")


def test_the_same_key_in_two_lists_is_no_fault() -> None:
    assert codes(field("textfield", "paper"), LINES, {**LINES, "path": "others"}) == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"components": 5}',
        b'{"components": [], "x": NaN}',
        b'{"components": [], "x": ' + b"9" * 5_000 + b"}",
        b"\xff\xfe",
        b'{"components": [' + b"[" * 60 + b"]" * 60 + b"]}",
        b"[" * 200_000,
        b" " * 1_000_001,
        json.dumps({"components": [{"type": "separator"}] * 501}).encode(),
    ],
)
def test_what_is_no_form_is_refused(data: bytes) -> None:
    with pytest.raises(DefinitionError):
        read_form(data, "x.form")


def test_conditions_share_a_budget() -> None:
    costly = "len([a for a in big]) > 0"
    review = form(*(field("textfield", f"f{n}", conditional={"hide": costly}) for n in range(300)))

    with pytest.raises(CostlyExpression):
        review.validate({}, {"big": list(range(5_000))})
