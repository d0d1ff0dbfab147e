"""Keeps this release for the upgrade tests of all later ones: a small database and its documents, with orders at every wait.

    python scripts/keep_release.py 0.1

writes `sqlite.tar.xz` and `postgresql.tar.xz`, which are packed backups, and a README to `tests/data/kept/0.1/`. What is kept
is never changed: run this once, when the release is made.
"""

# ruff: noqa: E402 - the paths come first
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests"), str(ROOT / "bench")]

from durable_postgres import durable_postgres
from factories import MORNING
from fakes import FakeClock
from order_walk import recognised
from print_shop import ACCEPTED, VALID, Printer, quick_pdf
from running import a_diagram, a_process, end, gateway, service, start, user

from capture.delivery import Delivery, Enclosure
from capture.intake import Intake
from engine.deployment import Surroundings, deploy
from storage.backup import backup
from storage.database import Database
from storage.documents import DocumentStore
from storage.job_engine import JobEngine

LARGEST = 1 << 20
_UNSURE = 2
README = """# Kept release {release}

Two backups (SQLite and PostgreSQL, made by `scripts/keep_release.py`) of a database with its documents, as version {release}
wrote them: orders at every kind of wait (work item, timer, message, signal, operation, stuck token, suspended), each in the
status that its diagram has set. `tests/migrations/test_kept.py` restores them with today's code, checks every promise, and
finishes every running order. Never change what is here: it stands for what people have on their disks.
"""
_PAUSE = (
    '<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>P1D</timeDuration>'
    "</timerEventDefinition></intermediateCatchEvent>"
)
_LATE = (
    '<boundaryEvent id="late" attachedToRef="look" cancelActivity="false"><timerEventDefinition>'
    "<timeCycle>R3/PT6H</timeCycle></timerEventDefinition></boundaryEvent>"
)
_GO = '<intermediateCatchEvent id="go"><messageEventDefinition messageRef="m"/></intermediateCatchEvent>'
_BELL = '<intermediateCatchEvent id="bell"><signalEventDefinition signalRef="s"/></intermediateCatchEvent>'
_WAYS = ("look", "pause", "go", "bell", "note")
WAITS = a_diagram(
    a_process(
        "waits",
        start(),
        gateway("fork"),
        user("look", "manager", 'parcelflow:status="in_review"'),
        _PAUSE,
        _LATE,
        _GO,
        _BELL,
        service("note", "note"),
        gateway("join", more='parcelflow:onConflict="last"'),
        end(),
        end("reminded"),
        *("begin -> fork", "join -> done", "late -> reminded"),
        *(f"fork -> {way}" for way in _WAYS),
        *(f"{way} -> join" for way in _WAYS),
    ),
    head='<message id="m" name="go_ahead"/><signal id="s" name="bell"/>',
)
STUCK = a_diagram(
    a_process(
        "stuck",
        start(),
        '<scriptTask id="divide" scriptFormat="python"><script>share = total / count</script></scriptTask>',
        user("look_again", "manager"),
        end(),
        *("begin -> divide", "divide -> look_again", "look_again -> done"),
    )
)
RULES = b"role,status,subject,level,scope\nmanager,*,order,act,all\nmanager,*,*,write,all\n"


def fill(database: Database, folder: Path, clock: FakeClock) -> None:
    """Let the print shop of the tests work until its orders stand where they shall stand."""
    shop = Printer(database, folder, clock, quick_pdf)
    for name, diagram in (("waits", WAITS), ("stuck", STUCK)):
        files = {f"{name}.bpmn": diagram, "access.csv": RULES, "statuses.csv": b"status,name\nin_review,In review\n"}
        deploy(database, Surroundings(shop.programs.time_zone), files, login="owner", name=name)
    _small_ones(shop)
    _orders(shop, Intake(database, {}, lambda tx, parcel: tx.jobs.start_process("order", parcel.id) and None), clock)
    shop.engine.start("waits", None, {"amount": 5})  # its operation is owed: no worker has been here yet


