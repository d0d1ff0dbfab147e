"""The connection is cut just before COMMIT or just after it: what was acknowledged is there, and what comes again counts once."""

from contextlib import suppress
from pathlib import Path

import pytest
from busy_day import DECK, MORNING, SHIFT, Day, Kit, Place, prepare
from fakes import FakeClock
from figures import Count
from postgres import Cluster
from proxy import Proxy
from reckoning import breaches, settle

from storage.errors import Unavailable

DAYS, LONG_DAYS = 3, 120
EVERY = 5


@pytest.fixture
def place(postgresql_url: str, tmp_path: Path) -> Place:
    made = Place(postgresql_url, tmp_path)
    prepare(made)
    return made


def cut(place: Place, cluster: Cluster, days: int) -> tuple[Proxy, list[str]]:
    """Work behind the proxy for some days; give it, and every breach."""
    proxy, kit, found = Proxy(Path(cluster.socket_folder) / ".s.PGSQL.5432", EVERY), Kit(), []
    name = place.url.partition("@/")[2].partition("?")[0]
    behind = Place(f"postgresql+psycopg://parcelflow@127.0.0.1:{proxy.port}/{name}", place.folder)
    Day(place, "n0.0", 0, kit).work(1)
    for shift in range(1, days + 1):
        _day(behind, shift, kit).work(2, *DECK)
        database = place.open(FakeClock(MORNING + (shift + 0.95) * SHIFT))
        found += breaches(place, database, kit)
        database.close()
    proxy.close()
    return proxy, found + settle(place, days + 1, kit)


def _day(behind: Place, shift: int, kit: Kit) -> Day:
    """Begin a day; the start of a program may be cut too, and is repeated."""
    with suppress(Unavailable):
        return Day(behind, f"n1.{shift}", shift, kit)
    return Day(behind, f"n1.{shift}", shift, kit)


def check(proxy: Proxy, found: list[str], count: Count) -> None:
    """Tell the figures, and that there are cuts of both kinds and no breaches."""
    count("connections cut at COMMIT", proxy.cuts["before"] + proxy.cuts["after"])
    count("connections cut at COMMIT: breaches", len(found))
    assert min(proxy.cuts["before"], proxy.cuts["after"]) > 0
    assert found == []


def test_a_connection_cut_at_commit_loses_nothing_and_doubles_nothing(
    place: Place, cluster: Cluster, count: Count
) -> None:
    check(*cut(place, cluster, DAYS), count)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_hundreds_of_connections_cut_at_commit_lose_nothing(place: Place, cluster: Cluster, count: Count) -> None:
    check(*cut(place, cluster, LONG_DAYS), count)
