"""Several nodes work on one PostgreSQL: what one leaves behind another takes over, and one that is told to end does so."""

import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import count as numbers
from pathlib import Path
from typing import Any

import pytest
from figures import Count
from installation import Installation
from node import PAUSE_SECONDS, Node, PostOffice, begin_node, marks, name_of, owe_orders, put_in_force, rows, until
from postgres import Cluster
from pydantic import SecretStr

from storage.check import check
from storage.job_engine import JobEngine
from web.assembly import System, assemble
from web.settings import Settings

TAKE_OVER_SECONDS = 30
PATIENCE_SECONDS = 20
MOST_DEATHS = 10  # by one mail, while the others come to their end: half of those after which its job is stopped
AT_ONCE = 2  # jobs that one node does at the same time
LEFT_UNDONE = "SELECT id FROM job WHERE state = 'running' AND worker = '{}' ORDER BY id"
IN_HAND = "SELECT id FROM job WHERE state = 'running'"
UNFINISHED = "SELECT id FROM process_instance WHERE state <> 'completed'"
NOT_STARTED = "SELECT id FROM job WHERE kind = 'start' AND state <> 'done'"
FIRED = """SELECT chain, at, action, details FROM audit_event WHERE action IN ('job.done', 'timer.fired') ORDER BY id"""


