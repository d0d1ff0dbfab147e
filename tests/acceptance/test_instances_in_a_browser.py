"""An operator helps running orders in a real browser: with the diagram and without script."""

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
    """Give a house where an order runs in the shipped process, and the process has a newer version."""
    assert callable(open_database)
    house = House(open_database(sqlite_url), tmp_path / "house")
    house.deploy()
    house.person("adam", "administrators", "manager")
    files = read_folder(SHIPPED)
    deploy(house.database, Surroundings(BERLIN), files, login="owner")
    parcel_id, _ = house.parcel()
    house.system.engine.start("order", parcel_id)
    changed = {path: data.replace(b'name="Enter order"', b'name="Enter it"') for path, data in files.items()}
    deploy(house.database, Surroundings(BERLIN), changed | {"note.txt": b"newer"}, login="owner")
    return house


@pytest.mark.parametrize(("scheme", "width"), [("light", 360), ("dark", 1920)])
def test_no_page_breaks_its_policy_or_shuts_anybody_out(
    house: House, browser: Browser, scheme: str, width: int
) -> None:
    with serving(house.app) as address:
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})  # type: ignore[arg-type]
        page, complaints = watched(context, address)
        sign_in(page, address, "adam", PASSWORD)
        findings: list[str] = []
        for path in (
            "/instances",
            "/instances?process=order",
            "/instances/1",
            "/processes/order/migrate",
            "/incidents",
        ):
            page.goto(address + path)
            page.wait_for_load_state("networkidle")
            findings += axe_findings(page)
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                findings.append(f"{path} is wider than the screen")
        context.close()

    assert findings == []
    assert not complaints, complaints


def test_a_click_in_the_diagram_chooses_where_the_token_goes(house: House, browser: Browser) -> None:
    with serving(house.app) as address:
        context = browser.new_context(viewport={"width": 1920, "height": 1000})
        page, complaints = watched(context, address)
        sign_in(page, address, "adam", PASSWORD)
        page.goto(f"{address}/instances/1")
        page.locator("[data-ready=yes]").wait_for()

        page.locator(".diagram [data-element-id=verify_index_fields] .djs-hit").first.click()
        expect(page.get_by_label("Flow node")).to_have_value("verify_index_fields")
        page.locator("#why-token").fill("It was read wrongly.")
        page.get_by_role("button", name="Move there").click()

        expect(page.get_by_text("The token was moved.")).to_be_visible()
        context.close()
    assert not complaints, complaints
    assert ("adam", "token.moved") in house.actions(1)


@pytest.mark.parametrize("with_script", [True, False])
def test_an_instance_is_suspended_and_carried_over_with_and_without_script(
    house: House, browser: Browser, with_script: bool
) -> None:
    with serving(house.app) as address:
        context = browser.new_context(java_script_enabled=with_script)
        page, complaints = watched(context, address)
        sign_in(page, address, "adam", PASSWORD)
        page.goto(f"{address}/instances/1")
        page.locator("summary", has_text="Suspend").click()
        page.locator("#why-suspend").fill("He thinks it over.")
        page.get_by_role("button", name="Suspend").click()
        expect(page.get_by_text("suspended", exact=False).first).to_be_visible()

        page.goto(f"{address}/processes/order/migrate")
        page.get_by_label("Why?").fill("A better way.")
        page.get_by_role("button", name="Carry over").click()

        expect(page.get_by_text("1 waiting")).to_be_visible()
        context.close()
    assert not complaints, complaints
    assert ("adam", "process.suspended") in house.actions(1)
