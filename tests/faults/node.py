"""`parcelflow work` as processes of their own on one database, and a mail server that counts what reaches the outside."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from factories import a_document, a_parcel, a_party, an_order
from installation import Installation, free_port
from running import a_diagram, a_process, end, start

from engine.deployment import deploy
from engine.operations.call import Call
from storage.audit import parcel_chain
from web.assembly import System

MAILED = '<parcelflow:input name="mail" expression="\'note\'"/>'
PAUSE_SECONDS = 3


def mail(key: str) -> str:
    """Give a send task that sends the note."""
    return (
        f'<sendTask id="{key}" name="{key}" parcelflow:operation="send_mail">'
        f"<extensionElements>{MAILED}</extensionElements></sendTask>"
    )


MAILING = a_diagram(
    a_process(
        "order",
        start(),
        mail("greet"),
        f'<intermediateCatchEvent id="pause"><timerEventDefinition><timeDuration>PT{PAUSE_SECONDS}S</timeDuration>'
        "</timerEventDefinition></intermediateCatchEvent>",
        mail("part"),
        end(),
        "begin -> greet",
        "greet -> pause",
        "pause -> part",
        "part -> done",
    )
)
NOTE = b"Subject: A note\n\nDear {{ customer.name }}\n"


@dataclass
class PostOffice:
    """A mail server on loopback: counts the mails by their Message-ID, and takes its time."""

    port: int = field(default_factory=free_port)
    seconds: float = 0.0
    begun: Counter[str] = field(default_factory=Counter)
    taken: Counter[str] = field(default_factory=Counter)

    async def handle_DATA(self, _server: object, _session: object, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        name = name_of(envelope)
        self.begun[name] += 1
        await asyncio.sleep(self.seconds)
        self.taken[name] += 1
        return "250 taken"

    def open(self) -> Controller:
        controller = Controller(self, hostname="127.0.0.1", port=self.port)
        controller.start()
        return controller


def name_of(envelope: Any) -> str:
    """Give the name of a mail: its Message-ID without the host."""
    return str(message_from_bytes(envelope.content)["Message-ID"]).strip("<> ").partition("@")[0]


@dataclass
class Node:
    """One process that works."""

    installation: Installation
    name: str
    process: "subprocess.Popen[bytes]"

    @property
    def log(self) -> Path:
        return self.installation.folder / f"{self.name}.log"

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(30)

    def tell(self, number: signal.Signals) -> None:
        self.process.send_signal(number)


def begin_node(installation: Installation, name: str, post: PostOffice, failpoints: str = "", **more: str) -> Node:
    """Start a process that works, without channels, and wait until it does."""
    quiet = {
        "PARCELFLOW_MAIL_SERVER__IS_ON": "no",
        "PARCELFLOW_DROP_FOLDER__IS_ON": "no",
        "PARCELFLOW_SMTP__HOST": "127.0.0.1",
        "PARCELFLOW_SMTP__PORT": str(post.port),
        "PARCELFLOW_SMTP__STARTTLS": "no",
        "PARCELFLOW_FAILPOINTS": failpoints,
        "PYTHONUNBUFFERED": "1",
    }
    path = installation.folder / f"{name}.log"
    with path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "web.cli", "work"],
            env={**installation.environment, **quiet, **more},
            cwd=installation.folder,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    node = Node(installation, name, process)
    until(lambda: "Parcelflow works" in path.read_text() or process.poll() is not None, 60)
    assert process.poll() is None, path.read_text()
    return node


def until(is_so: Callable[[], object], seconds: float) -> float:
    """Wait until something is so, and give how many seconds it took; fails after too long."""
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds, "it did not happen in time"
        time.sleep(0.05)
    return time.monotonic() - begun


def put_in_force(system: System) -> None:
    """Deploy the process that mails."""
    files = {
        "mailing.bpmn": MAILING,
        "letters/note.txt": NOTE,
        "access.csv": b"role,status,subject,level,scope\nclerk,*,order,act,all\n",
    }
    deploy(system.database, system.surroundings(), files, login="owner")


def owe_orders(system: System, number: int) -> None:
    """Let so many orders come in, and owe the start of the process of each, one transaction an order."""
    for _ in range(number):
        with system.database.transaction() as tx:
            party = tx.orders.add_party(a_party())
            parcel = tx.parcels.add(a_parcel(received_at=datetime.now(UTC), customer_id=party.id))
            stored = tx.documents.put(parcel.number.encode())
            tx.parcels.add_document(a_document(parcel, sha256=stored.sha256, size=stored.size))
            tx.orders.add(an_order(parcel, customer_id=party.id))
            tx.audit.record(parcel_chain(parcel.id), "channel:upload", "parcel_received", parcel.number)
            tx.jobs.start_process("order", parcel.id, message=None)


def rows(system: System, statement: str) -> list[Any]:
    """Give the rows of a statement."""
    with system.database.reading() as tx:
        return list(tx.connection.exec_driver_sql(statement))


def marks(system: System) -> Mapping[str, str]:
    """Give the state of each mail that was owed, by the name it has outside."""
    owed = rows(system, "SELECT instance_id, key, state FROM job WHERE kind = 'operation'")
    return {Call(f"{instance}:{key}", None, instance, {}).mark: state for instance, key, state in owed}
