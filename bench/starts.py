"""Starts of the shipped order process, beside the raw limit of the rows that a start leaves."""

import statistics
import time
from pathlib import Path

from factories import a_parcel
from running import BERLIN

from bench import rows
from bench.orders import Place, Run
from bench.table import Table, at_least
from engine.deployment import Surroundings, deploy, read_folder
from storage.audit import parcel_chain

_SHIPPED = Path(__file__).parent.parent / "workflows" / "order"


def measure(place: Place, table: Table, rounds: int, count: int) -> None:
    """Put the shipped process in force and start it, engine and raw limit in turns."""
    deploy(place.database, Surroundings(BERLIN), read_folder(_SHIPPED), login="owner")
    engine = place.office.engine
    like = engine.start("order", _parcels(place, 1)[0])
    shares, rates = [], []
    for _ in range(rounds):
        raw = rows.starts(place, like, _parcels(place, count))
        run = Run()
        for parcel in _parcels(place, count):
            begun = time.perf_counter()
            engine.start("order", parcel)
            run.seconds.append(time.perf_counter() - begun)
        rates.append(run.rate)
        shares.append(run.rate / raw.rate)
    table.add("starts of the order process", statistics.median(rates), None, "/s")
    table.add("starts as a share of the raw limit", statistics.median(shares), at_least(0.5))


def _parcels(place: Place, count: int) -> list[int]:
    with place.database.transaction() as tx:
        parcels = [tx.parcels.add(a_parcel()) for _ in range(count)]
        for parcel in parcels:
            tx.audit.record(parcel_chain(parcel.id), "channel:upload", "parcel_received", parcel.number)
    return [parcel.id for parcel in parcels]
