"""Databases that earlier versions have left: today's code opens them, finds every promise kept, and finishes what runs."""

import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from factories import MORNING
from fakes import FakeClock
from kills import KILLED, run_armed
from order_walk import FIELDS
from print_shop import Printer, quick_pdf

from engine.incident_desk import IncidentDesk
from engine.operations.call import Call
from engine.reloading import reloader
from storage import schema
from storage.backup import restore
from storage.check import check
from storage.database import Database
from storage.documents import DocumentStore
from storage.job_engine import JobEngine
from storage.jobs import JobState
from storage.parcels import UNREAD
from storage.processes import InstanceState
from storage.work import WorkItem

KEPT = Path(__file__).parents[1] / "data" / "kept"
RELEASES = sorted(path.name for path in KEPT.iterdir() if path.is_dir())
BACKENDS = ("sqlite", "postgresql")
ANSWERS: Mapping[str, Mapping[str, Any]] = {
    "verify_index_fields": {"verification": "order", "rejection_reason": None, **FIELDS},
    "review_price_sheet": {"price_decision": "accept", "price_reason": None},
    "validate_order": {"quality_decision": "accept", "quality_reason": None},
    "adjust_order": {**FIELDS, "agreed_price": Decimal(990)},
    "make_invoice": {"payment_days": 14, "invoice_note": "Thank you"},
    "plan_production": {
        "planned_start_on": date(2026, 3, 5),
        "planned_end_on": date(2026, 3, 6),
        "planning_note": None,
    },
    "report_start": {"press": "SM 52"},
    "report_finish": {"good_pieces": 5010, "production_note": None},
    "handle_delay": {"delay_answer": "keep_waiting", "delay_reason": "Press broken", "expected_on": date(2026, 3, 9)},
}
MOST_ROUNDS = 200


class Upgraded:
    """A kept installation in today's hands."""

    def __init__(self, database: Database, folder: Path, clock: FakeClock) -> None:
        self.database, self.clock = database, clock
        self.shop = Printer(database, folder, clock, quick_pdf)
        self.shop.worker._operations = {**self.shop.operations(quick_pdf), "note": _note}

    def breaches(self) -> list[str]:
        return [str(one) for one in check(self.database, reload=reloader(self.database, self.shop.programs))]

    def running(self) -> dict[int, str]:
        """Give the instances that have not ended, with their process."""
        with self.database.reading() as tx:
            left = [one for one in tx.processes.all() if one.state in {InstanceState.ACTIVE, InstanceState.SUSPENDED}]
            return {one.id: tx.deployments.definition(one.definition_id).key for one in left}

    def finish(self) -> None:
        """Do what there is to do until nothing runs any more."""
        self._wake_up()
        for _ in range(MOST_ROUNDS):
            self._read_papers()
            self.shop.work()
            if not self.running():
                return
            items = self._items()
            if items:
                self._answer(items[0])
            else:
                self.clock.advance(timedelta(hours=6))
        with self.database.reading() as tx:
            incidents = [(one.node, one.message) for one in tx.incidents.still_open()]
        raise AssertionError(
            f"still running: {self.running()}, items {[item.node for item in self._items()]}, {incidents}"
        )

    def _read_papers(self) -> None:
        """Give each paper its kind: the release was kept with its papers unread, and none is archived like that."""
        with self.database.transaction() as tx:
            for parcel_id in {one.parcel_id for one in tx.processes.all() if one.parcel_id is not None}:
                for document in tx.parcels.documents(parcel_id):
                    if document.kind == UNREAD and tx.parcels.one(parcel_id).sealed_at is None:
                        document.kind = "purchase_order"

    def _wake_up(self) -> None:
        engine = self.shop.engine
        with self.database.reading() as tx:
            suspended = [one.id for one in tx.processes.all() if one.state is InstanceState.SUSPENDED]
            stuck = [incident.id for incident in tx.incidents.still_open()]
        for instance_id in suspended:
            self.shop.operator.go_on(instance_id, "manager", "It has waited.")
        for incident_id in stuck:
            IncidentDesk(engine).retry(incident_id, "manager", {"count": 2})
        for key in self.running().values():
            if key == "waits":
                engine.correlate("go_ahead", {"gone": True})
        engine.signal("bell")

    def _items(self) -> list[WorkItem]:
        with self.database.reading() as tx:
            return list(tx.work.open())

    def _answer(self, item: WorkItem) -> None:
        person = self.shop.people[item.candidate_group or "manager"]
        self.shop.engine.complete(item.id, person, dict(ANSWERS.get(item.node, {})))


