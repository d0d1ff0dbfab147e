"""Process owners in a real browser: a rule changed with and without script, the editors under the strict policy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import axe_findings, chromium, serving, sign_in, watched
from house import PASSWORD, House
from lxml import etree
from playwright.sync_api import Browser, Page, expect
from routing import settle

from engine.deployment import deploy, read_folder
from web.draft_files import own_files

SHIPPED = Path(__file__).parents[2] / "workflows" / "order"
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def house(open_database: object, sqlite_url: str, tmp_path: Path) -> House:
    assert callable(open_database)
    house = House(open_database(sqlite_url), tmp_path / "house")
    house.person("olga", "process_owners")
    return house


def deploy_shipped(house: House) -> int:
    files = read_folder(SHIPPED)
    return deploy(house.database, house.system.surroundings(), files, login="owner", name="order").deployment_id


def a_draft(house: House, deployment: int) -> int:
    with house.database.transaction() as tx:
        return tx.deployments.add_draft("Change", own_files(tx.deployments.files(deployment)), "olga", deployment).id


def draft_file(house: House, draft: int, path: str) -> bytes:
    with house.database.reading() as tx:
        return tx.deployments.draft_files(draft)[path]


def waits_at(house: House, parcel_id: int) -> list[str]:
    with house.database.reading() as tx:
        return [item.node for item in tx.work.of_parcel(parcel_id)]


def start(house: House) -> int:
    parcel_id, _ = house.parcel()
    house.system.engine.start("order", parcel_id, {"product": "flyer"})
    return parcel_id


def open_editor(page: Page, address: str, draft: int, path: str, element: str = "") -> None:
    page.goto(f"{address}/drafts/{draft}/edit/{path}?element={element}")
    page.wait_for_selector("#editor[data-ready=yes]")


@pytest.mark.parametrize("with_script", [True, False], ids=["with script", "without script"])
def test_an_owner_changes_a_rule_and_the_next_parcel_takes_the_new_way(
    house: House, browser: Browser, with_script: bool
) -> None:
    settle(house)
    running = start(house)

    with serving(house.app) as address:
        context = browser.new_context(java_script_enabled=with_script)
        page, complaints = watched(context, address)
        sign_in(page, address, "olga", PASSWORD)
        page.get_by_role("navigation", name="Main").get_by_role("link", name="Processes").click()
        page.get_by_role("link", name="order", exact=True).click()
        page.get_by_role("button", name="Change in a draft").click()
        page.get_by_role("link", name="order_routing.dmn", exact=True).click()
        page.get_by_label("Group, rule 1").select_option(label="manager")
        page.get_by_role("button", name="Save to the draft").click()
        page.get_by_role("link", name="Draft order after 1").click()
        page.get_by_label("What changes, and why").fill("The manager looks at flyers.")
        page.get_by_role("button", name="Put in force").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("version 2")
        expect(page.get_by_role("status")).to_contain_text("1 running keep their version")
        context.close()

    assert waits_at(house, running) == ["check"]
    assert waits_at(house, start(house)) == ["look"]
    assert not complaints, complaints


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1920)])
def test_no_page_for_owners_breaks_its_policy_or_shuts_anybody_out(
    house: House, browser: Browser, scheme: str, width: int
) -> None:
    draft = a_draft(house, deploy_shipped(house))
    plain = ["/processes", "/processes/order", f"/drafts/{draft}", f"/drafts/{draft}/try",
             f"/drafts/{draft}/table/order_routing.dmn", f"/drafts/{draft}/edit/statuses.csv"]  # fmt: skip
    editors = ["order.bpmn", "order_routing.dmn", "forms/verify_index_fields.form"]
    with serving(house.app) as address:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
        page, complaints = watched(context, address)
        sign_in(page, address, "olga", PASSWORD)
        findings: list[str] = []
        for path in [*plain, *(f"/drafts/{draft}/edit/{file}" for file in editors)]:
            page.goto(address + path)
            if "/edit/" in path and not path.endswith(".csv"):
                page.wait_for_selector("#editor[data-ready=yes]")
            findings += axe_findings(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                findings.append(f"{path} is wider than the screen")
        context.close()

    assert findings == []
    assert not complaints, complaints


def test_a_diagram_is_changed_saved_and_checked_in_its_editor(house: House, browser: Browser) -> None:
    draft = a_draft(house, deploy_shipped(house))
    before = draft_file(house, draft, "order.bpmn")

    with serving(house.app) as address:
        page, complaints = watched(browser.new_context(viewport={"width": 1600, "height": 1000}), address)
        sign_in(page, address, "olga", PASSWORD)
        open_editor(page, address, draft, "order.bpmn", element="verify_index_fields")
        page.get_by_text("Person", exact=True).click()
        page.get_by_label("Candidate groups").fill("manager,planning")
        expect(page.locator("#editor-state")).to_have_text("Not saved yet")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#editor-state")).to_have_text("Saved")
        page.locator("[data-element-id=register_order]").first.click()
        page.get_by_text("Operation", exact=True).first.click()
        page.get_by_label("Operation").select_option("")
        expect(page.locator("#editor-state")).to_have_text("Not saved yet")
        page.keyboard.press("Control+s")
        expect(page.locator("#findings .chip.bad")).to_have_count(1, timeout=20_000)
        page.locator("[data-element-id=recognise_parcel]").first.click()
        page.locator("#findings").get_by_role("link", name="register_order").click()
        expect(page.locator(".selected[data-element-id=register_order]")).to_have_count(1)
        page.context.close()

    changed = etree.fromstring(draft_file(house, draft, "order.bpmn"))
    ours = "{https://parcelflow.example/bpmn/1.0}"
    by_id = {element.get("id"): element for element in changed.iter() if isinstance(element.tag, str)}
    assert by_id["verify_index_fields"].get(f"{ours}candidateGroups") == "manager,planning"
    assert by_id["register_order"].get(f"{ours}operation") is None
    kept = sorted(name for element in etree.fromstring(before).iter() for name in element.attrib if ours in name)
    left = sorted(name for element in changed.iter() for name in element.attrib if ours in name)
    assert len(left) == len(kept)
    assert not complaints, complaints


def test_tables_and_forms_are_saved_from_their_editors(house: House, browser: Browser) -> None:
    draft = a_draft(house, deploy_shipped(house))

    with serving(house.app) as address:
        page, complaints = watched(browser.new_context(viewport={"width": 1600, "height": 1000}), address)
        sign_in(page, address, "olga", PASSWORD)
        open_editor(page, address, draft, "order_routing.dmn")
        page.locator("[data-element-id=order_routing_rule_1_out_1]").click()
        page.keyboard.press("Control+a")
        page.keyboard.type("99")
        page.get_by_role("heading", level=1).click()
        page.keyboard.press("Control+s")
        expect(page.locator("#editor-state")).to_have_text("Saved")
        open_editor(page, address, draft, "forms/cancel_order.form")
        page.locator(".fjs-form-field").first.click()
        page.locator(".bio-properties-panel-group-header-title", has_text="General").click()
        page.locator(".bio-properties-panel-group").get_by_label("Key").fill("why")
        page.get_by_role("heading", level=1).click()
        page.keyboard.press("Control+s")
        expect(page.locator("#editor-state")).to_have_text("Saved")
        page.context.close()

    assert b"<text>99</text>" in draft_file(house, draft, "order_routing.dmn")
    assert b'"why"' in draft_file(house, draft, "forms/cancel_order.form")
    assert not complaints, complaints


def test_what_somebody_else_saved_is_not_overwritten_by_an_editor(house: House, browser: Browser) -> None:
    draft = a_draft(house, deploy_shipped(house))

    with serving(house.app) as address:
        page, _ = watched(browser.new_context(viewport={"width": 1600, "height": 1000}), address)
        sign_in(page, address, "olga", PASSWORD)
        open_editor(page, address, draft, "order.bpmn", element="verify_index_fields")
        with house.database.transaction() as tx:
            tx.deployments.put_draft_file(draft, "note.txt", b"Other", "otto", 1)
        page.get_by_text("Person", exact=True).click()
        page.get_by_label("Candidate groups").fill("planning")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#editor-state")).to_contain_text("Somebody else has changed this draft")
        expect(page.get_by_role("button", name="Save")).to_be_enabled()
        page.context.close()

    assert b"planning" not in draft_file(house, draft, "order.bpmn")
