"""Orders: the list, one order with its way, and cancelling it."""

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.audit import parcel_chain
from storage.database import Transaction
from storage.errors import Conflict, Invalid, Refused
from storage.processes import InstanceState
from storage.views import ParcelView
from web import lists
from web.context import person, system
from web.files import printable
from web.navigation import can, say
from web.pages.parcels import around
from web.repeats import Keep, once_within
from web.rights import Right, needs
from web.words import label, shown

pages = Blueprint("orders", __name__, url_prefix="/orders")

_ON_THE_COVER = ("customer", "product", "run_length", "wanted_on")
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
        asked = _is_cancel_asked(tx, view)
        return render_template(
            "order.html",
            view=view,
            rests=_rests(tx, view),
            is_cancel_asked=asked,
            may_cancel=not asked and _may_cancel(tx, view),
            **around(tx, view),
        )


@pages.get("/<number>/cover-sheet")
@needs(Right.LOOK_UP)
def cover(number: str) -> ResponseReturnValue:
    """Give the cover sheet of an order to be printed: what is scanned behind it is added to the order."""
    from capture.sheets import cover_sheet  # noqa: PLC0415 - drawing sheets takes a while to load, and is rarely asked for

    with system().database.reading() as tx:
        view = tx.search.view_of_order(person(), number)
    details = {label(name): str(shown(view.values[name])) for name in _ON_THE_COVER if _is_told(view, name)}
    return printable(cover_sheet(number, {"Parcel": view.number, **details}), f"cover-{number}.pdf")


@pages.post("/<number>/cancel")
@needs(Right.CANCEL)
def cancel(number: str) -> ResponseReturnValue:
    """Cancel an order with a reason: its process gets the message that it waits for until production."""
    reason = request.form.get("reason", "").strip()[:_LONGEST_REASON]
    if not reason:
        raise Invalid("Say why the order is cancelled.")
    return once_within(lambda keep: _cancel(number, reason, keep))


def _cancel(number: str, reason: str, keep: Keep) -> Response:
    """Ask the process to cancel, with the record of who asked and the answer kept for a repetition, in one commit."""
    actor = person()
    answer = make_response(redirect(url_for("orders.show", number=number)))
    done = ""

    def ask(tx: Transaction) -> None:
        nonlocal done
        view = tx.search.view_of_order(actor, number)
        if not view.rights.may_write:
            raise Refused("You may look at this order, but not change it.")
        if not tx.processes.awaits(_CANCEL_MESSAGE, number):
            raise Conflict("The order cannot be cancelled any more; it is in production or has ended.")
        done = (
            f"{number} rests, and is cancelled when it is let go on." if _rests(tx, view) else f"{number} is cancelled."
        )
        details = {"cancel_reason": reason}
        tx.audit.record(parcel_chain(view.id), actor.login, "order_cancellation_asked", number, details)
        keep(tx, answer)

    with system().database.reading() as tx:
        if _is_cancel_asked(tx, tx.search.view_of_order(actor, number)):
            raise Conflict("Somebody has asked to cancel this order already; it is cancelled when it is let go on.")
    system().engine.correlate(_CANCEL_MESSAGE, {"cancel_reason": reason}, correlation_key=number, also=ask)
    say(done)
    return answer


def _rests(tx: Transaction, view: ParcelView) -> bool:
    return any(one.state is InstanceState.SUSPENDED for one in tx.processes.of_parcel(view.id))


def _is_cancel_asked(tx: Transaction, view: ParcelView) -> bool:
    """Tell whether a cancellation waits for a resting order to go on."""
    return _rests(tx, view) and tx.processes.waiting_message(_CANCEL_MESSAGE, view.order_number) is not None


def _is_told(view: ParcelView, name: str) -> bool:
    return view.rights.reads_field(name) and view.values.get(name) is not None


def _may_cancel(tx: Transaction, view: ParcelView) -> bool:
    return can("cancel") and view.rights.may_write and tx.processes.awaits(_CANCEL_MESSAGE, view.order_number)
