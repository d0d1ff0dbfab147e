"""Decision tables as rows of text, and back into their file."""

from dataclasses import replace
from pathlib import Path

import pytest
from lxml import etree

from engine.decisions.decision import read_decisions
from engine.decisions.editing import EditableTable, Row, TableChanged, rewritten, subjects, tables

FILE = Path(__file__).parents[4] / "workflows" / "order" / "order_routing.dmn"
DATA = FILE.read_bytes()
KEY = "order_routing"
GIVEN = {"days_until_wanted": 1, "is_new_customer": False, "price_net": 1, "run_length": 1, "finishing": ""}


def a_table(data: bytes = DATA) -> EditableTable:
    return tables(data, FILE.name)[0]


def rows(table: EditableTable) -> list[Row]:
    return [
        Row(tuple(cell.text for cell in rule.inputs), tuple(cell.text for cell in rule.outputs), rule.note, place)
        for place, rule in enumerate(table.rules)
    ]


def test_rows_that_change_nothing_give_the_same_bytes() -> None:
    assert rewritten(DATA, FILE.name, KEY, rows(a_table())) is DATA


def test_a_changed_cell_is_the_only_difference() -> None:
    wanted = rows(a_table())
    wanted[0] = replace(wanted[0], outputs=("90", '"qa"', *wanted[0].outputs[2:]))

    changed = rewritten(DATA, FILE.name, KEY, wanted)

    assert a_table(changed).rules[0].outputs[1].text == '"qa"'
    put_back = rewritten(changed, FILE.name, KEY, rows(a_table()))
    assert etree.canonicalize(etree.fromstring(put_back)) == etree.canonicalize(etree.fromstring(DATA))
    assert changed.decode().count("\n") == DATA.decode().count("\n")


def test_a_new_rule_gets_ids_that_nothing_else_has_and_can_be_read() -> None:
    wanted = rows(a_table())
    new = Row(("< 2", "-", "-", "-", "-"), ("95", '"manager"', '"PT1H"', "true", "0"), "Very urgent")

    changed = rewritten(DATA, FILE.name, KEY, [new, *wanted])

    ids = [element.get("id") for element in etree.fromstring(changed).iter() if element.get("id")]
    assert len(ids) == len(set(ids))
    assert a_table(changed).rules[0].note == "Very urgent"
    assert [rule.id for rule in a_table(changed).rules[1:]] == [rule.id for rule in a_table().rules]
    decision = read_decisions(changed, FILE.name)[KEY]
    assert decision.evaluate(GIVEN)["priority"] == 95


def test_rules_can_be_moved_and_removed_and_keep_their_ids() -> None:
    wanted = rows(a_table())
    names = [rule.id for rule in a_table().rules]

    changed = rewritten(DATA, FILE.name, KEY, [wanted[2], wanted[0]])

    assert [rule.id for rule in a_table(changed).rules] == [names[2], names[0]]


def test_all_rules_may_go_and_come_back() -> None:
    empty = rewritten(DATA, FILE.name, KEY, [])

    filled = rewritten(empty, FILE.name, KEY, [Row(("-",) * 5, ("1", '"qa"', '"P1D"', "true", "0"))])

    assert a_table(empty).rules == ()
    assert read_decisions(filled, FILE.name)[KEY].evaluate(GIVEN)["priority"] == 1


def test_a_note_can_be_written_and_taken_away() -> None:
    wanted = rows(a_table())

    changed = rewritten(DATA, FILE.name, KEY, [replace(row, note="") for row in wanted])
    noted = rewritten(changed, FILE.name, KEY, [replace(row, note="<why> & how") for row in wanted])

    assert {rule.note for rule in a_table(changed).rules} == {""}
    assert {rule.note for rule in a_table(noted).rules} == {"<why> & how"}
    read_decisions(noted, FILE.name)


@pytest.mark.parametrize(
    "wanted",
    [
        [Row(("-",), ("1",))],
        [Row(("-",) * 5, ("1",) * 5, origin=99)],
        [Row(("-",) * 5, ("1",) * 5, origin=0), Row(("-",) * 5, ("1",) * 5, origin=0)],
    ],
    ids=["other columns", "no such rule", "one rule twice"],
)
def test_rows_that_do_not_fit_the_table_are_refused(wanted: list[Row]) -> None:
    with pytest.raises(TableChanged):
        rewritten(DATA, FILE.name, KEY, wanted)


def test_a_table_that_is_gone_is_told() -> None:
    with pytest.raises(TableChanged):
        rewritten(DATA, FILE.name, "another", [])


def test_columns_tell_what_they_ask_and_which_texts_they_may_answer() -> None:
    table = a_table()

    assert table.outputs[1].values == ("qa", "manager")
    assert subjects([table])["days_until_wanted"] == "integer"


def test_answers_from_a_list_and_yes_or_no_are_choices() -> None:
    group, needed, due = (a_table().outputs[place] for place in (1, 3, 2))

    assert group.choices == (('"qa"', "qa"), ('"manager"', "manager"))
    assert [said for _, said in needed.choices] == ["yes", "no"]
    assert due.choices == ()
