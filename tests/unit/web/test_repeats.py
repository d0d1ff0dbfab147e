"""Requests that come again with their key."""

import re

import pytest
from house import House

TYPED = {"customer_number": "K-1", "product": "flyer", "wanted_on": "2026-04-01"}


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with a manager and a deployed process."""
    small_house.deploy()
    small_house.person("boss", "manager")
    return small_house


def test_a_form_that_was_refused_is_taken_once_corrected_and_once_only(office: House) -> None:
    boss = office.visitor("boss")
    boss.get("/orders/new")
    refused = boss.post("/orders/new", **{**TYPED, "wanted_on": "soon", "request_key": "k"})
    found = re.search(r'name="request_key" value="([^"]+)"', refused.text)
    assert found is not None

    answers = [boss.post("/orders/new", **TYPED, request_key=found.group(1)) for _ in range(2)]

    assert refused.status_code == 422
    assert {(answer.status_code, answer.location) for answer in answers} == {(302, "/parcels/P-2026-000001")}
