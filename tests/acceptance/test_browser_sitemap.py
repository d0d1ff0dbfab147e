"""Every page of the sitemap on a phone and a wide screen, light and dark: nothing for axe, nothing blocked, nothing cut off."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from browser import axe_findings, chromium, serving, sign_in, watched
from flask import Flask, url_for
from house import PASSWORD, House
from playwright.sync_api import Browser, Page
from staffed import Desk, Staffed, an_order, desks, drop, staffed
from werkzeug.routing import Rule

from storage.database import Transaction
from storage.people import User
from web.app import create_app
from web.assembly import System
from web.auth import hash_password
from web.demo.samples import GROUPS
from web.draft_files import own_files

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PHONE, WIDE = {"width": 360, "height": 780}, {"width": 1920, "height": 1080}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PICTURES = os.environ.get("PARCELFLOW_PICTURES")
"""A folder in which to keep a picture of every page, to be looked at."""
STAFF = [group for group in GROUPS if group != "customers"]
NO_PAGES = {
    "static",
    "door.is_alive",
    "door.is_ready",
    "parcels.diagram",
    "parcels.manifest",
    "documents.original",
    "documents.rendition",
    "documents.page_image",
    "quarantine.file",
    "quarantine.preview",
    "upload.separator_sheets",
    "orders.cover",
    "reports.times_csv",
    "reports.work_csv",
    "instances.diagram",
    "processes.diagram",
    "processes.file",
    "processes.whole",
    "processes.drafts.file",
    "processes.drafts.whole",
    "processes.drafts.findings",
}
"""Routes that give a file or a part of a page."""
MAY_BE_MISSING = {"/nowhere", "/orders/new"}
"""What is not there: by intention, and the order form before a process with one is deployed."""
MORE = ("/worklist?view=pool", "/orders?scope=all", "/search?q=K-1001", "/nowhere")
EDITORS = ("order.bpmn", "order_routing.dmn", "forms/order_form.form")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Staffed]:
    """Give a running house in which an order waits to be verified, another is in review, and a file lies in quarantine."""
    with staffed(tmp_path_factory.mktemp("house")) as running:
        hire_everybody(running)
        begin_draft(running)
        drop(running, an_order(seed=21))
        (running.installation.drop / "locked.pdf").write_bytes(b"%PDF-1.7 this is no PDF")
        with desks(browser, running, ["everybody"], with_axe=False) as people:
            everybody = people["everybody"]
            type_order(everybody)
            everybody.wait_for("/worklist?view=pool", "Verify index fields")
            everybody.wait_for("/worklist?view=pool", "Review price sheet")
            everybody.wait_for("/quarantine", "locked.pdf")
        yield running


@pytest.mark.timeout(900)
def test_every_page_is_calm_on_every_screen(house: Staffed, browser: Browser) -> None:
    with house.opened() as system:
        staff, portal = sitemap(system)
    calm = {"viewport": WIDE, "reduced_motion": "reduce"}
    with desks(browser, house, ["everybody", "customer"], with_axe=False, **calm) as people:
        for login, paths in (("everybody", staff), ("customer", portal)):
            for path in paths:
                visit(people[login], path)

        assert [desk.findings for desk in people.values() if desk.findings] == []
        assert [desk.complaints for desk in people.values() if desk.complaints] == []


@pytest.fixture
def empty_house(open_database: Any, sqlite_url: str, tmp_path: Path) -> House:
    house = House(open_database(sqlite_url), tmp_path / "house")
    house.person("everybody", *STAFF)
    return house


def test_a_new_installation_says_on_every_page_what_will_be_there(empty_house: House, browser: Browser) -> None:
    paths = [rule.rule for rule in page_rules(empty_house.app) if not rule.arguments and not is_portal(rule)]
    with serving(empty_house.app) as address:
        context = browser.new_context(viewport=WIDE, reduced_motion="reduce")  # type: ignore[arg-type]  # as below
        page, complaints = watched(context, address)
        desk = Desk(address, context, page, complaints, with_axe=False)
        visit(desk, "/sign-in")
        sign_in(page, address, "everybody", PASSWORD)
        for path in paths:
            if path != "/sign-in":
                visit(desk, path)
        context.close()

    assert desk.findings == []
    assert not complaints, complaints


def hire_everybody(house: Staffed) -> None:
    """Add one person who may see every page of the staff, with the manager's password."""
    with house.opened() as system, system.database.transaction() as tx:
        user = User(login="everybody", display_name="Everybody", created_at=tx.now)
        user.password_hash = hash_password(house.passwords["manager"])
        tx.people.add(user, STAFF)
    house.passwords["everybody"] = house.passwords["manager"]


