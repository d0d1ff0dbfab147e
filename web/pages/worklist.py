"""The worklist: what is on my table, what my groups have waiting, and the next one."""

from itertools import islice

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.database import Transaction
from storage.errors import Conflict
from storage.people import Actor
from storage.processes import InstanceState
from storage.work import WorkItem
from storage.worklist import PAGE, Place
from web.context import person, system
from web.navigation import say
from web.rights import Right, needs
from web.work_rows import place_text, read_place, work_rows

pages = Blueprint("worklist", __name__, url_prefix="/worklist")

_TRIES = 10


@pages.get("")
@needs(Right.WORK)
def show() -> ResponseReturnValue:
    """Show a page of my work items or of those my groups may take."""
    view = "pool" if request.args.get("view") == "pool" else "mine"
    group = request.args.get("group") if view == "pool" else None
    with system().database.reading() as tx:
        items = _items(tx, person(), view, group, read_place(request.args.get("after")))
        rows = work_rows(tx, person(), items[:PAGE])
    more = place_text(items[PAGE - 1]) if len(items) > PAGE else None
    next_page = url_for("worklist.show", view=view, group=group, after=more) if more else None
    return render_template("worklist.html", view=view, group=group, rows=rows, next_page=next_page)


@pages.post("/next")
@needs(Right.WORK)
def take_next() -> ResponseReturnValue:
    """Open my most urgent item, or claim the most urgent one of my groups; somebody faster just means the one after it."""
    group = request.form.get("group") or None
    actor = person()
    with system().database.reading() as tx:
        mine = [] if group else _that_go_on(tx, actor)
        offered = [] if mine else tx.work.pool(actor, group, limit=_TRIES)
    if mine:
        return redirect(url_for("work.show", item_id=mine[0].id))
    for item in offered:
        try:
            system().worklist.claim(item.id, actor)
        except Conflict:
            continue
        return redirect(url_for("work.show", item_id=item.id))
    say("Nothing waits for you or your groups.", "calm")
    return redirect(url_for("worklist.show"))


def _that_go_on(tx: Transaction, actor: Actor) -> list[WorkItem]:
    """Give the most urgent item on the person's own table, passing over those that rest with their suspended instance."""
    own = (item for item in tx.work.mine(actor, limit=_TRIES) if item.assignee_id == actor.user_id)
    return list(islice((item for item in own if _state(tx, item) is not InstanceState.SUSPENDED), 1))


def _state(tx: Transaction, item: WorkItem) -> InstanceState:
    return tx.processes.one(item.instance_id).state


def _items(tx: Transaction, actor: Actor, view: str, group: str | None, after: Place | None) -> list[WorkItem]:
    limit = PAGE + 1
    if view == "mine":
        return list(tx.work.mine(actor, after, limit))
    return list(tx.work.pool(actor, group, after, limit))
