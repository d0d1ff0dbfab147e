"""What works without being asked: the worker with its job engine, and the channels. `start` and `stop` frame its life."""

import fcntl
import logging
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import TextIO
from uuid import uuid4

from capture.channels.drop_folder import DropFolder
from capture.channels.mail_server import DoorLimits, MailServer
from capture.channels.mailbox import Mailbox
from capture.delivery import Channel
from engine.retries import parse_pauses
from engine.worker import Pace, Worker
from storage.job_engine import JobEngine
from web.assembly import System
from web.settings import Settings

MOST_NODES = 64

log = logging.getLogger(__name__)


@dataclass(slots=True)
class NodeName:
    """A name that no other living process has, in whatever data folder, and that a restarted one gets again."""

    name: str
    lock: TextIO

    def give_back(self) -> None:
        """Let another process have the name."""
        self.lock.close()


def take_node_name(folder: Path) -> NodeName:
    """Take the first free name of the folder; held by a file lock, so a killed process gives it back."""
    for number in range(1, MOST_NODES + 1):
        lock = (folder / f"node-{number}.lock").open("a+", encoding="ascii", errors="replace")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return NodeName(f"{socket.gethostname()}-{number}-{_mark(lock)}", lock)
    raise RuntimeError(f"More than {MOST_NODES} processes work in {folder}.")


def _mark(lock: TextIO) -> str:
    """Give what the file holds to tell its names from those of other folders, whose hosts may have the same name."""
    lock.seek(0)
    mark = lock.read()
    if not mark.isalnum():
        mark = uuid4().hex[:12]
        lock.truncate(0)
        lock.write(mark)
        lock.flush()
    return mark


@dataclass(slots=True)
class Background:
    """The worker and the channels of one process."""

    system: System
    node: NodeName
    job_engine: JobEngine
    worker: Worker
    channels: list[Channel]
    stopping: Event = field(default_factory=Event)
    threads: list[Thread] = field(default_factory=list)
    channel_pause: timedelta = timedelta(seconds=15)

    def start(self) -> None:
        """Begin to work and to take in deliveries, in threads of their own."""
        self.worker.start()
        for channel in self.channels:
            thread = Thread(target=self._run, args=(channel,), name=channel.name)
            thread.start()
            self.threads.append(thread)

    def _run(self, channel: Channel) -> None:
        """Let a channel run to the end; one that cannot begin (its port is taken, its folder is gone) tries again."""
        while not self.stopping.is_set():
            try:
                channel.run(self.system.intake.receive, self.stopping)
            except Exception as error:  # noqa: BLE001 - the edge of a thread; the other channels go on
                log.error("The %s takes nothing in: %s; trying again", channel.name.replace("_", " "), error)  # noqa: TRY400
                self.stopping.wait(self.channel_pause.total_seconds())

    def stop(self, patience: timedelta = timedelta(seconds=20)) -> None:
        """Take in nothing new, let what runs come to its end for so long, and sign off."""
        until = monotonic() + patience.total_seconds()
        self.stopping.set()
        for thread in self.threads:
            thread.join(max(0.0, until - monotonic()))
        self.worker.stop(timedelta(seconds=max(1.0, until - monotonic())))
        self.system.database.wake = None
        self.job_engine.close()
        self.node.give_back()


def make_background(system: System) -> Background:
    """Choose the worker and the channels as the settings say; transactions wake workers from now on."""
    settings = system.settings
    node = take_node_name(settings.data_folder)
    job_engine = JobEngine(settings.database_address, node=node.name, threads=settings.workers)
    job_engine.prepare()
    system.database.wake = job_engine.wake
    worker = Worker(
        system.database,
        system.engine,
        system.operations,
        node=node.name,
        job_engine=job_engine,
        pace=pace_of(settings),
    )
    return Background(system, node, job_engine, worker, list(channels_of(system)))


def pace_of(settings: Settings) -> Pace:
    """Give how often the worker tries what, as the settings say."""
    retries = {name: parse_pauses(text) for name, text in settings.retries.items()}
    usual = retries.pop("*", Pace().retry_after)
    return Pace(retry_after=usual, retries=retries)


def channels_of(system: System) -> Iterator[Channel]:
    """Give the channels that the settings turn on."""
    settings, clock = system.settings, system.clock
    if settings.drop_folder.is_on:
        folder = settings.place(settings.drop_folder.folder)
        yield DropFolder(folder, clock, settle_seconds=settings.drop_folder.quiet_seconds)
    if settings.mail_server.is_on:
        server = settings.mail_server
        recipients = {address.lower(): "order" for address in server.recipients}
        door = DoorLimits(
            connections=server.most_connections,
            of_one_address=server.most_of_one_address,
            recipients=server.most_recipients,
            commands=server.most_commands,
            idle_seconds=server.idle_seconds,
        )
        yield MailServer(server.host, server.port, recipients, clock, door=door)
    if settings.mailbox.host is not None:
        box = settings.mailbox
        yield Mailbox(
            host=settings.mailbox.host,
            port=box.port,
            user=box.user or "",
            password=box.password.get_secret_value() if box.password else "",
            clock=clock,
            folder=box.folder,
            encrypted=box.tls,
            poll_seconds=box.every_seconds,
        )
