"""What the history tells, and what it keeps to itself."""

from types import SimpleNamespace
from typing import Any, cast

from house import House

from storage.access import Level, Rights
from storage.audit import AuditEvent
from storage.database import Transaction
from web.history import happenings

NOBODY = cast("Transaction", SimpleNamespace(people=SimpleNamespace(with_login=lambda _login: None)))


def _event(action: str, subject: str, **details: Any) -> AuditEvent:
    values: dict[str, Any] = {"chain": "parcel:1", "number": 1, "at": None, "previous": "", "hash": ""}
    return AuditEvent(actor="engine", action=action, subject=subject, details=details, **values)


def test_the_title_of_a_document_is_told_to_nobody_who_may_not_read_its_kind() -> None:
    event = _event("letter_written", "Secret title", kind="price_sheet")
    order = frozenset({Level.READ})

    [told] = happenings(NOBODY, Rights(order, {"document:price_sheet": Level.READ}), [event])
    [kept] = happenings(NOBODY, Rights(order, {"document:work_sheet": Level.READ}), [event])

    assert told.sentence == "Written: Price sheet"
    assert kept.sentence == "Written: a document"


def test_a_reason_is_told_only_to_whom_reasons_are_open() -> None:
    event = _event("parcel_rejected", "P-1", reason="an advertisement")
    order = frozenset({Level.READ})

    [told] = happenings(NOBODY, Rights(order, {"reason": Level.READ}), [event])
    [kept] = happenings(NOBODY, Rights(order, {}), [event])

    assert told.reason == "an advertisement"
    assert kept.reason == ""


def test_a_rejection_is_told_with_its_reason(small_house: House) -> None:
    small_house.deploy()
    small_house.person("anna", "manager", "accounting")
    parcel_id, number = small_house.parcel()
    item, anna = small_house.begin(parcel_id), small_house.visitor("anna")
    anna.get(f"/work-items/{item}")

    anna.post(f"/work-items/{item}/complete", decision="reject", run_length="10", reason="The bleed is missing")

    assert ": reject: “The bleed is missing”" in anna.text(f"/parcels/{number}")
