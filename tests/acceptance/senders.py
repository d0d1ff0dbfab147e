"""Senders of mail, files and answers to an installation that dies again and again; each notes what was acknowledged."""

import json
import smtplib
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import SMTP
from http.client import HTTPException
from itertools import count
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from uuid import uuid4

from installation import Installation

from capture.channels.drop_folder import CLAIMED

ATTACHMENTS = 3
RECIPIENT, SENDER = "orders@parcelflow.example", "a@kern.example"
_EACH_BY_SWAKS = 3
_TRY_LATER = (429, 503)
_PATIENCE_SECONDS = 60


@dataclass
class Sent:
    """What a sender knows: everything it offered, and what was acknowledged."""

    offered: list[str] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)


def swaks(port: int, *options: str) -> "subprocess.CompletedProcess[str]":
    """Run the mail program."""
    where = ("--to", RECIPIENT, "--from", SENDER, "--server", "127.0.0.1", "--port", str(port))
    return subprocess.run(["swaks", *where, *options], capture_output=True, text=True, timeout=60, check=False)


@dataclass
class MailSender:
    """Sends mails with three attachments, each until it is acknowledged; every third is made and sent by `swaks`."""

    installation: Installation
    folder: Path
    sent: Sent = field(default_factory=Sent)
    _mails: dict[str, Callable[[], str]] = field(default_factory=dict)

    def run(self, ending: threading.Event) -> None:
        """Send until it is time to end."""
        for number in count():
            name = f"<{uuid4()}@kern.example>"
            self._mails[name] = self._made_by_swaks(name) if number % _EACH_BY_SWAKS == 0 else self._made_here(name)
            self.sent.offered.append(name)
            while name not in self.sent.acknowledged:
                if ending.wait(0.05):
                    return
                self.send(name)

    def send(self, name: str) -> None:
        """Send a mail as it was made; only the answer after its data counts."""
        if "250 2.0.0 Stored as parcel P-" in self._mails[name]():
            self.sent.acknowledged.add(name)

    def _made_here(self, name: str) -> Callable[[], str]:
        mail = EmailMessage()
        mail["From"], mail["To"], mail["Subject"], mail["Message-ID"] = SENDER, RECIPIENT, "Order", name
        mail.set_content("Our order is enclosed.")
        for number in range(ATTACHMENTS):
            content = f"{name} {number}".encode()
            mail.add_attachment(content, maintype="application", subtype="x-unknown", filename=f"part-{number}.bin")
        raw = mail.as_bytes(policy=SMTP)
        return lambda: self._told(raw)

    def _told(self, raw: bytes) -> str:
        with (
            suppress(OSError, smtplib.SMTPException),
            smtplib.SMTP("127.0.0.1", self.installation.mail_port, timeout=30) as client,
        ):
            client.ehlo()
            client.mail(SENDER)
            client.rcpt(RECIPIENT)
            code, said = client.data(raw)
            return f"{code} {said.decode()}"
        return ""

    def _made_by_swaks(self, name: str) -> Callable[[], str]:
        options = ["--header", f"Message-Id: {name}", "--attach-type", "application/x-unknown"]
        for number in range(ATTACHMENTS):
            part = self.folder / f"part-{number}.bin"
            part.write_text(f"{name} {number}", encoding="ascii")
            options += ["--attach-name", part.name, "--attach", f"@{part}"]
        made = self.folder / f"{name.strip('<>')}.eml"
        made.write_text(swaks(0, "--dump-mail", *options).stdout, encoding="ascii")
        return lambda: swaks(self.installation.mail_port, "--data", f"@{made}").stdout


@dataclass
class FileDropper:
    """Drops file after file; one that is in the folder no more was taken in."""

    drop: Path
    sent: Sent = field(default_factory=Sent)

    def run(self, ending: threading.Event) -> None:
        """Drop until it is time to end, each file when the one before was taken in."""
        while not ending.is_set():
            name = f"{uuid4()}.bin"
            self.sent.offered.append(name)
            unfinished = self.drop / f"{name}.part"
            unfinished.write_text(name, encoding="ascii")
            unfinished.rename(self.drop / name)
            while not self.is_taken_in(name) and not ending.wait(0.05):
                pass
        self.look()

    def look(self) -> None:
        """Note which files were taken in."""
        self.sent.acknowledged |= {name for name in self.sent.offered if self.is_taken_in(name)}

    def is_taken_in(self, name: str) -> bool:
        """Tell whether a file that was dropped has gone; while it is taken in, it lies aside under a longer name."""
        return not (self.drop / name).exists() and not any((self.drop / CLAIMED).glob(f"*{name}"))


@dataclass
class Clerk:
    """Completes work items over REST, each under a request key of its own, which stays the same at every try."""

    url: str
    token: str
    sent: Sent = field(default_factory=Sent)
    answers: dict[str, Any] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)
    _keys: dict[str, str] = field(default_factory=dict)

    def run(self, ending: threading.Event) -> None:
        """Complete whatever is in the pool until it is time to end."""
        while not ending.wait(0.1):
            for item in (self.ask("GET", "/api/v1/work-items?list=pool") or {"items": []})["items"]:
                self.complete(str(item["id"]))
                if ending.wait(0.1):
                    break

    def complete(self, item: str) -> Any:
        """Complete an item; only an answer counts."""
        if item not in self._keys:
            self._keys[item] = uuid4().hex
            self.sent.offered.append(item)
        path = f"/api/v1/work-items/{item}/complete"
        answer = self.ask("POST", path, {"answers": {}}, {"Idempotency-Key": self._keys[item]})
        if answer is not None:
            self.sent.acknowledged.add(item)
            self.answers.setdefault(item, answer)
        return answer

    def repeat(self, item: str) -> Any:
        """Complete an item again, until it is answered."""
        until = time.monotonic() + _PATIENCE_SECONDS
        while (answer := self.complete(item)) is None:
            assert time.monotonic() < until, self.refusals
            time.sleep(0.2)
        return answer

    def ask(self, method: str, path: str, body: object = None, headers: Mapping[str, str] = {}) -> Any:
        """Give the answer, or None where none came; whatever is said but “try later” is a refusal."""
        known = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, headers={**known, **headers}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.loads(answer.read())
        except HTTPError as error:
            if error.code not in _TRY_LATER:
                self.refusals.append(f"{path}: {error.code} {error.read().decode()}")
        except (OSError, HTTPException, ValueError):
            pass  # it died in between
        return None


@contextmanager
def at_work(*senders: Callable[[threading.Event], None]) -> Iterator[None]:
    """Let senders run at once; what breaks one of them is raised in the end."""
    ending = threading.Event()
    with ThreadPoolExecutor(len(senders)) as pool:
        running: list[Future[None]] = [pool.submit(sender, ending) for sender in senders]
        try:
            yield
        finally:
            ending.set()
    for sender in running:
        sender.result()
