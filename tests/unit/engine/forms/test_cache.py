"""Forms kept in memory: of one deployment, under one name, and no more of them than there is room for."""

import json

import pytest
from running import Office, a_diagram, a_process, end, start, user

from engine.forms.cache import FormCache
from storage.errors import NotFound

DIAGRAM = a_diagram(a_process("order", start(), user("enter"), end(), "begin -> enter", "enter -> done"))


def _form(label: str) -> bytes:
    fields = [{"type": "textfield", "key": "note", "label": label, "id": "f1"}]
    return json.dumps({"type": "default", "id": "note", "schemaVersion": 19, "components": fields}).encode()


def _deployed(office: Office, label: str) -> int:
    office.deploy(DIAGRAM, note_form=_form(label))
    with office.database.reading() as tx:
        return tx.deployments.latest("order").deployment_id


def test_each_deployment_has_its_own_form_of_a_name(office: Office) -> None:
    first, second = _deployed(office, "Note"), _deployed(office, "Remark")
    forms = FormCache()

    with office.database.reading() as tx:
        labels = [forms.of(tx, deployment, "note").components[0].label for deployment in (first, second, first)]

    assert labels == ["Note", "Remark", "Note"]


def test_a_form_is_read_once_and_the_one_used_least_lately_is_given_up(office: Office) -> None:
    first, second = _deployed(office, "Note"), _deployed(office, "Remark")
    forms = FormCache(size=1)

    with office.database.reading() as tx:
        kept = forms.of(tx, first, "note")
        assert forms.of(tx, first, "note") is kept
        forms.of(tx, second, "note")
        assert forms.of(tx, first, "note") is not kept


def test_a_form_that_is_missing_in_a_version_is_not_found(office: Office) -> None:
    deployment = _deployed(office, "Note")

    with office.database.reading() as tx, pytest.raises(NotFound, match="The form other is missing"):
        FormCache().of(tx, deployment, "other")
