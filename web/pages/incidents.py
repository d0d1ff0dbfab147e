"""Incidents: tokens and jobs that cannot go on, grouped by cause, with retry and giving up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.base import to_json
from storage.database import Transaction
from storage.errors import Conflict, Invalid, NotFound
from storage.incidents import Incident
from web.context import person, system
from web.instances import check_may_change
from web.navigation import say
from web.rights import Right, needs
from web.sight import parcel_behind
from web.typed_values import variable_name, variable_value

pages = Blueprint("incidents", __name__, url_prefix="/incidents")

_LONGEST_REASON = 2000
_MOST_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Trouble:
    """One incident as shown; its message and the data that broke it only to whom the whole parcel is open."""

    incident: Incident
    number: str | None
    is_in_sight: bool
    message: str
    data: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Incidents with the same cause: element, code and expression."""

    node: str | None
    code: str
    expression: str | None
    troubles: Sequence[Trouble]

    @property
    def is_in_sight(self) -> bool:
        """Tell whether the person may act on any of them."""
        return any(one.is_in_sight for one in self.troubles)

    @property
    def message(self) -> str:
        """Give what the incidents say, from one that the person may read: what is said names the data."""
        return next((one.message for one in self.troubles if one.message), "What it says is not shown to you.")


@pages.get("")
@needs(Right.OPERATE)
def open_ones() -> ResponseReturnValue:
    """Show the open incidents by cause, the most frequent first."""
    with system().database.reading() as tx:
        causes = _causes([_trouble(tx, incident) for incident in tx.incidents.still_open()])
    return render_template("incidents.html", causes=causes)


@pages.post("/retry")
@needs(Right.OPERATE)
def retry() -> ResponseReturnValue:
    """Let the chosen incidents try again."""
    done, late = _each(lambda incident_id: system().incident_desk.retry(incident_id, person().login))
    _tell("Trying again", done, late)
    return redirect(url_for("incidents.open_ones"))


@pages.post("/correct")
@needs(Right.OPERATE)
def correct() -> ResponseReturnValue:
    """Set a variable that the chosen incidents stumble over, and let them try again."""
    try:
        corrected = {variable_name(): variable_value()}
    except Invalid as error:
        say(error.message, "bad")
        return redirect(url_for("incidents.open_ones"))
    with system().database.reading() as tx:
        for incident_id in request.form.getlist("incident", type=int)[:_MOST_AT_ONCE]:
            view = parcel_behind(tx, person(), tx.incidents.one(incident_id).parcel_id)
            check_may_change(view, list(corrected))
    done, late = _each(lambda incident_id: system().incident_desk.retry(incident_id, person().login, corrected))
    _tell("Corrected, trying again", done, late)
    return redirect(url_for("incidents.open_ones"))


@pages.post("/give-up")
@needs(Right.OPERATE)
def give_up() -> ResponseReturnValue:
    """End what the chosen incidents stand for, with a reason."""
    reason = request.form.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        say("Say why you give up.", "bad")
        return redirect(url_for("incidents.open_ones"))
    done, late = _each(lambda incident_id: system().incident_desk.give_up(incident_id, person().login, reason))
    _tell("Given up", done, late)
    return redirect(url_for("incidents.open_ones"))


def _each(act: Callable[[int], None]) -> tuple[int, int]:
    """Act on each chosen incident in a transaction of its own; those that somebody dealt with already are counted."""
    chosen = request.form.getlist("incident", type=int)[:_MOST_AT_ONCE]
    with system().database.reading() as tx:
        _check_in_sight(tx, chosen)
    done = late = 0
    for incident_id in chosen:
        try:
            act(incident_id)
        except (Conflict, NotFound):
            late += 1
        else:
            done += 1
    return done, late


def _check_in_sight(tx: Transaction, chosen: Sequence[int]) -> None:
    """Raise `NotFound` when one of the incidents does not exist or belongs to a parcel that the person may not see."""
    for parcel_id in {tx.incidents.one(incident_id).parcel_id for incident_id in chosen}:
        if parcel_id is not None and parcel_behind(tx, person(), parcel_id) is None:
            raise NotFound("There is no such incident.")


def _tell(words: str, done: int, late: int) -> None:
    if done:
        say(f"{words}: {done}.")
    if late:
        say(f"{late} had been dealt with already.", "calm")


def _trouble(tx: Transaction, incident: Incident) -> Trouble:
    view = parcel_behind(tx, person(), incident.parcel_id)
    is_loose = incident.parcel_id is None
    is_open = is_loose or (view is not None and view.rights.reads_field("*"))
    data = to_json(incident.data) if is_open and incident.data else ""
    message = incident.message if is_open else ""
    return Trouble(incident, view.number if view else None, is_loose or view is not None, message, data)


def _causes(troubles: Sequence[Trouble]) -> list[Cause]:
    groups: dict[tuple[str | None, str, str | None], list[Trouble]] = {}
    for trouble in troubles:
        one = trouble.incident
        groups.setdefault((one.node, one.code, one.expression), []).append(trouble)
    return sorted((Cause(*key, found) for key, found in groups.items()), key=lambda cause: -len(cause.troubles))
