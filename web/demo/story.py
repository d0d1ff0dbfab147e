"""The demonstration: orders arrive on every way, are read, reviewed, rejected, corrected, produced and archived, unattended."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from storage.check import check
from storage.parcels import BY_PERSON, Parcel, ParcelState
from storage.people import Actor
from storage.search import Filter
from web.assembly import System
from web.demo.arrivals import Arrivals, best_match, send_all
from web.demo.clerks import REJECTABLE, Clerks
from web.demo.samples import sample_customers

Say = Callable[[str], None]
PATIENCE = timedelta(minutes=10)
LOOK_EVERY_SECONDS = 0.3
ORDERS = 5
CONTAINERS = 1


@dataclass(slots=True)
class Outcome:
    """What a round came to: fields read right of those printed, and everything that is not as it should be."""

    right: int = 0
    printed: int = 0
    faults: list[str] = field(default_factory=list)


def play(system: System, seed: int, say: Say) -> Outcome:
    """Play one round on a running system; the same seed gives the same orders."""
    random = Random(seed)  # noqa: S311 - the same orders every time are wanted
    with system.database.reading() as tx:
        before = {parcel.id for parcel in tx.parcels.since(0)}
    arrivals = send_all(system, random, sample_customers())
    say(f"Sent {len(arrivals.orders)} orders: a scanned stack of two, a fax, a mail, and one typed into the form")
    clerks = Clerks(system, arrivals.orders, say)
    outcome = Outcome()
    parcels = _carry(system, clerks, before, outcome)
    _compare(system, parcels, arrivals, outcome, say)
    _look_at_end(system, parcels, clerks, outcome)
    return outcome


def _carry(system: System, clerks: Clerks, before: set[int], outcome: Outcome) -> list[Parcel]:
    """Let the clerks work until every order has come to its end, or nothing has happened for so long that patience ends."""
    moved_at = time.monotonic()
    shown: dict[int, str] = {}
    while time.monotonic() < moved_at + PATIENCE.total_seconds():
        worked = clerks.work_once()
        with system.database.reading() as tx:
            parcels = [parcel for parcel in tx.parcels.since(0) if parcel.id not in before]
            incidents = tx.incidents.still_open()
        for parcel in parcels:
            if shown.get(parcel.id) != parcel.status:
                shown[parcel.id], moved_at = parcel.status, time.monotonic()
                clerks.say(f"  {parcel.number}  is {parcel.status.replace('_', ' ')}")
        if incidents:
            outcome.faults += [f"incident {i.code} at {i.node}: {i.message}" for i in incidents]
            return parcels
        ended = [p for p in parcels if not p.is_open or p.status == "divided"]
        if len(parcels) == ORDERS + CONTAINERS and len(ended) == len(parcels):
            return parcels
        if worked:
            moved_at = time.monotonic()
        else:
            time.sleep(LOOK_EVERY_SECONDS)
    outcome.faults.append(
        f"nothing happened for {PATIENCE.seconds // 60} minutes, and not every order has come to its end"
    )
    return parcels


def _compare(system: System, parcels: list[Parcel], arrivals: Arrivals, outcome: Outcome, say: Say) -> None:
    """Count what was read right without help, of each order that came on paper: a value that a person gave does not count."""
    for parcel in parcels:
        if parcel.channel == "form" or parcel.status == "divided":
            continue
        with system.database.reading() as tx:
            fields = tx.parcels.fields(parcel.id)
        order = best_match(arrivals.read, {field.name: field.value for field in fields})
        read = {field.name: field.value for field in fields if field.origin != BY_PERSON}
        wrong = [name for name, value in order.fields.items() if read.get(name) != value]
        outcome.printed += len(order.fields)
        outcome.right += len(order.fields) - len(wrong)
        for name in wrong:
            say(f"  {parcel.number}  did not read {name}, printed “{order.printed[name]}”, without help")


def _look_at_end(system: System, parcels: list[Parcel], clerks: Clerks, outcome: Outcome) -> None:
    """Compare the end with what it should be: all archived, both rejections, everything found and whole."""
    for parcel in parcels:
        if parcel.status != "divided" and parcel.state is not ParcelState.ARCHIVED:
            outcome.faults.append(f"{parcel.number} is {parcel.state}, not archived")
    outcome.faults += [f"nobody had to reject in {form}" for form in set(REJECTABLE) - clerks.rejected]
    manager = _manager(system)
    for parcel in parcels:
        outcome.faults += _unfindable(system, manager, parcel)
    outcome.faults += [str(breach) for breach in check(system.database, reload=system.reload())]


def _manager(system: System) -> Actor:
    with system.database.reading() as tx:
        return tx.people.actor(tx.people.members("manager")[0].id)


def _unfindable(system: System, actor: Actor, parcel: Parcel) -> list[str]:
    """Name the documents that full text does not find, or that do not open."""
    faults = []
    with system.database.reading() as tx:
        for document in tx.parcels.documents(parcel.id):
            words = next((page.text.split() for page in tx.parcels.pages(document.id) if page.text.strip()), [])
            phrase = max(words, key=len) if words else document.file_name
            found = tx.search.parcels(actor, Filter(words=phrase, parcel_ids=(parcel.id,)))
            if document.kind not in {"mail", "stack"} and not found.parcels:
                faults.append(f"{document.title} of {parcel.number} is not found by “{phrase}”")
            system.documents.verify(document.sha256)
    return faults