def _small_ones(shop: Printer) -> None:
    shop.engine.start("stuck", None, {"total": 6, "count": 0})
    shop.engine.start("waits", None, {"amount": 3})
    suspended = shop.engine.start("waits", None, {"amount": 4})
    with shop.database.reading() as tx:
        jobs = [job.id for job in tx.jobs.unfinished()]
    for job_id in jobs:
        shop.engine.resume(job_id, {"noted": True})
    shop.operator.suspend(suspended, "manager", "It has to wait.")


def _orders(shop: Printer, intake: Intake, clock: FakeClock) -> None:
    def arrive(number: int) -> int:
        sheet = Enclosure(f"order {number}.txt", "text/plain", f"We order {number} thousand flyers.".encode())
        shop.recognised = recognised(parcel_number=f"P-2026-{number:06}", all_certain=number != _UNSURE)
        receipt = intake.receive(
            Delivery("drop", f"order-{number}", clock(), (sheet,), sender="post@galerie-ost.example")
        )
        shop.work()
        with shop.database.reading() as tx:
            return tx.processes.of_parcel(receipt.parcel_id)[0].id

    rejected = arrive(1)
    shop.answer(rejected, "validate_order", "qa", quality_decision="reject", quality_reason="Bleed missing")
    shop.answer(rejected, "review_price_sheet", "accounting", **ACCEPTED)
    arrive(_UNSURE)  # at its index fields
    _in_production(shop, arrive(3))
    arrive(4)  # in review
    _review(shop, arrive(5))  # at its invoice
    last = Enclosure("order 6.txt", "text/plain", b"We order six thousand flyers.")
    intake.receive(Delivery("drop", "order-6", clock(), (last,)))  # nobody has looked yet


def _review(shop: Printer, instance: int) -> None:
    """Accept an order; not every one needs the opinion of quality."""
    shop.answer(instance, "review_price_sheet", "accounting", **ACCEPTED)
    if "validate_order" in shop.items(instance):
        shop.answer(instance, "validate_order", "qa", **VALID)


def _in_production(shop: Printer, instance: int) -> None:
    """Bring an order to the press, where a timer watches it."""
    _review(shop, instance)
    shop.answer(instance, "make_invoice", "accounting", payment_days="14")
    plan = {"planned_start_on": "2026-03-03", "planned_end_on": "2026-03-04"}
    shop.answer(instance, "plan_production", "planning", **plan)
    shop.answer(instance, "report_start", "production", press="SM 52")


def keep(url: str, target: Path) -> None:
    """Fill the database at `url` and pack its backup."""
    with tempfile.TemporaryDirectory(prefix="parcelflow-keep-") as name:
        folder, clock = Path(name), FakeClock(MORNING)
        database = Database(url.format(folder=folder), clock=clock, documents=DocumentStore(folder / "documents"))
        database.migrate()
        job_engine = JobEngine(url.format(folder=folder), node="desk")
        job_engine.prepare()
        database.wake = job_engine.wake
        fill(database, folder, clock)
        clock.advance(timedelta(minutes=5))
        backup(database, folder / "backup")
        job_engine.close()
        database.close()
        with tarfile.open(target, "w:xz") as archive:
            archive.add(folder / "backup", "backup", filter=_nobodys)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry


@contextmanager
def _databases() -> Iterator[dict[str, str]]:
    with durable_postgres() as url:
        yield {"sqlite": "sqlite:///{folder}/kept.sqlite", "postgresql": url}


def main(arguments: list[str]) -> Any:
    """Keep the release that is named."""
    (release,) = arguments
    folder = ROOT / "tests" / "data" / "kept" / release
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with _databases() as urls:
        for name, url in urls.items():
            keep(url, folder / f"{name}.tar.xz")
    (folder / "README.md").write_text(README.format(release=release), encoding="utf-8")
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    print(*(f"{name}: {size:,} bytes" for name, size in sizes.items()), sep="\n")
    return 0 if sum(sizes.values()) <= LARGEST else f"More than {LARGEST:,} bytes; keep fewer orders."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
