"""One work item: the parcel's pages beside its form, claiming, giving back, drafts, and completing it."""

import secrets
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from engine.forms.form import Form
from storage.beside import Beside
from storage.database import Transaction
from storage.errors import Invalid
from storage.worklist import ItemInHand
from web import desk as desks
from web.context import person, system
from web.desk import Accepted, Desk, checked_in_hand, desk, form_in_hand
from web.forms import Filling, markdown, typed_answers, with_more
from web.forms import show as lay_out
from web.navigation import say
from web.repeats import Keep, once_within
from web.rights import Right, needs
from web.sheets import ZOOMS, sheet
from web.sight import set_aside
from web.viewer import here_with
from web.work_rows import work_rows

pages = Blueprint("work", __name__, url_prefix="/work-items")


class _Incorrect(Invalid):
    """Some of what was typed has to be corrected; the form is shown again and says what."""

    def __init__(self, errors: dict[str, str]) -> None:
        super().__init__("Some of what was typed has to be corrected.")
        self.errors = errors


@pages.get("/<int:item_id>")
@needs(Right.WORK)
def show(item_id: int) -> ResponseReturnValue:
    """Show the item with its parcel's pages and its form."""
    with system().database.reading() as tx:
        return _page(desk(tx, person(), item_id), tx)


@pages.post("/<int:item_id>/claim")
@needs(Right.WORK)
def claim(item_id: int) -> ResponseReturnValue:
    """Take the item; who comes second is told who has it and since when."""
    system().worklist.claim(item_id, person())
    return _row_or_back(item_id)


@pages.post("/<int:item_id>/release")
@needs(Right.WORK)
def release(item_id: int) -> ResponseReturnValue:
    """Give the item back to its groups."""
    system().worklist.release(item_id, person())
    return _row_or_back(item_id)


@pages.post("/<int:item_id>/delegate")
@needs(Right.WORK)
def delegate(item_id: int) -> ResponseReturnValue:
    """Hand the item over to another person of its group."""
    system().worklist.delegate(item_id, person(), request.form.get("to", 0, type=int))
    say("Handed over.")
    return redirect(url_for("worklist.show"))


@pages.post("/<int:item_id>/draft")
@needs(Right.WORK)
def draft(item_id: int) -> ResponseReturnValue:
    """Keep what was typed, for this person only; answered with the time for a page that saves by itself."""
    with system().database.transaction() as tx:
        on_desk = desk(tx, person(), item_id)
        if on_desk.is_open:
            tx.processes.usable(on_desk.hand.instance)
        if not on_desk.is_open or on_desk.form is None:
            raise tx.work.taken(on_desk.hand)
        tx.drafts.keep(item_id, person().user_id, _typed(on_desk.form))
        now = tx.now
    if "HX-Request" in request.headers:
        return render_template("fragments/draft_note.html", saved_at=now)
    say("Kept as a draft.")
    return redirect(url_for("work.show", item_id=item_id))


@pages.post("/<int:item_id>/form")
@needs(Right.WORK)
def refresh(item_id: int) -> ResponseReturnValue:
    """Show the form again with what was typed: fields that belong to it come and go, lists grow. Nothing is stored."""
    with system().database.reading() as tx:
        on_desk = desk(tx, person(), item_id)
        return _page(_filled(on_desk, _typed(on_desk.form)), tx)


@pages.post("/<int:item_id>/complete")
@needs(Right.WORK)
def complete(item_id: int) -> ResponseReturnValue:
    """Check what was typed and complete the item, which claims one that nobody has."""
    return once_within(lambda keep: _complete(item_id, keep))


def _complete(item_id: int, keep: Keep) -> Response:
    made: list[tuple[Response, str]] = []
    name = ""

    def accept(tx: Transaction, hand: ItemInHand) -> Accepted:
        nonlocal name
        name = hand.name
        return _accepted(tx, hand)

    def also(tx: Transaction, beside: Beside) -> None:
        number = beside.order_number or beside.parcel_number
        made.append((make_response(redirect(_next_place(tx))), f" for {number}" if number else ""))
        keep(tx, made[-1][0])

    try:
        desks.complete(item_id, person(), accept, also)
    except _Incorrect as refused:
        return _to_correct(item_id, refused.errors)
    answer, about = made[-1]
    say(f"Done: {name}{about}.")
    return answer


def _accepted(tx: Transaction, hand: ItemInHand) -> Accepted:
    form = form_in_hand(tx, hand) if hand.is_open and not hand.is_resting else None
    if form is None:
        return Accepted()
    answers = checked_in_hand(tx, hand, form, _typed(form))
    if answers.errors:
        raise _Incorrect(answers.errors)
    return Accepted(form, answers.values)


def _to_correct(item_id: int, errors: dict[str, str]) -> Response:
    with system().database.reading() as tx:
        on_desk = desk(tx, person(), item_id)
        return make_response(_page(_filled(on_desk, _typed(on_desk.form), errors), tx), 422)


def _page(on_desk: Desk, tx: Any) -> str:
    shown = lay_out(on_desk.form, on_desk.filling, on_desk.hand.outcome_field) if on_desk.form else None
    view = on_desk.view
    actor = person()
    fellows = tx.people.members(on_desk.item.candidate_group) if on_desk.item.candidate_group else []
    return render_template(
        "work_item.html",
        desk=on_desk,
        item=on_desk.item,
        view=view,
        number=_number(on_desk),
        shown=shown,
        sheet=sheet(tx, view, request.args) if view and on_desk.is_open else None,
        set_aside=set_aside(tx, actor, view.id) if view else [],
        zooms=ZOOMS,
        here_with=here_with,
        instructions=markdown(on_desk.item.instructions or ""),
        is_mine=on_desk.item.assignee_id == actor.user_id,
        fellows=[one for one in fellows if one.id != actor.user_id],
        request_key=secrets.token_urlsafe(16),
        focus=_focus(shown, on_desk),
    )


def _focus(shown: Any, on_desk: Desk) -> str:
    """Give the field to begin with: the least certain one, unless something has to be corrected first."""
    if shown is None or on_desk.filling.errors:
        return ""
    return next((part.name for part in shown.parts if part.is_unsure), "")


def _filled(on_desk: Desk, typed: dict[str, Any], errors: dict[str, str] | None = None) -> Desk:
    filling: Filling = replace(on_desk.filling, typed=typed, errors=errors or {})
    return replace(on_desk, filling=filling)


def _typed(form: Form | None) -> dict[str, Any]:
    if form is None:
        return {}
    fields = dict(request.form.lists())
    return with_more(fields, typed_answers(fields, form))


def _number(on_desk: Desk) -> str:
    return (on_desk.view.order_number or on_desk.view.number) if on_desk.view else ""


def _next_place(tx: Transaction) -> str:
    """Give where to go on: to the next item on my table, else to the worklist."""
    mine = [item for item in tx.work.mine(person(), limit=5) if item.assignee_id == person().user_id]
    return url_for("work.show", item_id=mine[0].id) if mine else url_for("worklist.show")


def _row_or_back(item_id: int) -> Response:
    if "HX-Request" not in request.headers:
        return make_response(redirect(_came_from()))
    with system().database.reading() as tx:
        [row] = work_rows(tx, person(), [tx.work.one(item_id)])
    return make_response(render_template("fragments/work_row.html", row=row))


def _came_from() -> str:
    """Give the page of ours that the form stood on."""
    came = urlsplit(request.referrer or "")
    if came.netloc != request.host or not came.path.startswith(("/worklist", "/work-items/", "/orders/", "/parcels/")):
        return url_for("worklist.show")
    return came.path + (f"?{came.query}" if came.query else "")
