"""The plug is pulled at random under load: what was acknowledged is there exactly once, what was not, at most once."""

import os
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest
from factories import a_document, a_parcel
from figures import Count
from installation import Installation
from postgres import Cluster
from pydantic import SecretStr
from senders import ATTACHMENTS, Clerk, FileDropper, MailSender, Sent, at_work
from sqlalchemy import create_engine, text

from storage.audit import parcel_chain
from web.assembly import System, assemble
from web.settings import Settings

KILLS = 10
LONG_KILLS = 200
WAITING_PER_KILL = 5
DIES_WHILE_STARTING = 0.2
PATIENCE_SECONDS = 180
DATA = Path(__file__).parents[1] / "data" / "small_process"


@dataclass(frozen=True, slots=True)
class Senders:
    """All who send to the installation while it dies."""

    mail: MailSender
    files: FileDropper
    clerk: Clerk

    @property
    def parcels(self) -> set[str]:
        """By what the senders know everything that must become a parcel."""
        return {*self.mail.sent.offered, *self.files.sent.offered}


@pytest.fixture(params=["sqlite", "postgresql"])
def installation(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Installation]:
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        url = cluster.url(cluster.make_database())
    made = Installation(tmp_path / "installation", url)
    made.folder.mkdir()
    made.drop.mkdir()
    shutil.copytree(DATA, made.folder / "small")
    made.command("migrate")
    made.command("people", "add", "clerk", "--role", "manager")
    made.command("deploy", "small")
    yield made
    made.stop()


def senders_to(installation: Installation, folder: Path) -> Senders:
    """Give the senders, the clerk with a token as the command line prints it."""
    printed = installation.command("people", "token", "clerk", "--scope", "work:read", "--scope", "work:write")
    token = re.search(r"\bpf_\S+", printed)
    assert token is not None, printed
    return Senders(
        MailSender(installation, folder), FileDropper(installation.drop), Clerk(installation.url, token.group())
    )


def assembled(installation: Installation) -> System:
    """Join the parts around the database of an installation, beside the process that serves it."""
    url = None if installation.database_url is None else SecretStr(installation.database_url)
    return assemble(Settings(data_folder=installation.folder, database_url=url))


def add_waiting_items(installation: Installation, number: int) -> None:
    """Let work items wait from the beginning, so that there is always one to complete."""
    system = assembled(installation)
    try:
        with system.database.transaction() as tx:
            parcels = [tx.parcels.add(a_parcel(channel="upload")) for _ in range(number)]
            for parcel in parcels:
                stored = tx.documents.put(b"to look at")
                tx.parcels.add_document(a_document(parcel, position=0, sha256=stored.sha256, size=stored.size))
                tx.audit.record(parcel_chain(parcel.id), "channel:upload", "parcel_received", parcel.number)
        for parcel in parcels:
            system.engine.start("order", parcel.id)
    finally:
        system.close()


def rows(installation: Installation, statement: str) -> list[tuple[object, ...]]:
    url = installation.database_url or f"sqlite:///{installation.folder / 'parcelflow.db'}"
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


def by_source(installation: Installation, statement: str) -> Counter[str]:
    """Count rows of a channel and a source key by what the sender knows them by: the Message-ID, or the name of the file."""
    found: Counter[str] = Counter()
    for channel, key in rows(installation, statement):
        name = str(key)
        found[name.split(" ", maxsplit=1)[0] if channel == "mail_server" else name.partition("__")[2]] += 1
    return found


def parcels(installation: Installation) -> Counter[str]:
    return by_source(installation, "SELECT channel, source_key FROM parcel WHERE channel <> 'upload'")


def run_kills(installation: Installation, folder: Path, kills: int) -> None:
    random = Random(int(os.environ.get("PARCELFLOW_SEED", "1")))
    senders = senders_to(installation, folder)
    add_waiting_items(installation, kills * WAITING_PER_KILL)
    with at_work(senders.mail.run, senders.files.run, senders.clerk.run):
        for _ in range(kills):
            if random.random() < DIES_WHILE_STARTING:
                die_while_starting(installation, random)
            else:
                die_at_work(installation, random)
        installation.start()
        check(installation)
    assert_something_was_acknowledged(senders, kills)
    compare(installation, senders)


def die_while_starting(installation: Installation, random: Random) -> None:
    installation.launch()
    time.sleep(random.uniform(0.2, 2.0))
    installation.kill()
    check(installation)


