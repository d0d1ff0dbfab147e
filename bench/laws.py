"""How many statements and commits a completion takes."""

from statements import counted

from bench.orders import Place
from bench.table import Table, at_most


def measure(place: Place, table: Table) -> None:
    """Count at the driver, for a completion that yields items."""
    place.office.do(place.start(), "enter", place.actor)
    item = place.office.item(place.start(), "enter")
    with counted(place.database) as told:
        place.office.engine.complete(item, place.actor, {})
    table.add("statements of a completion", len(told.statements), at_most(8))
    table.add("commits of a completion", told.commits, at_most(1))
