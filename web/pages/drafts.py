"""Drafts of processes: begun from a version or empty, filled with files, checked as deploying does, and put in force."""

from collections.abc import Iterable

from flask import Blueprint, Response, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.datastructures import FileStorage

from engine.deployment import Deployed, deploy
from engine.errors import DefinitionError, Finding, Severity
from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.errors import Invalid, NotFound, StaleVersion
from web import processes
from web.context import person, system
from web.draft_files import (
    MOST_FILES,
    checked_content,
    checked_path,
    difference,
    lines,
    media_type,
    own_files,
    packed,
    place,
)
from web.files import lock, safe_name
from web.navigation import say
from web.problems import wants_json
from web.processes import DraftView
from web.rights import Right, needs
from web.security import takes_files

pages = Blueprint("drafts", __name__, url_prefix="/drafts")

_LONGEST_NAME = 100
_LONGEST_NOTE = 2_000


@pages.post("")
@needs(Right.DRAW)
def begin() -> ResponseReturnValue:
    """Begin a draft from a deployment, or an empty one."""
    based_on = request.form.get("deployment", type=int)
    with system().database.transaction() as tx:
        files = own_files(tx.deployments.files(based_on)) if based_on else {}
        name = _free_name(tx, request.form.get("name", "").strip()[:_LONGEST_NAME] or "New process")
        draft = tx.deployments.add_draft(name, files, person().login, based_on)
        _note(tx, "draft_begun", draft.id, {"name": name, "deployment": based_on})
        draft_id = draft.id
    return redirect(url_for("processes.drafts.show", draft_id=draft_id))


@pages.get("/<int:draft_id>")
@needs(Right.DRAW)
def show(draft_id: int) -> ResponseReturnValue:
    """Show a draft: its files, what was found, what changes, and deploying it."""
    return _page(draft_id)


@pages.post("/<int:draft_id>/files")
@needs(Right.DRAW)
@takes_files
def put(draft_id: int) -> ResponseReturnValue:
    """Add or replace files: uploaded ones, or the text of one; an editor that says so gets the new version as JSON."""
    path = request.form.get("path", "")
    with system().database.transaction() as tx:
        present = tx.deployments.draft_files(draft_id)
        given = dict(_given(path, present))
        if not given:
            raise Invalid("Choose at least one file.")
        if len(present | given) > MOST_FILES:
            raise Invalid(f"A draft has at most {MOST_FILES} files.")
        version = _put(tx, draft_id, given)
    if wants_json():
        return {"version": version}
    say(f"Saved {', '.join(sorted(given))}.")
    return redirect(_after(draft_id, path))


@pages.post("/<int:draft_id>/remove")
@needs(Right.DRAW)
def remove(draft_id: int) -> ResponseReturnValue:
    """Remove a file from a draft, or put it back as it was."""
    path = request.form.get("path", "")
    with system().database.transaction() as tx:
        view = processes.draft_view(tx, draft_id)
        before = (view.base or {}).get(path)
        if path not in view.files and before is None:
            raise NotFound("The draft has no such file.")
        content = before if request.form.get("restore") else None
        tx.deployments.put_draft_file(draft_id, path, content, person().login, _version())
        _note(tx, "draft_changed", draft_id, {"put_back" if content is not None else "removed": path})
    say(f"{path} is {'as it was' if request.form.get('restore') else 'removed from the draft'}.")
    return redirect(url_for("processes.drafts.show", draft_id=draft_id))


@pages.get("/<int:draft_id>/files/<path:path>")
@needs(Right.DRAW)
def file(draft_id: int, path: str) -> ResponseReturnValue:
    """Give a file of a draft, byte for byte."""
    with system().database.reading() as tx:
        data = tx.deployments.draft_files(draft_id).get(path)
    if data is None:
        raise NotFound("The draft has no such file.")
    answer = Response(data, mimetype=media_type(path))
    answer.headers.set("Content-Disposition", "attachment", filename=safe_name(path))
    return lock(answer)


@pages.get("/<int:draft_id>/zip")
@needs(Right.DRAW)
def whole(draft_id: int) -> ResponseReturnValue:
    """Give all files of a draft as a zip."""
    with system().database.reading() as tx:
        name = tx.deployments.draft(draft_id).name
        found = packed(tx.deployments.draft_files(draft_id))
    return send_file(found, mimetype="application/zip", as_attachment=True, download_name=f"{safe_name(name)}.zip")


@pages.get("/<int:draft_id>/findings")
@needs(Right.DRAW)
def findings(draft_id: int) -> ResponseReturnValue:
    """Give the list of findings alone, for an editor that has just saved."""
    surroundings = system().surroundings()
    with system().database.reading() as tx:
        checked = processes.checked_draft(tx, processes.draft_view(tx, draft_id).files, surroundings)
    found = processes.finding_lines(draft_id, checked)
    return render_template("processes/findings_alone.html", findings=found, here=request.args.get("file"))


