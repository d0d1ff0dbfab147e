"""What people and programs are told when something does not work."""

from datetime import UTC, datetime

import pytest
from house import House

from storage.archive import FilesWait
from storage.errors import AlreadyExists, AlreadyTaken, Conflict, ParcelflowError, StaleVersion, Suspended
from web.problems import status_of, title_of
from web.repeats import KeyUsed


@pytest.mark.parametrize(
    ("error", "title"),
    [
        (AlreadyTaken("Anna", datetime(2026, 1, 1, tzinfo=UTC)), "Somebody was faster"),
        (Suspended("It rests."), "This rests"),
        (StaleVersion("It was changed."), "Changed meanwhile"),
        (AlreadyExists("It is in use."), "In use already"),
        (KeyUsed("It was sent."), "Sent before"),
        (FilesWait("Files wait."), "Not possible now"),
        (Conflict("It has ended."), "Not possible now"),
    ],
)
def test_a_title_fits_what_went_wrong(error: ParcelflowError, title: str) -> None:
    assert title_of(status_of(error), error.code) == title


def test_only_who_comes_second_is_told_that_somebody_was_faster(small_house: House) -> None:
    small_house.deploy()
    small_house.person("boss", "manager")
    small_house.person("anna", "accounting")
    small_house.person("bert", "accounting")
    item = small_house.begin(small_house.parcel()[0])
    anna, bert = small_house.visitor("anna"), small_house.visitor("bert")
    for visitor in (anna, bert):
        visitor.get(f"/work-items/{item}")
    anna.post(f"/work-items/{item}/claim")

    late = bert.post(f"/work-items/{item}/claim")
    odd = bert.post(f"/work-items/{item}/release")

    assert (late.status_code, odd.status_code) == (409, 409)
    assert "Somebody was faster" in late.text
    assert "Somebody was faster" not in odd.text
    assert "Not possible now" in odd.text