class DeadlyPostOffice(PostOffice):
    """Kills whatever node brings the first mail, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.deadly: str | None = None
        self.node: Node | None = None
        self.deaths = 0

    async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        name = name_of(envelope)
        if self.deadly is None:
            self.deadly = name
        if name != self.deadly:
            return await super().handle_DATA(server, session, envelope)
        until(lambda: self.node is not None, 60)  # it may have begun to work before its test knows it
        if self.node is not None:
            self.node.kill()
        self.node, self.deaths = None, self.deaths + 1
        return "451 too late"


@pytest.fixture
def installation(cluster: Cluster, postgresql_template: str, tmp_path: Path) -> Iterator[Installation]:
    name = cluster.make_database()
    made = Installation(tmp_path, cluster.url(name))
    made.command("migrate")
    yield made
    cluster.drop_database(name)


@pytest.fixture
def system(installation: Installation) -> Iterator[System]:
    """Give the same system, opened here, from which work is owed."""
    url = SecretStr(installation.database_url or "")
    opened = assemble(Settings(data_folder=installation.folder, database_url=url))
    job_engine = JobEngine(url.get_secret_value(), node="desk")
    job_engine.prepare()
    opened.database.wake = job_engine.wake
    put_in_force(opened)
    yield opened
    job_engine.close()
    opened.close()


@pytest.fixture
def post() -> Iterator[PostOffice]:
    office = PostOffice()
    controller = office.open()
    yield office
    controller.stop()


@pytest.fixture
def deadly_post() -> Iterator[DeadlyPostOffice]:
    office = DeadlyPostOffice()
    controller = office.open()
    yield office
    controller.stop()


@pytest.fixture
def begin(installation: Installation, post: PostOffice) -> Iterator[Callable[..., Node]]:
    """Give a function that starts nodes, which are ended at last."""
    begun: list[Node] = []

    def begin(name: str, failpoints: str = "", post: PostOffice = post) -> Node:
        begun.append(begin_node(installation, name, post, failpoints))
        return begun[-1]

    yield begin
    for node in begun:
        if node.process.poll() is None:
            node.kill()


def is_all_done(system: System) -> bool:
    return not rows(system, UNFINISHED) and not rows(system, NOT_STARTED)


def lateness(system: System) -> float:
    """Give how many seconds the latest timer came after its time."""
    begun: dict[str, object] = {}
    latest = timedelta(0)
    for chain, at, action, _ in rows(system, FIRED):
        if action == "timer.fired":
            latest = max(latest, at - begun.pop(chain) - timedelta(seconds=PAUSE_SECONDS))
        else:
            begun.setdefault(chain, at)
    return latest.total_seconds()


def name_of_first(installation: Installation) -> str:
    """Give the name of the node that was the first to begin in the data folder."""
    return f"{socket.gethostname()}-1-{(installation.folder / 'node-1.lock').read_text()}"


def hung(system: System, node: str) -> list[int]:
    """Give the jobs that a node has had in hand for two seconds, when there are as many as it can do at once."""

    def held() -> list[int]:
        return [job for (job,) in rows(system, LEFT_UNDONE.format(node))]

    before: list[int] = []

    def is_stuck() -> bool:
        nonlocal before
        seen, before = before, held()
        time.sleep(2)
        return len(before) == AT_ONCE and seen == before == held()

    until(is_stuck, 60)
    return before


def states(system: System, jobs: Sequence[int]) -> set[str]:
    return {state for job, state in rows(system, "SELECT id, state FROM job") if job in jobs}


@pytest.mark.timeout(240)
def test_what_a_killed_node_had_in_hand_is_taken_over_and_nothing_is_lost(
    system: System,
    installation: Installation,
    post: PostOffice,
    begin: Callable[..., Node],
    capsys: pytest.CaptureFixture[str],
) -> None:
    victim = begin("victim", "job.operation_done=sleep@4,job.claimed=sleep@12")
    begin("survivor")
    owe_orders(system, 40)
    in_hand = hung(system, name_of_first(installation))
    owe_orders(system, 20)

    victim.kill()
    taken = until(lambda: states(system, in_hand) == {"done"}, TAKE_OVER_SECONDS)
    rest = until(lambda: is_all_done(system), 90)

    with capsys.disabled():
        print(  # noqa: T201 - figures to be read
            f"\n{len(in_hand)} jobs of a killed node were taken over and done after {taken:.1f} s, everything "
            f"{rest:.1f} s later; the latest timer fired {lateness(system):.1f} s after its time"
        )
    assert set(marks(system).values()) == {"done"}
    assert set(post.taken) == set(marks(system))
    assert check(system.database, reload=system.reload()) == []


def test_a_node_told_to_end_finishes_what_it_has_begun_and_takes_nothing_new(
    system: System, post: PostOffice, begin: Callable[..., Node]
) -> None:
    post.seconds = 3.0
    node = begin("only")
    owe_orders(system, 10)
    until(lambda: len(rows(system, IN_HAND)) == AT_ONCE and len(post.begun) == AT_ONCE, 30)

    node.tell(signal.SIGTERM)
    seconds = until(lambda: node.process.poll() is not None, PATIENCE_SECONDS)

    assert node.process.returncode == 0, node.log.read_text()
    assert seconds < PATIENCE_SECONDS
    assert rows(system, IN_HAND) == []
    assert post.begun == post.taken
    assert len(post.begun) <= 2 * AT_ONCE
    post.seconds = 0.0
    begin("next")
    until(lambda: is_all_done(system), 60)
    assert set(post.taken.values()) == {1}
    assert check(system.database, reload=system.reload()) == []


@pytest.mark.timeout(240)
def test_a_node_told_to_end_leaves_to_others_what_takes_too_long(
    system: System, post: PostOffice, begin: Callable[..., Node]
) -> None:
    slow = begin("slow", "job.operation_done=sleep@1")
    owe_orders(system, 1)
    until(lambda: sum(post.taken.values()) == 1, 30)
    begin("other")

    slow.tell(signal.SIGTERM)
    until(lambda: slow.process.poll() is not None, PATIENCE_SECONDS + 10)
    until(lambda: is_all_done(system), TAKE_OVER_SECONDS)

    assert set(marks(system).values()) == {"done"}
    assert set(post.taken) == set(marks(system))
    assert check(system.database, reload=system.reload()) == []


@pytest.mark.timeout(330)
def test_a_mail_that_kills_its_node_each_time_holds_up_no_others(
    system: System, deadly_post: DeadlyPostOffice, begin: Callable[..., Node], count: Count
) -> None:
    owe_orders(system, 5)
    lives = numbers()

    def others_are_done() -> bool:
        if deadly_post.node is None:
            deadly_post.node = begin(f"life {next(lives)}", post=deadly_post)
        return len(rows(system, UNFINISHED)) == 1 and not rows(system, NOT_STARTED)

    until(others_are_done, 200)
    deaths = deadly_post.deaths
    deadly, deadly_post.deadly = deadly_post.deadly, ""
    left = {mail for mail, state in marks(system).items() if state != "done"}
    until(lambda: is_all_done(system), 60)

    count("deaths by one mail until the other orders were done", deaths)
    assert left == {deadly}
    assert deaths <= MOST_DEATHS
    assert set(deadly_post.taken) == set(marks(system))
    assert check(system.database, reload=system.reload()) == []
