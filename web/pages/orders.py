"""Orders: the list, one order with its way, and cancelling it."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.audit import parcel_chain
from storage.database import Transaction
from storage.errors import Conflict, Invalid, Refused
from storage.views import ParcelView
from web import lists
from web.context import person, system
from web.navigation import can, say
from web.pages.parcels import around
from web.repeats import once
from web.rights import Right, needs

pages = Blueprint("orders", __name__, url_prefix="/orders")

_CANCEL_MESSAGE = "cancel_order"
_LONGEST_REASON = 2000


@pages.get("")
@needs(Right.LOOK_UP)
def find() -> ResponseReturnValue:
    """List orders."""
    with system().database.reading() as tx:
        found = lists.find(tx, person(), with_order=True)
    return render_template("find.html", found=found, title="Orders", empty="Orders appear here once a parcel was read.")


@pages.get("/<number>")
@needs(Right.LOOK_UP)
def show(number: str) -> ResponseReturnValue:
    """Show an order: its way with times, what waits, what happened, its documents and diagrams."""
    with system().database.reading() as tx:
        view = tx.search.view_of_order(person(), number)
        return render_template("order.html", view=view, may_cancel=_may_cancel(tx, view), **around(tx, view))


@pages.post("/<number>/cancel")
@needs(Right.CANCEL)
def cancel(number: str) -> ResponseReturnValue:
    """Cancel an order with a reason: its process gets the message that it waits for until production."""
    reason = request.form.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise Invalid("Say why the order is cancelled.")
    return once(lambda: _cancel(number, reason))


def _cancel(number: str, reason: str) -> ResponseReturnValue:
    with system().database.transaction() as tx:
        view = tx.search.view_of_order(person(), number)
        if not view.rights.may_write:
            raise Refused("You may look at this order, but not change it.")
        if not tx.processes.awaits(_CANCEL_MESSAGE, number):
            raise Conflict("The order cannot be cancelled any more; it is in production or has ended.")
        tx.audit.record(
            parcel_chain(view.id), person().login, "order_cancellation_asked", number, {"cancel_reason": reason}
        )
    system().engine.correlate(_CANCEL_MESSAGE, {"cancel_reason": reason}, correlation_key=number)
    say(f"{number} is cancelled.")
    return redirect(url_for("orders.show", number=number))


def _may_cancel(tx: Transaction, view: ParcelView) -> bool:
    return can("cancel") and view.rights.may_write and tx.processes.awaits(_CANCEL_MESSAGE, view.order_number)
