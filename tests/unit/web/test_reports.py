"""Reports: time per status and work per group, as seen by who asks, as tables and CSV."""

import csv
import io
from datetime import timedelta

import pytest
from fakes import FakeClock
from house import House, Visitor


@pytest.fixture
def office(house: House) -> House:
    """Give a house with a manager, an administrator and a deployed process."""
    house.deploy()
    house.person("boss", "manager")
    house.person("adam", "administrators")
    return house


def _table(visitor: Visitor, path: str) -> list[list[str]]:
    answer = visitor.get(path)
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    return list(csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")), delimiter=";"))


def test_without_parcels_reports_say_so(office: House) -> None:
    page = office.visitor("boss").text("/reports")

    assert "No parcel in these days." in page


def test_time_per_status_is_counted_from_entering_to_leaving(office: House, clock: FakeClock) -> None:
    for hours in (1, 3):
        parcel_id, _ = office.parcel()
        clock.advance(timedelta(hours=hours))
        office.begin(parcel_id)

    rows = _table(office.visitor("boss"), "/reports/times.csv")

    assert rows[0] == ["process", "status", "left", "median_h", "nine_in_ten_h", "present"]
    assert rows[1][:4] == ["order", "received", "2", "2.0"]
    assert rows[2][:2] == ["order", "in_review"]
    assert rows[2][5] == "2"


def test_work_per_group_tells_what_is_open_late_and_done(office: House, clock: FakeClock) -> None:
    office.deploy(review='parcelflow:candidateGroups="accounting" parcelflow:dueDate="PT1H"')
    items = [office.begin(office.parcel()[0]) for _ in range(3)]
    clock.advance(timedelta(hours=2))
    office.person("anna", "accounting")
    office.visitor("anna").post(f"/work-items/{items[0]}/complete", decision="accept", run_length="1")

    rows = _table(office.visitor("boss"), "/reports/work.csv")

    assert rows[1] == ["accounting", "2", "2", "1", "2.0"]
    assert "2 open, 2 late" in office.visitor("adam").text("/reports")


def test_reports_reach_back_as_far_as_asked(office: House, clock: FakeClock) -> None:
    office.parcel()
    clock.advance(timedelta(days=8))
    boss = office.visitor("boss")

    assert len(_table(boss, "/reports/times.csv?days=7")) == 1
    assert len(_table(boss, "/reports/times.csv?days=30")) == 2
    assert 'aria-current="page">30 days' in boss.text("/reports?days=4000")


def test_a_report_counts_only_what_the_person_may_see(office: House) -> None:
    for _ in range(2):
        office.begin(office.parcel()[0])
    office.begin(office.parcel(process_key="another")[0])

    assert _table(office.visitor("boss"), "/reports/work.csv")[1][1] == "2"


def test_a_status_that_looks_like_a_formula_stays_text(office: House) -> None:
    office.parcel(status="=1+1")

    assert _table(office.visitor("boss"), "/reports/times.csv")[1][1] == "'=1+1"
