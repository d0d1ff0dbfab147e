"""Quarantine in the browser: what waits, with its reason, and what a person decides."""

import pytest
from house import PIXEL, House, Visitor

from capture.delivery import Delivery, Enclosure
from storage.parcels import QuarantineState, Refusal

BROKEN = b"%PDF-1.7 this is no document"


@pytest.fixture
def office(small_house: House) -> House:
    """Give a house with a manager and a deployed process."""
    small_house.deploy()
    small_house.person("boss", "manager")
    return small_house


def _arrive(office: House, content: bytes = BROKEN, name: str = "scan.pdf", **more: str) -> int:
    """Let a file arrive that goes to quarantine when it is read; give its parcel."""
    enclosure = Enclosure(name, "application/pdf", content, **more)
    receipt = office.system.intake.receive(
        Delivery("drop_folder", f"folder/{name}", office.database.clock(), (enclosure,))
    )
    office.system.operations["recognise_parcel"](office.call(receipt.parcel_id))
    return receipt.parcel_id


def _boss(office: House) -> Visitor:
    boss = office.visitor("boss")
    boss.get("/quarantine")
    return boss


def _entry(office: House) -> tuple[QuarantineState, str | None]:
    with office.database.reading() as tx:
        entry = tx.parcels.quarantine_entry(1)
        return entry.state, entry.decision_reason


def test_an_empty_quarantine_says_what_would_wait_there(office: House) -> None:
    assert "Nothing in quarantine." in _boss(office).text("/quarantine")


def test_a_file_that_cannot_be_read_waits_with_its_reason_and_its_parcel(office: House) -> None:
    _arrive(office)
    boss = _boss(office)

    listed, shown = boss.text("/quarantine"), boss.text("/quarantine/1")

    assert "scan.pdf" in listed
    assert 'href="/parcels/P-2026-000001"' in listed
    assert "Read it again" in shown
    assert boss.get("/quarantine/1/file").data == BROKEN
    assert boss.get("/quarantine/1/file").headers["Content-Disposition"].startswith("attachment")


def test_only_images_are_previewed(office: House) -> None:
    _arrive(office)
    _arrive(office, PIXEL, "locked.png", fault="too_big", fault_message="The file is too big.")
    boss = _boss(office)
    with office.database.transaction() as tx:
        tx.parcels.quarantine_entry(2).media_type = "image/png"

    assert boss.get("/quarantine/1/preview").status_code == 404
    assert boss.get("/quarantine/2/preview").mimetype == "image/png"
    assert 'href="/quarantine/2/preview"' in boss.text("/quarantine/2")


def _work_off(office: House) -> int:
    """Do the jobs of opening that are owed; give how many there were."""
    with office.database.transaction() as tx:
        owed = [job for job in map(tx.jobs.one, tx.jobs.waiting()) if job.operation == "open_parcel"]
        for job in owed:
            tx.jobs.claim(job.id, "here")
            tx.jobs.finish(job.id)
    for job in owed:
        office.open(job.parcel_id or 0)
    return len(owed)


def test_reading_it_again_owes_a_job_each_time_and_quarantines_it_again_while_it_is_broken(office: House) -> None:
    parcel_id = _arrive(office)
    boss = _boss(office)
    office.begin(parcel_id)
    assert _work_off(office) == 1

    for entry_id in (1, 2):
        assert boss.post(f"/quarantine/{entry_id}", decision="retry").location == "/quarantine"
        assert _work_off(office) == 1

    with office.database.reading() as tx:
        states = [entry.state for entry in tx.parcels.quarantined_of(parcel_id)]
    assert states == [QuarantineState.RETRIED, QuarantineState.RETRIED, QuarantineState.WAITING]
    assert [action for _, action in office.actions(parcel_id)].count("quarantine_retried") == 2


def test_attaching_it_makes_it_a_document_that_is_not_read(office: House) -> None:
    parcel_id = _arrive(office)
    boss = _boss(office)

    boss.post("/quarantine/1", decision="attach")

    assert _entry(office)[0] is QuarantineState.ATTACHED
    with office.database.reading() as tx:
        [document] = tx.parcels.documents(parcel_id)
        assert (document.kind, document.file_name) == ("other", "scan.pdf")
    assert "Attached by Boss" in boss.text("/quarantine/1")
    assert "Nothing in quarantine." in boss.text("/quarantine")


def test_discarding_needs_a_reason_and_keeps_it(office: House) -> None:
    parcel_id = _arrive(office)
    boss = _boss(office)

    without = boss.post("/quarantine/1", decision="discard", reason=" ")
    assert without.location == "/quarantine/1"
    assert "Say why the file is discarded." in boss.text("/quarantine/1")
    assert _entry(office)[0] is QuarantineState.WAITING
    boss.post("/quarantine/1", decision="discard", reason="An advertisement")

    assert _entry(office) == (QuarantineState.DISCARDED, "An advertisement")
    with office.database.reading() as tx:
        assert tx.parcels.documents(parcel_id) == []


def test_a_second_decision_changes_nothing_and_is_told(office: House) -> None:
    _arrive(office)
    boss = _boss(office)
    boss.post("/quarantine/1", decision="discard", reason="An advertisement")

    boss.post("/quarantine/1", decision="attach")

    assert _entry(office)[0] is QuarantineState.DISCARDED
    assert "Somebody has decided about scan.pdf already" in boss.text("/quarantine")


def test_an_unknown_decision_is_none(office: House) -> None:
    _arrive(office)
    boss = _boss(office)

    boss.post("/quarantine/1", decision="burn")

    assert _entry(office)[0] is QuarantineState.WAITING
    assert "Choose what to do with the file." in boss.text("/quarantine/1")


def test_what_was_refused_at_the_door_is_told(office: House) -> None:
    with office.database.transaction() as tx:
        tx.parcels.refuse(
            Refusal(
                channel="mail_server", sender="x@y.example", code="no", message="No such address.", refused_at=tx.now
            )
        )

    assert "No such address." in _boss(office).text("/quarantine")


def test_clerks_do_not_see_quarantine(office: House) -> None:
    _arrive(office)
    office.person("anna", "accounting")
    anna = office.visitor("anna")
    anna.get("/worklist")

    assert {anna.get(path).status_code for path in ("/quarantine", "/quarantine/1", "/quarantine/1/file")} == {404}
    assert anna.post("/quarantine/1", decision="attach").status_code == 404


def test_the_parcels_page_says_which_of_its_files_wait_and_links_them_for_who_may_decide(office: House) -> None:
    parcel_id = _arrive(office)
    office.begin(parcel_id)
    office.person("anna", "accounting")

    to_boss, to_anna = (office.visitor(login).text("/parcels/P-2026-000001") for login in ("boss", "anna"))

    assert 'href="/quarantine/1"' in to_boss
    assert "No document that you may see." not in to_boss
    assert "scan.pdf</a>" not in to_anna
    assert "No document that you may see." in to_anna
    _boss(office).post("/quarantine/1", decision="discard", reason="An advertisement")
    assert 'href="/quarantine/1"' not in office.visitor("boss").text("/parcels/P-2026-000001")