def die_at_work(installation: Installation, random: Random) -> None:
    """Start, and pull the plug while all send and the promises are checked."""
    installation.start()
    checking = installation.begin("check")
    time.sleep(random.uniform(0.2, 2.0))
    installation.kill()
    assert "Every promise holds." in installation.ended(checking)


def check(installation: Installation) -> None:
    assert "Every promise holds." in installation.command("check")


def assert_something_was_acknowledged(senders: Senders, kills: int) -> None:
    """Without load the kills would prove nothing."""
    for sent in (senders.mail.sent, senders.files.sent, senders.clerk.sent):
        assert len(sent.acknowledged) >= kills / 2, sent


def compare(installation: Installation, senders: Senders) -> None:
    before = parcels(installation)
    assert set(before.values()) == {1}, "something came in twice"
    assert acknowledged(senders.mail.sent, senders.files.sent) <= set(before), "something acknowledged is lost"
    assert set(before) <= senders.parcels
    send_again(installation, senders)
    after = parcels(installation)
    assert set(after) == senders.parcels
    assert set(after.values()) == {1}, "sending again changed something"
    assert set(attached(installation).values()) == {ATTACHMENTS}
    assert completed(installation) == Counter(senders.clerk.sent.offered)
    assert senders.clerk.refusals == []
    wait_for_work(installation)
    assert not_simply_started(installation) == []
    check(installation)


def acknowledged(*all_sent: Sent) -> set[str]:
    return set().union(*(sent.acknowledged for sent in all_sent))


def send_again(installation: Installation, senders: Senders) -> None:
    """Send all mails and completions again, whether they were acknowledged or not: each gets the first answer."""
    for name in senders.mail.sent.offered:
        senders.mail.send(name)
    assert senders.mail.sent.acknowledged == set(senders.mail.sent.offered), installation.log()[-2000:]
    for item in senders.clerk.sent.offered:
        assert senders.clerk.repeat(item) == senders.clerk.answers[item]
    wait_for(lambda: all(senders.files.is_taken_in(name) for name in senders.files.sent.offered))


def attached(installation: Installation) -> Counter[str]:
    """Count the attachments by mail."""
    joined = "FROM parcel JOIN document ON document.parcel_id = parcel.id"
    return by_source(installation, f"SELECT channel, source_key {joined} WHERE file_name LIKE 'part-_.bin'")


def completed(installation: Installation) -> Counter[str]:
    """Count by item how often the audit trail says that it was completed; each parcel has one item at most."""
    statement = """SELECT work_item.id FROM work_item JOIN audit_event
        ON audit_event.chain = 'parcel:' || work_item.parcel_id AND audit_event.action = 'work.completed'"""
    return Counter(str(item) for (item,) in rows(installation, statement))


def not_simply_started(installation: Installation) -> list[tuple[object, ...]]:
    """Give the parcels that have not one instance, or a job that waits for an operator: number, instances, stopped jobs."""
    statement = """SELECT number, instances, stopped FROM (SELECT number,
        (SELECT count(*) FROM process_instance WHERE parcel_id = parcel.id) AS instances,
        (SELECT count(*) FROM job WHERE parcel_id = parcel.id AND state = 'stopped') AS stopped
        FROM parcel) AS counted WHERE instances <> 1 OR stopped <> 0"""
    return rows(installation, statement)


def wait_for_work(installation: Installation) -> None:
    """Wait until all jobs are done, for as long as they become fewer."""
    left, until = len(owed(installation)), time.monotonic() + PATIENCE_SECONDS
    while left:
        time.sleep(0.2)
        still = len(owed(installation))
        if still < left:
            left, until = still, time.monotonic() + PATIENCE_SECONDS
        assert time.monotonic() < until, f"{left} jobs do not come to their end"


def owed(installation: Installation) -> list[tuple[object, ...]]:
    return rows(installation, "SELECT id FROM job WHERE state IN ('waiting', 'running')")


def wait_for(has_come: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not has_come():
        assert time.monotonic() < until, "it did not come to its end"
        time.sleep(0.2)


@pytest.mark.timeout(900)
def test_pulling_the_plug_loses_nothing_and_doubles_nothing(
    installation: Installation, tmp_path: Path, count: Count
) -> None:
    run_kills(installation, tmp_path, KILLS)
    count("kills of the whole system", KILLS)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_pulling_the_plug_two_hundred_times_loses_nothing(
    installation: Installation, tmp_path: Path, count: Count
) -> None:
    run_kills(installation, tmp_path, LONG_KILLS)
    count("kills of the whole system", LONG_KILLS)
