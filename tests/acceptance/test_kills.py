"""The plug is pulled at random under load: what was acknowledged is there exactly once, what was not, at most once."""

import json
import os
import re
import shutil
import smtplib
import subprocess
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from http.client import HTTPException
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from installation import Installation
from postgres import Cluster
from sqlalchemy import create_engine, text

KILLS = 10
LONG_KILLS = 200
DATA = Path(__file__).parents[1] / "data" / "small_process"
RECIPIENT = "orders@parcelflow.example"


@dataclass
class Sent:
    """What a sender knows: everything it offered, and what was acknowledged."""

    offered: dict[str, bytes] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)


def a_mail() -> tuple[str, bytes]:
    """Give a mail with three attachments, and its Message-ID."""
    name = f"<{uuid4()}@kern.example>"
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = "a@kern.example", RECIPIENT, "Order", name
    mail.set_content("Our order is enclosed.")
    for number in range(3):
        content = f"{name} {number}".encode()
        mail.add_attachment(content, maintype="application", subtype="x-unknown", filename=f"part-{number}.bin")
    return name, mail.as_bytes(policy=SMTP)


@dataclass
class Senders:
    """Threads that send mail, drop files and complete work items for as long as they are let."""

    installation: Installation
    token: str
    mails: Sent = field(default_factory=Sent)
    files: Sent = field(default_factory=Sent)
    completions: Sent = field(default_factory=Sent)
    ending: threading.Event = field(default_factory=threading.Event)

    def send_mails(self) -> None:
        """Send mail after mail, each again until it is acknowledged, as mail servers do."""
        while not self.ending.is_set():
            name, raw = a_mail()
            self.mails.offered[name] = raw
            while name not in self.mails.acknowledged and not self.ending.is_set():
                self.mail_once(name)
                self.ending.wait(0.05)

    def mail_once(self, name: str) -> None:
        """Send a mail; only a 250 after the data counts."""
        with (
            suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", self.installation.mail_port, timeout=30) as client,
        ):
            client.ehlo()
            client.mail("a@kern.example")
            client.rcpt(RECIPIENT)
            code, _ = client.data(self.mails.offered[name])
            if code == 250:
                self.mails.acknowledged.add(name)

    def drop_files(self) -> None:
        """Drop files; one that has left the folder was taken in."""
        while not self.ending.is_set():
            name = f"{uuid4()}.bin"
            self.files.offered[name] = name.encode()
            unfinished = self.installation.drop / f"{name}.part"
            unfinished.write_bytes(name.encode())
            unfinished.rename(self.installation.drop / name)
            self.ending.wait(0.3)

    def complete_items(self) -> None:
        while not self.ending.is_set():
            with suppress(OSError, HTTPException, ValueError):
                for item in self.rest("GET", "/api/v1/work-items?list=pool")["items"]:
                    self.complete_once(str(item["id"]))
                    if self.ending.is_set():
                        break
            self.ending.wait(0.1)

    def complete_once(self, item: str) -> None:
        """Complete an item under a request key of its own; only an answer counts."""
        self.completions.offered.setdefault(item, uuid4().hex.encode())
        with suppress(OSError, HTTPException):
            key = self.completions.offered[item].decode()
            self.rest("POST", f"/api/v1/work-items/{item}/complete", {"answers": {}}, key)
            self.completions.acknowledged.add(item)

    def rest(
        self, method: str, path: str, body: object = None, key: str | None = None
    ) -> dict[str, list[dict[str, int]]]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.installation.url + path, data=data, headers=headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            found: dict[str, list[dict[str, int]]] = json.loads(answer.read() or b"{}")
            return found

    def threads(self) -> list[threading.Thread]:
        work: list[Callable[[], None]] = [self.send_mails, self.drop_files, self.complete_items]
        return [threading.Thread(target=each, daemon=True) for each in work]


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


