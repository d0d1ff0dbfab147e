"""Trying a draft: the real engine on a scratch database, with variables that a person types; nothing leaves the machine."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from engine.decisions.editing import EditableTable, subjects, tables
from engine.deployment import Checked, with_called
from engine.diagrams.outline import OutlinedNode
from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run
from engine.errors import DefinitionError
from storage.database import Transaction
from storage.errors import Invalid, NotFound
from web import processes
from web.context import system
from web.processes import DraftView
from web.rights import Right, needs

pages = Blueprint("tryout", __name__, url_prefix="/drafts/<int:draft_id>/try")

_MOST_EVENTS = 500
_MOST_VARIABLES = 60
_SPARE_ROWS = 3


@dataclass(frozen=True, slots=True)
class Visited:
    """A flow node that the trial came to an end with."""

    node: str
    name: str
    process: str
    what: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Trial:
    """What a trial gave."""

    outcome: str
    code: str | None
    element: str | None
    path: Sequence[Visited]
    variables: Mapping[str, Mapping[str, Any]]
    is_cut: bool


@pages.get("")
@needs(Right.DRAW)
def ask(draft_id: int) -> ResponseReturnValue:
    """Ask what to try."""
    return _page(draft_id, {}, None, "")


@pages.post("")
@needs(Right.DRAW)
def try_out(draft_id: int) -> ResponseReturnValue:
    """Try the draft and show its way and its end."""
    surroundings = system().surroundings()
    with system().database.reading() as tx:
        view = processes.draft_view(tx, draft_id)
        files = _whole(tx, view)
        checked = processes.checked_draft(tx, view.files, surroundings)
    try:
        options = _options(checked)
        trial = _tried(files, options, _names(view))
    except Invalid as error:
        return _page(draft_id, request.form, None, error.message), 422
    return _page(draft_id, request.form, trial, "")


def _whole(tx: Transaction, view: DraftView) -> dict[str, bytes]:
    try:
        return with_called(tx, view.files)
    except NotFound:
        return dict(view.files)


def _options(checked: Checked) -> Options:
    process = request.form.get("process", "")
    known = checked.program.processes if checked.program else {}
    if process not in known:
        raise Invalid("The draft cannot run yet; look at its findings.")
    return Options(
        processes=(process,),
        variables=_variables(),
        script=_script(),
        hold=bool(request.form.get("hold")),
        now=system().clock(),
        time_zone=str(system().zone),
    )


def _variables() -> dict[str, Any]:
    pairs = zip(request.form.getlist("name"), request.form.getlist("value"), strict=False)
    return {
        name.strip(): _value(text.strip())
        for name, text in list(pairs)[:_MOST_VARIABLES]
        if name.strip() and text.strip()
    }


def _value(text: str) -> Any:
    """Read a value as JSON where it is some (numbers, true, lists), else as the text it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _script() -> list[dict[str, Any]]:
    text = request.form.get("script", "").strip()
    try:
        steps = json.loads(text) if text else []
    except ValueError as error:
        raise Invalid(f"The steps are no JSON: {error}.") from error
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise Invalid(
            'The steps are a JSON list such as [{"complete": "review", "variables": {"decision": "accept"}}].'
        )
    return steps


def _tried(files: Mapping[str, bytes], options: Options, names: Mapping[str, str]) -> Trial:
    path: list[Visited] = []
    for number, event in enumerate(dry_run(files, options)):
        if event["event"] == "end":
            is_cut = number > len(path)
            return Trial(event["outcome"], event["code"], event["element"], path, event["variables"], is_cut)
        if number < _MOST_EVENTS:
            node = event["node"]
            at = datetime.fromisoformat(event["at"])
            path.append(Visited(node, names.get(node) or node, event["process"], event["event"], at))
    raise Invalid("The trial gave no end; try it again.")


def _names(view: DraftView) -> dict[str, str]:
    found: dict[str, str] = {}
    for path, data in view.files.items():
        if path.endswith(".bpmn"):
            for process in processes.outlined(data, path):
                found |= dict(_flat(process.nodes))
    return found


def _flat(nodes: Sequence[OutlinedNode]) -> list[tuple[str, str]]:
    own = [(node.id, node.name) for node in nodes if node.id]
    return own + [pair for node in nodes for pair in _flat((*node.inside, *node.attached))]


def _page(draft_id: int, typed: Mapping[str, str], trial: Trial | None, error: str) -> str:
    surroundings = system().surroundings()
    with system().database.reading() as tx:
        view = processes.draft_view(tx, draft_id)
        checked = processes.checked_draft(tx, view.files, surroundings)
    runnable = [one for one in (checked.program.processes.values() if checked.program else ()) if one.is_executable]
    return render_template(
        "processes/try.html",
        view=view,
        runnable=runnable,
        drawings=_drawings(view),
        typed=typed,
        rows=_rows(view),
        trial=trial,
        error=error,
    )


def _drawings(view: DraftView) -> dict[str, str]:
    """Give the file of each process that the draft draws."""
    return {
        process.id: path
        for path, data in view.files.items()
        if path.endswith(".bpmn")
        for process in processes.outlined(data, path)
        if process.id
    }


def _rows(view: DraftView) -> list[tuple[str, str, str]]:
    """Give the rows of the form: name, value, type; what was typed, else what the tables ask for."""
    if "name" in request.form:
        pairs = zip(request.form.getlist("name"), request.form.getlist("value"), strict=False)
        rows = [(name, value, "") for name, value in pairs if name.strip()]
    else:
        rows = [(name, "", kind) for name, kind in sorted(_asked(view).items())]
    return rows[:_MOST_VARIABLES] + [("", "", "")] * _SPARE_ROWS


def _asked(view: DraftView) -> Mapping[str, str]:
    found: list[EditableTable] = []
    for path, data in view.files.items():
        if path.endswith(".dmn"):
            try:
                found += tables(data, path)
            except DefinitionError:
                continue  # what is wrong with the file stands among the findings
    return subjects(found)
