"""Find anything: every parcel whose documents, fields or order have the words, as far as the person may read them."""

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web import lists
from web.context import person, system
from web.rights import Right, needs

pages = Blueprint("search", __name__)


@pages.get("/search")
@needs(Right.LOOK_UP)
def results() -> ResponseReturnValue:
    """Show what was found."""
    with system().database.reading() as tx:
        found = lists.find(tx, person(), with_order=False, default_scope="all")
    return render_template("find.html", found=found, title="Search", empty="Parcels appear here as they arrive.")