def a_token(installation: Installation) -> str:
    """Give a token for the REST interface, as the command line prints it."""
    printed = installation.command("people", "token", "clerk", "--scope", "work:read", "--scope", "work:write")
    found = re.search(r"\bpf_\S+", printed)
    assert found is not None, printed
    return found.group()


def rows(installation: Installation, statement: str) -> list[tuple[object, ...]]:
    url = installation.database_url or f"sqlite:///{installation.folder / 'parcelflow.db'}"
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(statement))]
    finally:
        engine.dispose()


def parcels_by_source(installation: Installation) -> Counter[str]:
    """Count parcels by what their sender knows them by: the Message-ID, or the name of the file."""
    found: Counter[str] = Counter()
    for channel, key in rows(installation, "SELECT channel, source_key FROM parcel"):
        name = str(key)
        found[name.split(" ", maxsplit=1)[0] if channel == "mail_server" else name.partition("__")[2]] += 1
    return found


def check(installation: Installation) -> None:
    printed = installation.command("check", check=False)
    assert "Every promise holds." in printed, printed


def run_kills(installation: Installation, kills: int) -> None:
    random = Random(int(os.environ.get("PARCELFLOW_SEED", "1")))
    senders = Senders(installation, a_token(installation))
    installation.start()
    threads = senders.threads()
    for thread in threads:
        thread.start()
    try:
        for _ in range(kills):
            time.sleep(random.uniform(0.2, 2.0))
            installation.kill()
            check(installation)
            installation.start()
    finally:
        senders.ending.set()
        for thread in threads:
            thread.join(timeout=30)
    compare(installation, senders)


def compare(installation: Installation, senders: Senders) -> None:
    before = parcels_by_source(installation)
    assert max(before.values(), default=0) <= 1, "something came in twice"
    assert senders.mails.acknowledged <= set(before), "an acknowledged mail is lost"
    for name in senders.mails.offered:
        senders.mail_once(name)
    assert senders.mails.acknowledged == set(senders.mails.offered), installation.log()[-2000:]
    wait_for_files(installation)
    after = parcels_by_source(installation)
    assert set(after) == set(senders.mails.offered) | set(senders.files.offered)
    assert set(after.values()) == {1}, "sending again changed something"
    completed = {str(item) for (item,) in rows(installation, "SELECT id FROM work_item WHERE state = 'completed'")}
    assert senders.completions.acknowledged <= completed
    assert senders.mails.acknowledged
    assert senders.completions.acknowledged
    check(installation)


def wait_for_files(installation: Installation) -> None:
    until = time.monotonic() + 60
    while any(path.is_file() for path in installation.drop.rglob("*")):
        assert time.monotonic() < until, "dropped files were not taken in"
        time.sleep(0.2)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_pulling_the_plug_loses_nothing_and_doubles_nothing(installation: Installation) -> None:
    run_kills(installation, KILLS)


@pytest.mark.long
@pytest.mark.timeout(0)
def test_pulling_the_plug_two_hundred_times_loses_nothing(installation: Installation) -> None:
    run_kills(installation, LONG_KILLS)


def test_a_mail_from_a_mail_program_becomes_a_parcel(installation: Installation) -> None:
    installation.start()
    for number in range(3):
        (installation.folder / f"order-{number}.bin").write_bytes(f"{number}".encode())
    attachments = [
        word for number in range(3) for word in ("--attach", f"@{installation.folder / f'order-{number}.bin'}")
    ]
    server = ["--server", "127.0.0.1", "--port", str(installation.mail_port)]
    sent = subprocess.run(
        ["swaks", "--to", RECIPIENT, "--from", "a@kern.example", *server, *attachments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert sent.returncode == 0, sent.stdout
    assert "250 2.0.0 Stored as parcel P-" in sent.stdout
    (documents,) = rows(installation, "SELECT count(*) FROM document WHERE file_name LIKE 'order-%'")
    assert documents == (3,)
