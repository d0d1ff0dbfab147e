"""The customer's own orders, as plain steps."""

from flask import Blueprint, render_template, request, url_for
from flask.typing import ResponseReturnValue

from storage.search import Filter
from web.context import person, system
from web.lists import row, with_excerpts
from web.rights import Right, needs
from web.statuses import statuses, way

pages = Blueprint("portal", __name__, url_prefix="/my-orders")


@pages.get("")
@needs(Right.PORTAL)
def mine() -> ResponseReturnValue:
    """List the customer's orders, newest first."""
    words = request.args.get("q", "").strip()[:200]
    with system().database.reading() as tx:
        listing = tx.search.parcels(person(), Filter(words=words), after=request.args.get("after", type=int))
        known = {view.process_key: statuses(tx, view.process_key) for view in listing.parcels}
        rows = with_excerpts(tx, person(), words, [row(view, known[view.process_key]) for view in listing.parcels])
    more = url_for("portal.mine", q=words or None, after=listing.after) if listing.after else None
    return render_template("portal.html", rows=rows, known=known, words=words, next_page=more)


@pages.get("/<number>")
@needs(Right.PORTAL)
def show(number: str) -> ResponseReturnValue:
    """Show how far an order is, in words."""
    with system().database.reading() as tx:
        view = tx.search.view(person(), number)
        known = statuses(tx, view.process_key)
        stages = way(known, view, tx.parcels.statuses(view.id), tx.now)
        return render_template("portal_order.html", view=view, way=stages, row=row(view, known))
