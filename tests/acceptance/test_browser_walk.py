"""The whole order by hand in a real browser against the real program: scanner to archive, with script and without."""

import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from browser import chromium
from playwright.sync_api import Browser, Page, expect
from staffed import Desk, Staffed, an_order, desks, drop, staffed, today

from web.demo.orders import WrittenOrder

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PEOPLE = ("manager", "accountant", "quality", "planner", "production")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Staffed]:
    with staffed(tmp_path_factory.mktemp("house")) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.mark.timeout(900)
@pytest.mark.parametrize("with_script", [True, False], ids=["with script", "without script"])
def test_an_order_goes_by_hand_from_the_scanner_to_the_archive(
    house: Staffed, browser: Browser, with_script: bool, tmp_path: Path
) -> None:
    order = an_order(seed=11 if with_script else 12)
    options = {"java_script_enabled": with_script, "accept_downloads": True}
    with desks(browser, house, PEOPLE, with_axe=with_script, **options) as people:
        walk = Walk(people, order)

        drop(house, order)
        walk.verify()
        walk.review_and_reject()
        walk.correct()
        walk.accept()
        walk.invoice_plan_and_produce()
        walk.wait_until_archived()
        names = walk.find_in_archive(tmp_path / "parcel.zip")

        assert [desk.findings for desk in people.values() if desk.findings] == []
        assert [desk.complaints for desk in people.values() if desk.complaints] == []
    assert {Path(name).suffix for name in names} >= {".tif", ".docx", ".pdf"}
    assert "  round 2" in walk.way.replace(",", " ")


@dataclass
class Walk:
    """What the people do, one after the other."""

    people: dict[str, Desk]
    order: WrittenOrder
    number: str = ""
    way: str = field(default="")

    def verify(self) -> None:
        """The manager finds the scan in the pool, sees the page beside the fields, and fills in what is not on the paper."""
        manager = self.people["manager"]
        row = manager.wait_for("/worklist?view=pool", "Verify index fields")
        row.get_by_role("link").click()
        page = manager.look()
        expect(page.locator(".page svg image")).to_be_visible()
        expect(page.get_by_role("heading", name=re.compile("fields? needs? you"))).to_be_visible()
        expect(page.get_by_role("textbox", name="Run length")).to_be_focused()
        expect(page.get_by_role("textbox", name=re.compile("^Product"))).to_have_value(self.order.fields["product"])
        manager.press("It is an order")
        expect(page.get_by_role("link", name="Fill in “Run length”.")).to_be_visible()
        page.get_by_role("link", name="Show where words were read").click()
        expect(page.locator(".page .word").first).to_be_visible()
        self._copy_from_paper(page)
        manager.press("It is an order")
        expect(page.get_by_text("Done: Verify index fields")).to_be_visible()

    def review_and_reject(self) -> None:
        """Accounting rejects without a reason, is asked for one and gives it; QA accepts."""
        accountant, quality = self.people["accountant"], self.people["quality"]
        self.number = self._take(accountant, "Review price sheet")
        page = accountant.page
        page.locator("summary", has_text="Reject").click()
        accountant.press("Reject")
        page.get_by_role("textbox", name="Reason for the rejection").fill("The price does not fit our last offer.")
        accountant.press("Reject")
        expect(page.get_by_text("Done: Review price sheet")).to_be_visible()
        assert self._take(quality, "Validate order") == self.number
        quality.press("Accept")
        expect(quality.page.get_by_text("Done: Validate order")).to_be_visible()

    def correct(self) -> None:
        """The manager sees why, agrees a price, keeps a draft on the way, and sends it into review again."""
        manager = self.people["manager"]
        self._take(manager, "Adjust order")
        page = manager.page
        expect(page.get_by_text("The price does not fit our last offer.")).to_be_visible()
        page.get_by_label("Agreed price, net").fill("990.00")
        manager.press("Keep as draft")
        expect(page.get_by_label("Agreed price, net")).to_have_value("990.00")
        manager.press("Complete")
        expect(page.get_by_text("Done: Adjust order")).to_be_visible()

    def accept(self) -> None:
        """Both accept what was corrected."""
        for login, task in (("accountant", "Review price sheet"), ("quality", "Validate order")):
            desk = self.people[login]
            self._take(desk, task)
            desk.press("Accept")
            expect(desk.page.get_by_text(f"Done: {task}")).to_be_visible()

    def invoice_plan_and_produce(self) -> None:
        """Accounting invoices, planning gives the days, production reports start and finish."""
        self._fill("accountant", "Make invoice", {"Payable within (days)": "14"})
        tomorrow = today() + timedelta(days=1)
        days = {"First day of production": tomorrow, "Last day of production": tomorrow + timedelta(days=2)}
        self._fill("planner", "Plan production", {label: day.isoformat() for label, day in days.items()})
        self._fill("production", "Report start of production", {"Press": "Press 1"})
        self._fill("production", "Report finish of production", {"Good pieces": "5040"})

    def wait_until_archived(self) -> None:
        """The manager sees the order among the archived ones, its way, who did what, and its diagrams."""
        manager = self.people["manager"]
        manager.wait_for("/orders?scope=archived", self.number).get_by_role("link").click()
        page = manager.page
        expect(page.get_by_text("In the archive")).to_be_visible()
        self.way = page.get_by_role("list", name="Way of the parcel").inner_text()
        page.get_by_role("link", name=re.compile("Show all")).click()
        for words in ("The price does not fit our last offer.", "Ada Winter", "Quentin Roth", "Paula Lindner"):
            expect(page.locator("#story")).to_contain_text(words)
        page.get_by_text("Outline in words").first.click()
        manager.look()

    def find_in_archive(self, target: Path) -> list[str]:
        """The manager finds it by a word on the paper, opens it, and takes all of it home."""
        manager = self.people["manager"]
        page = manager.go("/")
        page.get_by_role("searchbox", name="Find anything").fill(self.order.fields["customer_reference"])
        page.get_by_role("searchbox", name="Find anything").press("Enter")
        page.locator("tbody tr", has_text=self.number).get_by_role("link").click()
        manager.look()
        expect(page.get_by_text("In the archive")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download parcel").click()
        download.value.save_as(target)
        with zipfile.ZipFile(target) as bundle:
            assert bundle.testzip() is None
            return bundle.namelist()

    def _copy_from_paper(self, page: Page) -> None:
        """Correct every field that the page marks as unsure, as somebody does who has the paper before their eyes."""
        for name in ("product", "run_length", "wanted_on", "customer_reference"):
            page.locator(f"#field-{name}").fill(self.order.fields[name])
        for name in ("paper", "format", "colours", "finishing"):
            page.locator(f"#field-{name}").select_option(self.order.fields[name])

    def _fill(self, login: str, task: str, answers: dict[str, str]) -> None:
        desk = self.people[login]
        self._take(desk, task)
        for label, value in answers.items():
            desk.page.get_by_label(label).fill(value)
        desk.press("Complete")
        expect(desk.page.get_by_text(f"Done: {task}")).to_be_visible()

    def _take(self, desk: Desk, task: str) -> str:
        """Claim the item in the pool and open it from one's own list; gives the number it goes by."""
        row = desk.wait_for("/worklist?view=pool", task)
        number = row.get_by_role("link").inner_text()
        claim = desk.page.locator(f"#{row.get_attribute('id')}").get_by_role("button", name="Claim")
        claim.click()
        expect(claim).to_have_count(0)
        desk.go("/worklist").locator("tbody tr", has_text=task).get_by_role("link").click()
        page: Page = desk.look()
        expect(page.get_by_role("heading", name=task)).to_be_visible()
        return number
