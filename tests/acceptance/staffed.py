"""An installation with people, customers and the shipped workflows, and the desks at which its people sit in a browser."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from random import Random
from typing import Any

from browser import Complaints, axe_findings, sign_in, watched
from installation import Installation, running
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from web.assembly import System, assemble
from web.demo.orders import WrittenOrder, write_order
from web.demo.papers import draw_page, scan
from web.demo.samples import add_sample_people, deploy_shipped, sample_customers
from web.settings import Settings

PATIENCE_SECONDS = 120
LOOK_EVERY_MILLISECONDS = 300


@dataclass(frozen=True, slots=True)
class Staffed:
    """A running installation and the passwords of its people by login."""

    installation: Installation
    passwords: dict[str, str]

    @contextmanager
    def opened(self) -> Iterator[System]:
        """Give the system over the same data, as a command of the command line has it."""
        system = assemble(settings_of(self.installation.folder))
        try:
            yield system
        finally:
            system.close()


def today() -> date:
    """Give the day it is where the business lives; on this machine it may still be the day before."""
    return datetime.now(Settings().zone).date()


@contextmanager
def staffed(folder: Path) -> Iterator[Staffed]:
    """Fill a new installation with people and workflows, and run it."""
    installation = Installation(folder)
    system = assemble(settings_of(folder))
    try:
        system.database.migrate()
        sign_ins = add_sample_people(system)
        deploy_shipped(system)
    finally:
        system.close()
    with running(installation):
        yield Staffed(installation, {each.login: each.password for each in sign_ins})


def settings_of(folder: Path) -> Settings:
    """Give the settings of an installation in a folder."""
    return Settings(data_folder=folder)


def an_order(seed: int) -> WrittenOrder:
    """Make up an order that QA has to see, and leave the line with its run length off the paper."""
    random = Random(seed)
    order = write_order(random, sample_customers(), today())
    printed = {name: value for name, value in order.printed.items() if name != "run_length"}
    return replace(order, printed=printed, fields={**order.fields, "run_length": "5000"})


def drop(house: Staffed, order: WrittenOrder) -> None:
    """Let the scanner write its file into the drop folder, under a name that is taken only when it is whole."""
    random = Random(1)
    folder = house.installation.drop / "scanner"
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{order.fields['customer_reference']}.tif"
    (folder / name).write_bytes(scan([draw_page(order, random)], random))


@dataclass(slots=True)
class Desk:
    """One person's browser window: where they go, and what the browser and axe complained about on the way."""

    address: str
    context: BrowserContext
    page: Page
    complaints: Complaints
    with_axe: bool
    findings: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def go(self, path: str) -> Page:
        """Open a page by its address and let axe look at it."""
        self.page.goto(self.address + path)
        return self.look()

    def look(self) -> Page:
        """Wait until the page that is shown has come whole, and let axe look at it, once for each title it has."""
        self.page.wait_for_load_state()
        kind = self.page.title()
        if self.with_axe and kind not in self.seen:
            self.seen.add(kind)
            self.findings += axe_findings(self.page)
        return self.page

    def wait_for(self, path: str, what: str) -> Locator:
        """Open a page again and again, as a person does, until it shows a row with these words; give that row."""
        until = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < until:
            row = self.go(path).locator("tbody tr", has_text=what)
            if row.count():
                return row.first
            self.page.wait_for_timeout(LOOK_EVERY_MILLISECONDS)
        raise TimeoutError(f"{path} never showed “{what}”: {self.page.locator('main').inner_text()}")

    def press(self, name: str) -> Page:
        """Press a button and let axe look at what comes."""
        self.page.get_by_role("button", name=name).click()
        return self.look()


@contextmanager
def desks(
    browser: Browser, staffed: Staffed, logins: Sequence[str], *, with_axe: bool = True, **options: Any
) -> Iterator[dict[str, Desk]]:
    """Sign people in, each in a window of their own; options are those of a browser context."""
    address = staffed.installation.url
    open_desks: dict[str, Desk] = {}
    try:
        for login in logins:
            context = browser.new_context(**options)
            page, complaints = watched(context, address)
            open_desks[login] = Desk(address, context, page, complaints, with_axe)
            sign_in(page, address, login, staffed.passwords[login])
        yield open_desks
    finally:
        for desk in open_desks.values():
            desk.context.close()
