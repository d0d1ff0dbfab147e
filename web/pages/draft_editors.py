"""Editing a file of a draft: diagrams, tables and forms in their editors, texts as text, tables also as a plain form."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.decisions.editing import ANY, EditableTable, Row, rewritten, tables
from engine.errors import DefinitionError
from storage.errors import Invalid, NotFound
from web import processes
from web.context import system
from web.draft_catalogue import catalogue
from web.draft_files import difference
from web.navigation import say
from web.pages.drafts import save
from web.processes import DraftView, FindingLine
from web.rights import Right, needs
from web.security import EDITOR_POLICY

pages = Blueprint("editors", __name__, url_prefix="/drafts/<int:draft_id>")

_ISLANDS = {".bpmn": "modeler", ".dmn": "decisions", ".form": "form-editor"}
_LONGEST_CELL = 2_000


@pages.get("/edit/<path:path>")
@needs(Right.DRAW)
def edit(draft_id: int, path: str) -> ResponseReturnValue:
    """Show the editor of a file: an island for drawings, tables and forms, a text field for texts."""
    view, findings = _looked_up(draft_id, path)
    suffix = PurePosixPath(path).suffix
    if suffix not in {*_ISLANDS, ".txt", ".csv"}:
        raise NotFound("This kind of file is edited elsewhere; save it, change it, and upload it again.")
    text = "" if suffix in _ISLANDS else view.files[path].decode("utf-8-sig", errors="replace")
    page = render_template(
        "processes/edit.html",
        view=view,
        path=path,
        suffix=suffix,
        island=_ISLANDS.get(suffix),
        text=text,
        findings=findings,
        element=request.args.get("element", ""),
        outline=processes.outlined(view.files[path], path) if suffix == ".bpmn" else [],
        catalogue=catalogue(view.files) if suffix == ".bpmn" else None,
    )
    answer = make_response(page)
    if suffix in _ISLANDS:
        answer.headers["Content-Security-Policy"] = EDITOR_POLICY
    return answer


@pages.get("/table/<path:path>")
@needs(Right.DRAW)
def table(draft_id: int, path: str) -> ResponseReturnValue:
    """Show the decision tables of a file as forms."""
    view, findings = _looked_up(draft_id, path)
    try:
        found = tables(view.files[path], path)
    except DefinitionError:
        found = ()
    return render_template(
        "processes/table.html",
        view=view,
        path=path,
        tables=found,
        findings=findings,
        faults={line.finding.element: line.finding.message for line in findings if line.finding.file == path},
        element=request.args.get("element", ""),
    )


@pages.post("/table/<path:path>")
@needs(Right.DRAW)
def change_table(draft_id: int, path: str) -> ResponseReturnValue:
    """Put the rules of one table as they were typed, then add, remove or move one where a button says so."""
    with system().database.reading() as tx:
        data = _file(tx.deployments.draft_files(draft_id), path)
    decision = request.form.get("decision", "")
    edited = next((one for one in tables(data, path) if one.decision == decision), None)
    if edited is None:
        raise NotFound("The file has no such table.")
    rows, here = _acted(_typed(edited), edited)
    changed = rewritten(data, path, decision, rows)
    if changed is data:
        say("Nothing was changed.", "calm")
    else:
        save(draft_id, path, changed, request.form.get("version", 0, type=int))
        count = sum(line.startswith("+") for line in difference(path, {path: changed}, {path: data}))
        say(f"Saved to the draft, {count} lines of the file changed." if count else "Saved to the draft.")
    return redirect(url_for("processes.editors.table", draft_id=draft_id, path=path) + f"#{decision}-{here}")


def _looked_up(draft_id: int, path: str) -> tuple[DraftView, list[FindingLine]]:
    surroundings = system().surroundings()
    with system().database.reading() as tx:
        view = processes.draft_view(tx, draft_id)
        _file(view.files, path)
        checked = processes.checked_draft(tx, view.files, surroundings)
    return view, processes.finding_lines(draft_id, checked)


def _file(files: Mapping[str, bytes], path: str) -> bytes:
    if path not in files:
        raise NotFound("The draft has no such file.")
    return files[path]


def _typed(table: EditableTable) -> list[Row]:
    """Give the rows as they were typed; what the form does not hold stays as it is."""
    return [_row(table, number) for number in range(len(table.rules))]


def _row(table: EditableTable, number: int) -> Row:
    rule = table.rules[number]
    return Row(
        inputs=tuple(_cell(f"{number}.in.{place}", cell.text) for place, cell in enumerate(rule.inputs)),
        outputs=tuple(_cell(f"{number}.out.{place}", cell.text) for place, cell in enumerate(rule.outputs)),
        note=_cell(f"{number}.note", rule.note),
        origin=number,
    )


def _cell(name: str, before: str) -> str:
    typed = request.form.get(name, before)
    if len(typed) > max(_LONGEST_CELL, len(before)):
        raise Invalid(f"A cell has at most {_LONGEST_CELL} characters.")
    return typed


def _acted(rows: Sequence[Row], table: EditableTable) -> tuple[list[Row], int]:
    """Do what the pressed button says; gives the rows and the number (from 1) of the one to look at next."""
    for action, act in (("add", _add), ("remove", _remove), ("up", _up), ("down", _down)):
        place = request.form.get(action, type=int)
        if place is not None and 0 <= place <= len(rows):
            return act(list(rows), place, table)
    return list(rows), 1


def _add(rows: list[Row], place: int, table: EditableTable) -> tuple[list[Row], int]:
    empty = Row((ANY,) * len(table.inputs), ("",) * len(table.outputs))
    return [*rows[:place], empty, *rows[place:]], place + 1


def _remove(rows: list[Row], place: int, _table: EditableTable) -> tuple[list[Row], int]:
    return [*rows[:place], *rows[place + 1 :]], max(place, 1)


def _up(rows: list[Row], place: int, _table: EditableTable) -> tuple[list[Row], int]:
    if 0 < place < len(rows):
        rows[place - 1], rows[place] = rows[place], rows[place - 1]
    return rows, max(place, 1)


def _down(rows: list[Row], place: int, table: EditableTable) -> tuple[list[Row], int]:
    moved, _ = _up(rows, place + 1, table)
    return moved, min(place + 2, len(rows))
