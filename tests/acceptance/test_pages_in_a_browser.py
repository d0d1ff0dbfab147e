"""The pages in a real browser: no broken policy, nothing for axe, keys in lists, and the same way without script."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import axe_findings, chromium, serving, sign_in, watched
from house import PASSWORD, House
from playwright.sync_api import Browser, expect
from running import BERLIN

from engine.deployment import Surroundings, deploy, read_folder

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
    house.deploy()
    house.person("anna", "accounting", "manager", "administrators", "process_owners")
    for _ in range(3):
        house.begin(house.parcel()[0])
    return house


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1920)])
def test_no_page_breaks_its_policy_or_shuts_anybody_out(
    house: House, browser: Browser, scheme: str, width: int
) -> None:
    paths = ["/worklist", "/worklist?view=pool", "/work-items/1", "/orders", "/parcels", "/parcels/P-2026-000001",
             "/search?q=text", "/orders/new", "/bring-in", "/quarantine", "/incidents", "/reports", "/people",
             "/people/new", "/people/1", "/people/groups", "/nowhere"]  # fmt: skip
    with serving(house.app) as address:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
        page, complaints = watched(context, address)
        page.goto(f"{address}/sign-in")
        findings = axe_findings(page)
        sign_in(page, address, "anna", PASSWORD)

        for path in paths:
            page.goto(address + path)
            findings += axe_findings(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                findings.append(f"{path} is wider than the screen")
        context.close()

    assert findings == []
    assert not complaints, complaints


def test_reports_break_no_word_and_draw_legibly_on_a_phone(house: House, browser: Browser) -> None:
    with serving(house.app) as address:
        context = browser.new_context(viewport={"width": 360, "height": 800})
        page, _ = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/reports")

        cells = page.locator("table.figures th, table.figures td")
        broken = cells.evaluate_all(
            """cells => cells.filter(cell => {
                const words = cell.innerText.trim().split(/\\s+/).length;
                const range = document.createRange(); range.selectNodeContents(cell);
                return new Set([...range.getClientRects()].map(each => Math.round(each.top))).size > words;
            }).map(cell => cell.innerText)"""
        )
        text = page.locator("svg.bars:visible text").first
        assert broken == []
        assert text.evaluate("text => text.getBoundingClientRect().height") >= 12
        context.close()


def test_letters_move_and_claim_only_while_the_list_has_the_focus(house: House, browser: Browser) -> None:
    with serving(house.app) as address:
        context = browser.new_context()
        page, complaints = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/worklist?view=pool")
        rows = page.locator("tbody tr")

        page.get_by_role("heading", name="Worklist").click()
        page.keyboard.press("c")
        expect(page.get_by_text("you", exact=True)).to_have_count(0)
        rows.nth(0).get_by_role("link").focus()
        page.keyboard.press("j")
        page.keyboard.press("c")

        expect(rows.nth(1).get_by_text("you", exact=True)).to_be_visible()
        expect(rows.nth(1).get_by_role("link")).to_be_focused()
        context.close()
    assert not complaints, complaints


@pytest.mark.parametrize("with_script", [True, False])
def test_an_item_is_rejected_with_a_reason_with_and_without_script(
    house: House, browser: Browser, with_script: bool
) -> None:
    with serving(house.app) as address:
        context = browser.new_context(java_script_enabled=with_script)
        page, complaints = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/worklist?view=pool")
        page.get_by_role("button", name="Next one").click()
        expect(page.get_by_role("textbox", name="Run length")).to_be_focused()
        page.get_by_role("textbox", name="Run length").fill("6000")
        page.locator("summary", has_text="Reject").click()
        page.get_by_role("button", name="Reject").click()
        expect(page.get_by_role("link", name="Fill in “Reason for the rejection”.")).to_be_visible()
        page.get_by_role("textbox", name="Reason for the rejection").fill("bleed missing")
        page.get_by_role("button", name="Reject").click()

        expect(page.get_by_text("Done: Review order")).to_be_visible()
        context.close()
    assert not complaints, complaints
    assert ("anna", "work.completed") in house.actions(1)


def test_what_is_to_be_corrected_stands_above_the_form_as_links_wide_enough_for_a_finger(
    house: House, browser: Browser
) -> None:
    with serving(house.app) as address:
        context = browser.new_context(viewport={"width": 360, "height": 900})
        page, complaints = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/orders/new")
        page.locator("main form button[type=submit], main form button:not([type])").last.click()
        links = page.locator("#error-summary a")
        expect(links.first).to_be_visible()

        assert links.count() > 1
        assert axe_findings(page) == []
        context.close()
    assert not complaints, complaints


def test_what_is_typed_is_kept_by_itself(house: House, browser: Browser) -> None:
    with serving(house.app) as address:
        context = browser.new_context()
        page, complaints = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/work-items/1")

        page.locator("[name=run_length]").press_sequentially("12")
        expect(page.locator("#draft-note")).to_contain_text("Draft kept")
        page.reload()

        kept = page.locator("[name=run_length]").input_value()
        context.close()
    assert "12" in kept
    assert not complaints, complaints


def test_the_diagram_is_drawn_with_the_token_where_the_order_is(house: House, browser: Browser) -> None:
    deploy(house.database, Surroundings(BERLIN), read_folder(SHIPPED), login="owner")
    parcel_id, number = house.parcel()
    house.system.engine.start("order", parcel_id)
    with serving(house.app) as address:
        context = browser.new_context()
        page, complaints = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/parcels/{number}")

        expect(page.locator("[data-ready]").first).to_be_visible()
        expect(page.locator(".djs-element.token")).to_have_attribute("data-element-id", "recognise_parcel")
        expect(page.locator(".bjs-powered-by").first).to_be_visible()
        assert axe_findings(page) == []
        context.close()
    assert not complaints, complaints


def test_a_diagram_without_a_drawing_is_told_in_words(house: House, browser: Browser) -> None:
    with serving(house.app) as address:
        context = browser.new_context()
        page, complaints = watched(context, address)
        sign_in(page, address, "anna", PASSWORD)
        page.goto(f"{address}/parcels/P-2026-000001")

        expect(page.locator("[data-diagram]")).to_contain_text("The outline below says the same in words.")
        page.get_by_text("Outline in words").click()
        expect(page.get_by_text("the order is here")).to_be_visible()
        context.close()
    assert not complaints, complaints