@pages.post("/<int:draft_id>/deploy")
@needs(Right.DRAW)
def put_in_force(draft_id: int) -> ResponseReturnValue:
    """Put a draft in force as new versions; running instances keep theirs."""
    note = request.form.get("note", "").strip()[:_LONGEST_NOTE]
    with system().database.reading() as tx:
        view = processes.draft_view(tx, draft_id)
    try:
        deployed = _deploy(view, note)
    except DefinitionError as error:
        return _page(draft_id, refused=error.findings), 422
    except Invalid as error:
        return _page(draft_id, error=error.message, note=note), 422
    _clear_away(draft_id, view.draft.version)
    _tell(deployed)
    first = next(iter(deployed.versions))
    return redirect(url_for("processes.version", key=first, version=deployed.versions[first]))


@pages.post("/<int:draft_id>/discard")
@needs(Right.DRAW)
def discard(draft_id: int) -> ResponseReturnValue:
    """Throw a draft away."""
    with system().database.transaction() as tx:
        name = tx.deployments.draft(draft_id).name
        tx.deployments.drop_draft(draft_id)
        _note(tx, "draft_discarded", draft_id, {"name": name})
    say(f"The draft {name} is gone.")
    return redirect(url_for("processes.all_in_force"))


def save(draft_id: int, path: str, content: bytes, version: int) -> None:
    """Keep a changed file of a draft; raises `StaleVersion` when somebody else has changed the draft since."""
    with system().database.transaction() as tx:
        tx.deployments.put_draft_file(draft_id, path, content, person().login, version)
        _note(tx, "draft_changed", draft_id, {"files": [path]})


def _given(path: str, present: dict[str, bytes]) -> Iterable[tuple[str, bytes]]:
    """Give what the request brings: the text of one file, one file for a path, or several that find their own places."""
    text = request.form.get("text")
    if path and text is not None:
        yield checked_path(path), text.replace("\r\n", "\n").encode()
        return
    uploaded: list[FileStorage] = [one for one in request.files.getlist("files") if one.filename]
    for one in uploaded:
        target = checked_path(path) if path else place(one.filename or "", present)
        yield target, checked_content(target, one.stream.read())


def _put(tx: Transaction, draft_id: int, given: dict[str, bytes]) -> int:
    version = _version()
    for path, content in given.items():
        version = tx.deployments.put_draft_file(draft_id, path, content, person().login, version)
    _note(tx, "draft_changed", draft_id, {"files": sorted(given)})
    return version


def _version() -> int:
    return request.form.get("version", 0, type=int)


def _after(draft_id: int, path: str) -> str:
    if path and "text" in request.form:
        return processes.editor_of(draft_id, path)
    return url_for("processes.drafts.show", draft_id=draft_id)


def _free_name(tx: Transaction, name: str) -> str:
    taken = {draft.name for draft in tx.deployments.drafts()}
    number = 2
    free = name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def _deploy(view: DraftView, note: str) -> Deployed:
    if view.draft.version != _version():
        raise StaleVersion("Somebody else has changed this draft; look at it again before it is put in force.")
    if not any(path.endswith(".bpmn") for path in view.files):
        raise Invalid("The draft has no diagram yet; add a .bpmn file.")
    if view.overtaken and not request.form.get("replace"):
        raise Invalid("A newer version is in force than the one this draft began with; say that it shall be replaced.")
    if not note:
        raise Invalid("Write in a few words what changes, for those who ask later.")
    surroundings = system().surroundings()
    with system().database.reading() as tx:
        checked = processes.checked_draft(tx, view.files, surroundings)
    if checked.program is None:
        raise DefinitionError(checked.findings)
    return deploy(system().database, surroundings, view.files, login=person().login, note=note, name=view.draft.name)


def _clear_away(draft_id: int, version: int) -> None:
    """Drop a draft that is in force now, unless somebody has changed it in the meantime."""
    with system().database.transaction() as tx:
        if tx.deployments.draft(draft_id).version == version:
            tx.deployments.drop_draft(draft_id)


def _tell(deployed: Deployed) -> None:
    if not deployed.is_new:
        say("These very files are in force already, so nothing was changed.", "calm")
        return
    names = ", ".join(f"{key} {number}" for key, number in deployed.versions.items())
    running = _running_before(deployed)
    kept = f" {running} running keep their version." if running else ""
    say(f"In force from now on: {names}.{kept}")


def _running_before(deployed: Deployed) -> int:
    with system().database.reading() as tx:
        active = tx.processes.count_active()
        return sum(
            active.get(one.id, 0)
            for key in deployed.versions
            for one in tx.deployments.versions(key)
            if one.deployment_id != deployed.deployment_id
        )


def _page(draft_id: int, refused: Iterable[Finding] = (), error: str = "", note: str = "") -> str:
    surroundings = system().surroundings()
    with system().database.reading() as tx:
        view = processes.draft_view(tx, draft_id)
        checked = processes.checked_draft(tx, view.files, surroundings)
    listed = lines(view.files, view.base)
    return render_template(
        "processes/draft.html",
        view=view,
        files=listed,
        findings=processes.finding_lines(draft_id, checked),
        errors=[one for one in (*checked.findings, *refused) if one.severity is Severity.ERROR],
        is_refused=bool(tuple(refused)),
        differences={
            one.path: difference(one.path, view.files, view.base or {}) for one in listed if one.change != "same"
        },
        editor_of=processes.editor_of,
        error=error,
        note=note,
    )


def _note(tx: Transaction, action: str, draft_id: int, details: dict[str, object]) -> None:
    tx.audit.record(SYSTEM_CHAIN, person().login, action, f"draft:{draft_id}", details)
