"""Messages that found no receiver: shown, delivered to another one, discarded.

What a message carries is not shown, only the names of its entries: it may tell of an order that the person may not see.
"""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.errors import Conflict, Invalid, NotFound
from web.context import person, system
from web.navigation import say
from web.rights import Right, needs

pages = Blueprint("messages", __name__, url_prefix="/messages")


@pages.get("")
@needs(Right.OPERATE)
def undelivered() -> ResponseReturnValue:
    """Show what waits for a receiver, and what has waited too long."""
    with system().database.reading() as tx:
        found = tx.messages.undelivered()
    return render_template("messages.html", kept=found)


@pages.post("/<int:message_id>/deliver")
@needs(Right.OPERATE)
def deliver(message_id: int) -> ResponseReturnValue:
    """Let a message look for its receiver once more, by another key if one is given."""
    try:
        key, reason = request.form.get("correlation_key"), request.form.get("reason", "")
        instance_id = system().message_desk.deliver(message_id, key, person().login, reason)
    except (Conflict, Invalid, NotFound) as refused:
        say(refused.message, "bad")
    else:
        say("Delivered." if instance_id is not None else "Nobody waits for it; it waits on.")
    return redirect(url_for("messages.undelivered"))


@pages.post("/<int:message_id>/discard")
@needs(Right.OPERATE)
def discard(message_id: int) -> ResponseReturnValue:
    """Deliver a message to nobody."""
    try:
        system().message_desk.discard(message_id, person().login, request.form.get("reason", ""))
    except (Conflict, Invalid, NotFound) as refused:
        say(refused.message, "bad")
    else:
        say("Discarded.")
    return redirect(url_for("messages.undelivered"))