def begin_draft(house: Staffed) -> None:
    """Begin to change the process that is in force."""
    with house.opened() as system, system.database.transaction() as tx:
        deployment = tx.deployments.latest("order").deployment_id
        tx.deployments.add_draft("Trial", own_files(tx.deployments.files(deployment)), "everybody", deployment)


def type_order(desk: Desk) -> None:
    """Type the customer's order into the order form."""
    page, order = desk.go("/orders/new"), an_order(seed=22)
    for name in ("customer_number", "product", "run_length", "wanted_on"):
        page.locator(f"#field-{name}").fill(order.fields[name] if name != "customer_number" else "K-1001")
    for name in ("paper", "format", "colours", "finishing"):
        page.locator(f"#field-{name}").select_option(order.fields[name])
    desk.press("Send order")


def sitemap(system: System) -> tuple[list[str], list[str]]:
    """Give the address of every page: those of the staff, and those of customers."""
    app = create_app(system)
    with system.database.reading() as tx:
        found = examples(tx)
    staff, portal = [*MORE], list[str]()
    with app.test_request_context():
        for rule in page_rules(app):
            places = portal if is_portal(rule) else staff
            places += [url_for(rule.endpoint, **arguments) for arguments in found.get(rule.endpoint, [{}])]
    return staff, portal


def page_rules(app: Flask) -> list[Rule]:
    """Give the routes that give a page for people."""
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    return [rule for rule in rules if rule.endpoint not in NO_PAGES and not rule.endpoint.startswith("api.")]


def is_portal(rule: Rule) -> bool:
    """Tell whether a page is for customers."""
    return str(rule.endpoint).startswith("portal.")


def examples(tx: Transaction) -> Mapping[str, list[dict[str, Any]]]:
    """Give the arguments of an example, or of several, for each page that needs some; no migration is there to be shown."""
    everybody = tx.people.actor(next(user.id for user in tx.people.all() if user.login == "everybody"))
    [draft] = [draft.id for draft in tx.deployments.drafts()]
    orders = [order for parcel in tx.parcels.since(0) if (order := tx.orders.of_parcel(parcel.id)) is not None]
    return {
        "work.show": [{"item_id": item.id} for item in tx.work.pool(everybody)],
        "orders.show": [{"number": order.number} for order in orders],
        "parcels.show": [{"number": parcel.number} for parcel in tx.parcels.since(0)],
        "portal.show": [{"number": tx.parcels.one(order.parcel_id).number} for order in orders],
        "quarantine.show": [{"entry_id": entry.id} for entry in tx.parcels.quarantined()],
        "admin.show": [{"user_id": everybody.user_id}],
        "processes.show": [{"key": "order"}],
        "processes.version": [{"key": "order", "version": 1}],
        "instances.show": [{"instance_id": instance.id} for instance in tx.processes.all()],
        "migrations.plan": [{"key": "order"}],
        "migrations.show": [],
        "processes.drafts.show": [{"draft_id": draft}],
        "processes.editors.edit": [{"draft_id": draft, "path": path} for path in EDITORS],
        "processes.editors.table": [{"draft_id": draft, "path": "order_routing.dmn"}],
        "processes.tryout.ask": [{"draft_id": draft}],
    }


def visit(desk: Desk, path: str) -> None:
    """Look at a page in the light and in the dark, on a wide screen and on a phone."""
    page = desk.page
    answer = page.goto(desk.address + path)
    assert answer is not None
    if answer.status >= 400 and path not in MAY_BE_MISSING:
        desk.findings.append(f"{path} answers {answer.status}")
    settle(page)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        desk.findings += [f"{scheme} {finding}" for finding in axe_findings(page)]
    for viewport in (PHONE, WIDE):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]  # a width and a height
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            desk.findings.append(f"{path} is wider than {viewport['width']} px")
        if PICTURES is not None:
            keep_pictures(page, Path(PICTURES), f"{name_of(path)} {viewport['width']}")


def name_of(path: str) -> str:
    return path.strip("/").replace("/", " ").replace("?", " ") or "first"


def keep_pictures(page: Page, folder: Path, name: str) -> None:
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.screenshot(path=folder / f"{name} {scheme}.png", full_page=True)


def settle(page: Page) -> None:
    """Wait until diagrams and editors of the page are drawn."""
    for drawing in page.locator("[data-diagram], #editor").all():
        drawing.and_(page.locator("[data-ready]")).wait_for()
