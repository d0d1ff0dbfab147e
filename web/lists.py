"""Lists of parcels and orders: what the address asks for, and the page of rows that answers it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import request, url_for

from storage.database import Transaction
from storage.parcels import ParcelState
from storage.people import Actor
from storage.search import ACTIVE, ARCHIVED, Excerpt, Filter
from storage.views import ParcelView
from web.context import system
from web.kinship import Kin, kin_of
from web.statuses import Status, status_name, statuses
from web.work_rows import about

PROCESS = "order"
NO_KIN = Kin()
SCOPES: Mapping[str, tuple[ParcelState, ...]] = {
    "active": ACTIVE,
    "archived": ARCHIVED,
    "rejected": (ParcelState.REJECTED,),
    "all": (),
}


@dataclass(frozen=True, slots=True)
class Row:
    """A parcel or order as a list shows it."""

    view: ParcelView
    about: str
    status: str
    tone: str
    excerpts: tuple[Excerpt, ...] = ()
    kin: Kin = NO_KIN


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a list with what was asked for."""

    rows: list[Row]
    wanted: Filter
    scope: str
    known: Mapping[str, Status]
    next_page: str | None
    is_filtered: bool


def find(tx: Transaction, actor: Actor, *, with_order: bool, default_scope: str = "active", limit: int = 50) -> Found:
    """Find what the address of the request asks for."""
    args = request.args
    scope = args["scope"] if args.get("scope") in SCOPES else default_scope
    wanted = Filter(
        words=args.get("q", "").strip()[:200],
        states=SCOPES[scope],
        statuses=(args["status"],) if args.get("status") else (),
        received_from=_midnight(args.get("from")),
        received_until=_midnight(args.get("until"), days=1),
        is_delayed=True if args.get("delayed") else None,
        with_order=with_order,
    )
    listing = tx.search.parcels(actor, wanted, after=args.get("after", type=int), limit=limit)
    known = statuses(tx, PROCESS)
    more = url_for(str(request.endpoint), **(_kept() | {"after": listing.after})) if listing.after else None
    kin = kin_of(tx, actor, listing.parcels)
    rows = [replace(row(view, known), kin=kin[view.id]) for view in listing.parcels]
    plain = replace(wanted, states=(), with_order=False) == Filter()
    return Found(with_excerpts(tx, actor, wanted.words, rows), wanted, scope, known, more, is_filtered=not plain)


def row(view: ParcelView, known: Mapping[str, Status]) -> Row:
    """Give the row of a parcel."""
    tone = "bad" if view.status in {"rejected", "cancelled"} else "good" if view.status == "archived" else ""
    return Row(view, about(view), status_name(known, view.status), tone)


def with_excerpts(tx: Transaction, actor: Actor, words: str, rows: list[Row]) -> list[Row]:
    """Give rows with the places where the words were found, as far as the person may read them."""
    if not words:
        return rows
    found = tx.search.excerpts(actor, words, [each.view.id for each in rows], most=2)
    return [replace(each, excerpts=tuple(found.get(each.view.id, ()))) for each in rows]


def _midnight(text: str | None, days: int = 0) -> datetime | None:
    """Read a day as its first moment in the business's zone; what is no day filters nothing."""
    try:
        chosen = date.fromisoformat(text or "") + timedelta(days=days)
    except (ValueError, OverflowError):
        return None
    return datetime.combine(chosen, time(), system().zone).astimezone(UTC)


def _kept() -> dict[str, Any]:
    return {name: value for name, value in request.args.items() if name != "after" and value}
