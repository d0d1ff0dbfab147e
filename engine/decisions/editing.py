"""A decision table as rows of text that a person edits, and the way back into its file, which keeps all it does not change.

`tables` gives the tables of a DMN file; `rewritten` gives the file with the rows of one table put as wanted. A row names the
rule it comes from, so its ids stay; a row that names none becomes a new rule with ids of its own. Cells are not judged here: a
draft may be faulty, and `read_decisions` tells what is wrong with it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lxml import etree

from engine.decisions.allowance import Allowance, TooMuch
from engine.decisions.cells import list_values
from engine.decisions.reading import MOST_CELLS, children, text_of
from engine.diagrams.reader import read_xml
from engine.errors import EngineError, ExpressionError

ANY: Final = "-"
"""What dmn-js writes into an input cell that everything fits."""
_DECLARATION: Final = b'<?xml version="1.0" encoding="UTF-8"?>\n'


class TableChanged(EngineError):
    """The table is not the one that was edited any more; load it again and repeat."""

    code = "table_changed"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, what it asks (an expression) or answers (a name), its type, and the texts it may hold."""

    id: str
    label: str
    subject: str
    type: str
    values: tuple[str, ...] = ()

    @property
    def choices(self) -> tuple[tuple[str, str], ...]:
        """Give what a cell may answer, as it is written and as it is said; nothing where anything may stand."""
        if self.values:
            return tuple((f'"{value}"', value) for value in self.values)
        return (("true", "yes"), ("false", "no")) if self.type == "boolean" else ()


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell as it is written."""

    id: str
    text: str


@dataclass(frozen=True, slots=True)
class EditableRule:
    """A rule as it is written."""

    id: str
    inputs: tuple[Cell, ...]
    outputs: tuple[Cell, ...]
    note: str


@dataclass(frozen=True, slots=True)
class EditableTable:
    """A decision table as it is written."""

    decision: str
    name: str
    hit_policy: str
    inputs: tuple[Column, ...]
    outputs: tuple[Column, ...]
    rules: tuple[EditableRule, ...]


@dataclass(frozen=True, slots=True)
class Row:
    """A rule as it shall be; `origin` is the place of the rule it comes from (from 0), None for a new one."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    note: str = ""
    origin: int | None = None


def tables(data: bytes, file: str) -> tuple[EditableTable, ...]:
    """Give the decision tables of a DMN file in their order; raise DefinitionError where it is no XML."""
    allowance = Allowance()
    return tuple(_table(decision, table, allowance) for decision, table in _found(read_xml(data, file)))


def rewritten(data: bytes, file: str, decision: str, rows: Sequence[Row]) -> bytes:
    """Give the file with the rules of a table as the rows tell; the same bytes where nothing differs.

    Raises TableChanged where the table is gone or the rows do not fit its rules and columns.
    """
    root = read_xml(data, file)
    table = next((table for owner, table in _found(root) if owner.get("id") == decision), None)
    if table is None:
        raise TableChanged(f"{file} has no table {decision} any more; load it again.")
    before = etree.tostring(root)
    _put_rows(table, rows, {str(element.get("id")) for element in root.iter() if element.get("id")})
    if etree.tostring(root) == before:
        return data
    return (
        _DECLARATION
        + etree.tostring(root.getroottree(), encoding="utf-8", xml_declaration=False)
        + data[len(data.rstrip()) :]
    )


def _found(root: etree._Element) -> list[tuple[etree._Element, etree._Element]]:
    return [
        (decision, table) for decision in children(root, "decision") for table in children(decision, "decisionTable")
    ]


def _table(decision: etree._Element, table: etree._Element, allowance: Allowance) -> EditableTable:
    key = decision.get("id", "")
    policy = " ".join(filter(None, (table.get("hitPolicy", "UNIQUE"), table.get("aggregation"))))
    return EditableTable(
        decision=key,
        name=decision.get("name") or key,
        hit_policy=policy,
        inputs=tuple(_input(column, allowance) for column in children(table, "input")),
        outputs=tuple(_output(column, allowance) for column in children(table, "output")),
        rules=tuple(_rule(rule) for rule in children(table, "rule")),
    )


def _input(column: etree._Element, allowance: Allowance) -> Column:
    expression = next(children(column, "inputExpression"), column)
    text = text_of(expression)
    values = _texts(next(children(column, "inputValues"), None), allowance)
    return Column(column.get("id", ""), column.get("label") or text, text, expression.get("typeRef", ""), values)


def _output(column: etree._Element, allowance: Allowance) -> Column:
    name = column.get("name", "")
    values = _texts(next(children(column, "outputValues"), None), allowance)
    return Column(column.get("id", ""), column.get("label") or name, name, column.get("typeRef", ""), values)


def _texts(listed: etree._Element | None, allowance: Allowance) -> tuple[str, ...]:
    """Give the texts that are listed as values; nothing where other values are listed or the list cannot be read."""
    if not text_of(listed):
        return ()
    try:
        values = list_values(text_of(listed), allowance)
    except (ExpressionError, TooMuch):
        return ()
    return tuple(values) if all(isinstance(value, str) for value in values) else ()


