from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from running import BERLIN, EVERYTHING, Office, a_diagram, a_process, end, service, start, user

from engine.deployment import ProgramCache, Surroundings, check, deploy, read_folder
from engine.errors import DefinitionError, Finding, Severity
from storage.errors import StaleVersion

GOOD = a_diagram(a_process("order", start(), user("look"), end(), "begin -> look", "look -> done"))
SURROUNDINGS = Surroundings(BERLIN, operations={"write_letter"})


def test_all_findings_of_all_files_are_told_together() -> None:
    files = {
        "one.bpmn": b"no xml",
        "two.bpmn": a_diagram(a_process("order", start(), service("s", "magic"), end(), "begin -> s", "s -> done")),
        "access.csv": b"role,status,subject,level,scope\nclerk,*,order,everything,all\n",
    }

    checked = check(files, SURROUNDINGS)

    assert {finding.file for finding in checked.errors} == {"one.bpmn", "two.bpmn", "access.csv"}
    assert "s" in {finding.element for finding in checked.errors}


def test_a_faulty_folder_is_refused_and_leaves_nothing(office: Office) -> None:
    with pytest.raises(DefinitionError) as refused:
        deploy(office.database, SURROUNDINGS, {"a.bpmn": GOOD.replace(b'"look"', b'"a b"', 1)}, login="owner")

    assert refused.value.findings
    with office.database.reading() as tx:
        assert tx.deployments.all() == []


def test_letters_are_checked_by_whoever_knows_them(office: Office) -> None:
    def check_letter(path: str, data: bytes) -> list[Finding]:
        return [Finding(path, None, Severity.ERROR, "letter", f"{len(data)} bytes are no letter.")]

    surroundings = Surroundings(BERLIN, check_letter=check_letter)

    with pytest.raises(DefinitionError, match="3 bytes"):
        deploy(office.database, surroundings, {"a.bpmn": GOOD, "letters/b.docx": b"doc"}, login="owner")


def test_a_deployment_is_one_audit_event_and_keeps_every_byte(office: Office) -> None:
    files = {"order.bpmn": GOOD, "access.csv": EVERYTHING.encode()}

    done = deploy(office.database, SURROUNDINGS, files, login="owner", note="first try")

    with office.database.transaction() as tx:
        [event] = tx.audit.history("system")
        assert (event.actor, event.details["note"], event.details["versions"]) == ("owner", "first try", {"order": 1})
        assert tx.deployments.files(done.deployment_id) == files
        assert len(tx.access.rules("order")) == 3


def test_a_called_process_is_taken_along_as_it_is_in_force(office: Office) -> None:
    called = a_diagram(a_process("inner", start(), user("inside"), end(), "begin -> inside", "inside -> done"))
    calling = a_diagram(
        a_process(
            "outer", start(), '<callActivity id="call" calledElement="inner"/>', end(), "begin -> call", "call -> done"
        )
    )
    office.deploy(called)
    office.deploy(calling)
    old = office.engine.start("outer")
    office.deploy(called.replace(b"inside", b"within"))
    office.deploy(calling, statuses_csv=b"status,name\n")
    new = office.engine.start("outer")

    assert list(office.items(old)) == ["inside"]
    assert list(office.items(new)) == ["within"]


def test_messages_start_only_the_version_in_force(office: Office) -> None:
    def version(node: str) -> bytes:
        begin = start("told", '<messageEventDefinition messageRef="m"/>')
        return a_diagram(
            a_process("order", begin, user(node), end(), f"told -> {node}", f"{node} -> done"),
            head='<message id="m" name="new order"/>',
        )

    office.deploy(version("old"))
    office.deploy(version("new"))

    instance = office.engine.correlate("new order", {"amount": 1}).instance_id

    assert list(office.items(instance or 0)) == ["new"]


def test_a_program_is_compiled_once(office: Office) -> None:
    office.deploy(GOOD)
    programs = ProgramCache(ZoneInfo("UTC"))

    with office.database.reading() as tx:
        deployment = tx.deployments.latest("order").deployment_id
        assert programs.of(tx, deployment) is programs.of(tx, deployment)


def test_a_draft_keeps_files_that_cannot_run_and_refuses_changes_to_an_older_state(office: Office) -> None:
    with office.database.transaction() as tx:
        draft = tx.deployments.add_draft("order", {"order.bpmn": b"not yet"}, "owner")
        draft_id = draft.id
        assert tx.deployments.put_draft_file(draft_id, "order.bpmn", b"better", "owner", 1) == 2

    with office.database.transaction() as tx, pytest.raises(StaleVersion):
        tx.deployments.put_draft_file(draft_id, "order.bpmn", b"late", "other", 1)
    with office.database.transaction() as tx:
        assert tx.deployments.draft_files(draft_id) == {"order.bpmn": b"better"}
        tx.deployments.drop_draft(draft_id)
        assert tx.deployments.drafts() == []


def test_a_folder_is_read_without_its_samples(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "forms").mkdir()
    (tmp_path / "order.bpmn").write_bytes(GOOD)
    (tmp_path / "forms" / "look.form").write_bytes(b"{}")
    (tmp_path / "samples" / "letter.docx").write_bytes(b"")
    (tmp_path / "notes.md").write_bytes(b"")

    assert sorted(read_folder(tmp_path)) == ["forms/look.form", "order.bpmn"]


def test_a_process_that_is_only_drawn_does_not_forbid_to_deploy_the_others(office: Office) -> None:
    drawn = a_process("drawn", start("other"), end("over"), "other -> over").replace(' isExecutable="true"', "")

    versions = office.deploy(a_diagram(a_process("p", start(), end(), "begin -> done"), drawn))

    assert versions == {"p": 1}