def _note(_call: Call) -> Mapping[str, Any]:
    return {"noted": True}


@dataclass(frozen=True, slots=True)
class Backup:
    """What a release has left, unpacked, and the empty database that is to take it."""

    folder: Path
    url: str

    def open(self, clock: FakeClock) -> Database:
        return Database(self.url, clock=clock, documents=DocumentStore(self.folder / "documents"))

    def restore(self) -> None:
        """Bring it back, and the schema up to date."""
        database = self.open(FakeClock(MORNING))
        restore(self.folder / "backup", database)
        database.close()

    def migrate(self) -> None:
        """Bring the schema up to date."""
        database = self.open(FakeClock(MORNING))
        database.migrate()
        database.close()

    @contextmanager
    def opened(self) -> Iterator[Upgraded]:
        clock = FakeClock(MORNING + timedelta(minutes=5))
        database, job_engine = self.open(clock), JobEngine(self.url, node="desk")
        job_engine.prepare()
        try:
            yield Upgraded(database, self.folder, clock)
        finally:
            job_engine.close()
            database.close()


@pytest.fixture(params=[(release, backend) for release in RELEASES for backend in BACKENDS], ids="-".join)
def left(request: pytest.FixtureRequest, tmp_path: Path) -> Backup:
    """Unpack what a release has left."""
    release, backend = request.param
    with tarfile.open(KEPT / release / f"{backend}.tar.xz") as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # the first releases of Python 3.11 know none
        archive.extractall(tmp_path)  # noqa: S202 - it is our own
    return Backup(tmp_path, str(request.getfixturevalue(f"empty_{backend}_url")))


@pytest.fixture
def kept(left: Backup) -> Iterator[Upgraded]:
    """Restore a kept installation and give it, and its job engine, to today's code."""
    left.restore()
    with left.opened() as upgraded:
        yield upgraded


def test_an_upgrade_killed_at_every_step_is_run_again_and_its_orders_finish(left: Backup) -> None:
    assert run_armed("schema.step=die@1", left.restore) == KILLED
    database = left.open(FakeClock(MORNING))
    with database.engine.connect() as connection:
        steps = len(schema.missing(connection))
    database.close()

    assert steps > 0
    for step in range(2, steps + 1):
        assert run_armed(f"schema.step=die@{step}", left.migrate) == KILLED
    assert run_armed("schema.before_commit=die", left.migrate) == KILLED
    left.migrate()

    with left.opened() as upgraded:
        assert upgraded.breaches() == []
        upgraded.finish()
        assert upgraded.breaches() == []


def test_the_promises_hold_after_the_upgrade(kept: Upgraded) -> None:
    assert kept.breaches() == []


def test_orders_run_in_every_kind_of_wait(kept: Upgraded) -> None:
    with kept.database.reading() as tx:
        timers, incidents = tx.timers.due(), tx.incidents.still_open()
        items = {item.node for item in tx.work.open()}
        jobs = {job.kind for job in tx.jobs.unfinished()}
    assert sorted(kept.running().values()) != []
    assert timers == []
    assert len(incidents) == 1
    assert {
        "look",
        "verify_index_fields",
        "review_price_sheet",
        "adjust_order",
        "make_invoice",
        "report_finish",
    } <= items
    assert jobs == {"operation"}


def test_the_number_of_a_deleted_order_is_not_given_again(kept: Upgraded) -> None:
    newest = max(kept.running())
    with kept.database.reading() as tx:
        key = tx.deployments.definition(tx.processes.one(newest).definition_id).key

    kept.shop.operator.delete(newest, "manager", "It was a mistake.")

    assert kept.shop.engine.start(key) > newest


def test_every_running_order_is_finished(kept: Upgraded) -> None:
    before = kept.running()

    kept.finish()

    assert set(before.values()) == {"order", "waits", "stuck"}
    with kept.database.reading() as tx:
        states = {tx.processes.one(instance_id).state for instance_id in before}
        jobs = tx.jobs.unfinished()
        stopped = [job for job in jobs if job.state is JobState.STOPPED]
        incidents = tx.incidents.still_open()
    assert states == {InstanceState.COMPLETED}
    assert (list(jobs), stopped, list(incidents)) == ([], [], [])
    assert kept.breaches() == []