def _rule(rule: etree._Element) -> EditableRule:
    note = text_of(next(children(rule, "description"), None))
    return EditableRule(rule.get("id", ""), _cells(rule, "inputEntry"), _cells(rule, "outputEntry"), note)


def _cells(rule: etree._Element, kind: str) -> tuple[Cell, ...]:
    return tuple(Cell(cell.get("id", ""), text_of(cell)) for cell in children(rule, kind))


def _put_rows(table: etree._Element, rows: Sequence[Row], ids: set[str]) -> None:
    width = len(list(children(table, "input"))), len(list(children(table, "output")))
    _check(table, rows, width)
    rules = list(children(table, "rule"))
    wanted = [_made(table, width, ids) if row.origin is None else rules[row.origin] for row in rows]
    for rule, row in zip(wanted, rows, strict=True):
        _write(rule, row)
        if row.origin is None:
            etree.indent(rule, level=sum(1 for _ in table.iterancestors()) + 1)
    if wanted != rules:
        _arrange(table, rules, wanted)


def _check(table: etree._Element, rows: Sequence[Row], width: tuple[int, int]) -> None:
    origins = [row.origin for row in rows if row.origin is not None]
    count = len(list(children(table, "rule")))
    fits = all((len(row.inputs), len(row.outputs)) == width for row in rows)
    if not fits or len(set(origins)) < len(origins) or any(not 0 <= origin < count for origin in origins):
        raise TableChanged("The table has other rules or columns now; load it again and repeat.")
    if len(rows) * sum(width) > MOST_CELLS:
        raise TableChanged(f"A table has at most {MOST_CELLS:,} cells; divide it.")


def _made(table: etree._Element, width: tuple[int, int], ids: set[str]) -> etree._Element:
    """Make an empty rule with readable ids that nothing in the file has."""
    key = _free(f"{table.get('id') or 'table'}_rule", ids)
    rule = etree.Element(_name(table, "rule"), {"id": key})
    for kind, count, letter in (("inputEntry", width[0], "in"), ("outputEntry", width[1], "out")):
        for number in range(1, count + 1):
            etree.SubElement(rule, _name(table, kind), {"id": _free(f"{key}_{letter}", ids, number)})
    return rule


def _free(stem: str, ids: set[str], number: int = 1) -> str:
    while f"{stem}_{number}" in ids:
        number += 1
    ids.add(f"{stem}_{number}")
    return f"{stem}_{number}"


def _write(rule: etree._Element, row: Row) -> None:
    for kind, texts in (("inputEntry", row.inputs), ("outputEntry", row.outputs)):
        for cell, text in zip(_complete(rule, kind, len(texts)), texts, strict=True):
            if text.strip() != text_of(cell) or not len(cell):
                _write_text(cell, "text", text.strip())
    note = next(children(rule, "description"), None)
    if row.note.strip() != text_of(note):
        _write_note(rule, note, row.note.strip())


def _complete(rule: etree._Element, kind: str, count: int) -> list[etree._Element]:
    cells = list(children(rule, kind))
    if len(cells) != count:
        raise TableChanged(
            f"Rule {rule.get('id', '')} has not as many cells as the table has columns; correct it in dmn-js."
        )
    return cells


def _write_text(owner: etree._Element, name: str, text: str) -> None:
    inner = next(children(owner, name), None)
    if inner is None:
        owner.text = None
        inner = etree.SubElement(owner, _name(owner, name))
    inner.text = text


def _write_note(rule: etree._Element, note: etree._Element | None, text: str) -> None:
    if note is not None and not text:
        rule.remove(note)
        return
    if note is None:
        note = etree.Element(_name(rule, "description"))
        note.tail = rule.text
        rule.insert(0, note)
    note.text = text


def _arrange(table: etree._Element, rules: Sequence[etree._Element], wanted: Iterable[etree._Element]) -> None:
    """Put the rules into their new order where the old ones stood; what stands between and after them stays."""
    place = list(table).index(rules[0]) if rules else len(table)
    gap = table.text
    last = rules[-1].tail if rules else (table[-1].tail if len(table) else table.text)
    if not rules and len(table):
        table[-1].tail = gap
    for rule in rules:
        table.remove(rule)
    placed = list(wanted)
    for offset, rule in enumerate(placed):
        rule.tail = gap if offset < len(placed) - 1 else last
        table.insert(place + offset, rule)


def _name(beside: etree._Element, name: str) -> str:
    return f"{{{etree.QName(beside).namespace}}}{name}"


def subjects(found: Iterable[EditableTable]) -> Mapping[str, str]:
    """Give what the tables ask, by name, with its type: the variables that somebody who tries them must give."""
    answered = {column.subject for table in found for column in table.outputs}
    return {
        column.subject: column.type
        for table in found
        for column in table.inputs
        if column.subject.isidentifier() and column.subject not in answered
    }
