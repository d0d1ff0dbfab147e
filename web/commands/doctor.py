"""`parcelflow doctor`: what is installed, reachable and configured."""

import ctypes.util
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import click

from storage.errors import ParcelflowError
from web.assembly import System
from web.commands.opening import opened_system, read_settings
from web.settings import Settings

ENOUGH_DISK = 2 * 1024**3
SHOWN_PACKAGES = ("parcelflow", "SpiffWorkflow", "SQLAlchemy", "dbos", "zxing-cpp", "pypdfium2", "pytesseract", "Flask")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at: whether it is well, what it is, and what to do if it is not."""

    subject: str
    is_well: bool
    said: str


@click.command()
def doctor() -> None:
    """Look whether everything is installed, reachable and configured; exit 1 if something is not."""
    settings = read_settings()
    click.echo("Settings")
    for name, value in settings.describe():
        click.echo(f"  {name} = {value}")
    click.echo("Packages")
    for package in SHOWN_PACKAGES:
        click.echo(f"  {package} {version(package)}")
    click.echo("Findings")
    findings = list(examine(settings))
    for finding in findings:
        click.echo(f"  {'ok  ' if finding.is_well else 'FAIL'} {finding.subject}: {finding.said}")
    sys.exit(any(not finding.is_well for finding in findings))


def examine(settings: Settings) -> Iterator[Finding]:
    """Look at programs, disk, database, document store and mail in turn."""
    yield _tesseract(settings)
    yield _program("LibreOffice", "soffice", "apt-get install libreoffice-writer-nogui")
    yield _library("zbar", "apt-get install libzbar0")
    yield _disk(settings)
    with opened_system(is_any_schema=True) as system:
        yield _tried("database", lambda: _ask_database(system))
        yield _tried("document store", lambda: _ask_store(system))
    if settings.smtp.host:
        yield _reachable("mail out", settings.smtp.host, settings.smtp.port)
    if settings.mailbox.host:
        yield _reachable("mailbox", settings.mailbox.host, settings.mailbox.port)


def _tesseract(settings: Settings) -> Finding:
    found = _program("Tesseract", "tesseract", "apt-get install tesseract-ocr tesseract-ocr-eng tesseract-ocr-deu")
    if not found.is_well:
        return found
    answer = subprocess.run(["tesseract", "--list-langs"], capture_output=True, text=True, check=False, timeout=20)
    missing = set(settings.languages) - set(answer.stdout.split())
    if missing:
        names = " ".join(f"tesseract-ocr-{language}" for language in sorted(missing))
        return Finding("Tesseract", is_well=False, said=f"languages are missing; apt-get install {names}")
    return Finding("Tesseract", is_well=True, said=f"languages {', '.join(settings.languages)}")


def _program(subject: str, name: str, remedy: str) -> Finding:
    path = shutil.which(name)
    return Finding(subject, path is not None, path or f"not installed; {remedy}")


def _library(name: str, remedy: str) -> Finding:
    found = ctypes.util.find_library(name)
    return Finding(name, found is not None, found or f"not installed; {remedy}")


def _disk(settings: Settings) -> Finding:
    folder = settings.data_folder if settings.data_folder.exists() else settings.data_folder.absolute().parent
    if not os.access(folder, os.W_OK):
        return Finding("disk", is_well=False, said=f"{folder} cannot be written; set PARCELFLOW_DATA_FOLDER")
    free = shutil.disk_usage(folder).free
    return Finding("disk", free > ENOUGH_DISK, f"{free // 1024**2} MB free in {folder}")


def _tried(subject: str, ask: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, is_well=True, said=ask())
    except ParcelflowError as error:
        return Finding(subject, is_well=False, said=error.message)


def _ask_database(system: System) -> str:
    system.database.check_schema()
    with system.database.reading() as tx:
        people = len(tx.people.all())
    if not people:
        return "answers; nobody can sign in yet: parcelflow people add NAME --role administrator"
    return f"answers; {people} people"


def _ask_store(system: System) -> str:
    stored = system.documents.put(b"Parcelflow was here.\n")
    system.documents.verify(stored.sha256)
    return str(system.documents.folder)


def _reachable(subject: str, host: str, port: int) -> Finding:
    try:
        with socket.create_connection((host, port), timeout=5):
            return Finding(subject, is_well=True, said=f"{host}:{port} answers")
    except OSError as error:
        return Finding(subject, is_well=False, said=f"{host}:{port} does not answer ({error.strerror or error})")
