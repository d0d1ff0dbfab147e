"""Process owners' pages: versions, drafts, findings, deploying, tables as forms, trials."""

import io
import json
import re
import zipfile
from typing import Any

import pytest
from house import House, Visitor
from routing import DIAGRAM, ROUTING, settle
from running import a_diagram, a_process, end, start

from web.draft_files import Change, checked_path, lines, place


def an_owner(house: House) -> Visitor:
    house.person("olga", "process_owners")
    return house.visitor("olga")


def a_draft(visitor: Visitor, deployment: int | None = None) -> str:
    """Begin a draft and give its address."""
    visitor.get("/processes")
    fields: dict[str, Any] = {"name": "Change"} | ({} if deployment is None else {"deployment": str(deployment)})
    return str(visitor.post("/drafts", **fields).headers["Location"])


def version_in(page: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found, page
    return found.group(1)


def put(visitor: Visitor, draft: str, name: str, data: bytes, **more: str) -> int:
    """Upload a file to a draft as the page does, and give the status."""
    version = version_in(visitor.text(draft))
    fields: dict[str, Any] = {"version": version, "files": (io.BytesIO(data), name), **more}
    return visitor.post(f"{draft}/files", **fields).status_code


def test_only_process_owners_see_processes(small_house: House) -> None:
    deployment = settle(small_house)
    small_house.person("adam", "administrators")
    administrator = small_house.visitor("adam")
    paths = ("/processes", "/processes/order", f"/deployments/{deployment}/zip", "/drafts/1", "/drafts/1/try")

    assert {administrator.get(path).status_code for path in paths} == {404}
    assert an_owner(small_house).get("/processes").status_code == 200


def test_the_list_tells_versions_who_deployed_them_and_what_runs(house: House) -> None:
    settle(house)
    house.system.engine.start("order", house.parcel()[0], {"product": "flyer"})
    settle(house, **{"letters/thanks.txt": b"Subject: Thanks\n\nMany thanks.\n"})

    page = an_owner(house).text("/processes")

    assert "and 1 on earlier" in page
    assert ">2</td>" in page
    assert "First" in page


def test_a_version_shows_drawing_outline_and_files_to_save(house: House) -> None:
    deployment = settle(house)
    owner = an_owner(house)

    page = owner.text("/processes/order/versions/1")
    saved = owner.get(f"/deployments/{deployment}/files/order_routing.dmn")
    packed = owner.get(f"/deployments/{deployment}/zip")

    assert 'data-diagram="/processes/order/versions/1/diagram"' in page
    assert "Decide" in page
    assert owner.get("/processes/order/versions/1/diagram").data == DIAGRAM
    assert saved.data == ROUTING
    assert saved.headers["Content-Disposition"].startswith("attachment")
    assert saved.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in saved.headers["Content-Security-Policy"]
    assert zipfile.ZipFile(io.BytesIO(packed.data)).read("letters/thanks.txt") == b"Subject: Thanks\n\nThanks.\n"
    assert owner.get("/processes/order/versions/9").status_code == 404


def test_a_rule_changed_in_the_form_sends_the_next_parcel_another_way_and_the_running_one_stays(house: House) -> None:
    deployment = settle(house)
    owner = an_owner(house)
    first, _ = house.parcel()
    house.system.engine.start("order", first, {"product": "flyer"})
    draft = a_draft(owner, deployment)
    table = f"{draft}/table/order_routing.dmn"

    page = owner.text(table)
    assert '<option value="&#34;manager&#34;">manager</option>' in page
    fields: dict[str, Any] = {"version": version_in(page), "decision": "routing", "0.out.0": '"manager"'}
    assert owner.post(table, **fields).status_code == 302
    page = owner.text(draft)
    assert "changed" in page
    deployed = owner.post(f"{draft}/deploy", version=version_in(page), note="The manager looks at flyers")
    second, _ = house.parcel()
    house.system.engine.start("order", second, {"product": "flyer"})

    assert deployed.headers["Location"] == "/processes/order/versions/2"
    assert "1 running keep their version" in owner.text("/processes/order/versions/2")
    with house.database.reading() as tx:
        assert [item.node for item in tx.work.of_parcel(first)] == ["check"]
        assert [item.node for item in tx.work.of_parcel(second)] == ["look"]
        assert b"<!-- kept as it is -->" in tx.deployments.file(
            tx.deployments.latest("order").deployment_id, "order_routing.dmn"
        )
        assert not tx.deployments.drafts()
        actions = [event.action for event in tx.audit.history("system")]
    assert actions[-3:] == ["draft_begun", "draft_changed", "process.deployed"]


def test_rules_are_added_moved_and_removed_by_buttons(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))
    table = f"{draft}/table/order_routing.dmn"

    buttons: tuple[dict[str, Any], ...] = ({"add": "2"}, {"up": "2"}, {"remove": "0"})
    for button in buttons:
        owner.post(table, version=version_in(owner.text(table)), decision="routing", **button)

    page = owner.text(table)
    assert 'id="cell-routing_table_rule_1_in_1"' in page
    assert 'id="cell-r1i"' not in page
    assert page.index("routing_table_rule_1_in_1") < page.index("cell-r2i")


def test_a_faulty_cell_is_told_beside_it_and_deploying_is_refused(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))
    table = f"{draft}/table/order_routing.dmn"

    wrong: dict[str, Any] = {"0.in.0": "[1.."}
    owner.post(table, version=version_in(owner.text(table)), decision="routing", **wrong)
    page, whole = owner.text(table), owner.text(draft)
    refused = owner.post(f"{draft}/deploy", version=version_in(whole), note="Try")

    assert 'id="fault-r1i"' in page
    assert "cannot be understood" in page
    assert f"{table}?element=r1i#cell-r1i" in whole
    assert refused.status_code == 422
    assert "The findings below forbid it" in refused.text
    with small_house.database.reading() as tx:
        assert len(tx.deployments.versions("order")) == 1


def test_what_somebody_else_changed_is_not_overwritten(house: House) -> None:
    draft = a_draft(owner := an_owner(house), settle(house))
    table = f"{draft}/table/order_routing.dmn"
    old = version_in(owner.text(table))
    put(owner, draft, "note.txt", b"New")

    typed: dict[str, Any] = {"0.out.0": '"manager"'}
    answers = [
        owner.post(table, version=old, decision="routing", **typed),
        owner.post(f"{draft}/files", version=old, path="letters/thanks.txt", text="Other"),
        owner.post(f"{draft}/remove", version=old, path="letters/thanks.txt"),
        owner.post(f"{draft}/deploy", version=old, note="Old"),
    ]

    assert [answer.status_code for answer in answers] == [409] * 4
    assert owner.get(f"{draft}/files/letters/thanks.txt").data == b"Subject: Thanks\n\nThanks.\n"


def test_an_empty_draft_is_filled_and_put_in_force(small_house: House) -> None:
    owner = an_owner(small_house)
    draft = a_draft(owner)

    nothing = owner.post(f"{draft}/deploy", version="1", note="Empty")
    assert put(owner, draft, "order.bpmn", a_diagram(a_process("order", start(), end(), "begin -> done"))) == 302
    page = owner.text(draft)
    unsaid = owner.post(f"{draft}/deploy", version=version_in(page), note="  ")
    done = owner.post(f"{draft}/deploy", version=version_in(page), note="A beginning")

    assert "no diagram yet" in nothing.text
    assert "what changes" in unsaid.text
    assert done.status_code == 302
    assert "A beginning" in owner.text("/processes")


def test_a_draft_overtaken_by_a_newer_version_must_say_that_it_replaces_it(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))
    put(owner, draft, "thanks.txt", b"Subject: Thanks\n\nMine.\n")
    settle(small_house, **{"letters/thanks.txt": b"Subject: Thanks\n\nTheirs.\n"})

    page = owner.text(draft)
    refused = owner.post(f"{draft}/deploy", version=version_in(page), note="Mine")
    done = owner.post(f"{draft}/deploy", version=version_in(page), note="Mine", replace="1")

    assert "Overtaken" in page
    assert "-Theirs." in page
    assert refused.status_code == 422
    assert done.headers["Location"].endswith("/versions/3")


def test_files_are_replaced_where_they_lie_removed_and_put_back(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))

    put(owner, draft, "thanks.txt", b"Subject: Thanks\n\nChanged.\n")
    changed = owner.text(draft)
    owner.post(f"{draft}/remove", version=version_in(changed), path="letters/thanks.txt")
    removed = owner.text(draft)
    owner.post(f"{draft}/remove", version=version_in(removed), path="letters/thanks.txt", restore="1")

    assert "+Changed." in changed
    assert ">removed</span>" in removed
    assert owner.get(f"{draft}/files/letters/thanks.txt").data == b"Subject: Thanks\n\nThanks.\n"
    assert owner.get(f"{draft}/zip").status_code == 200


@pytest.mark.parametrize("name", ["evil.py", "page.html", "x.bpmn.exe", "no_ending", "<b>.txt"])
def test_files_that_belong_to_no_process_are_refused(small_house: House, name: str) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))

    assert put(owner, draft, name, b"x") == 422
    assert owner.post(f"{draft}/files", version="1", path="../../etc/x.txt", text="x").status_code == 422
    assert owner.post(f"{draft}/files", version="1", path="called/x.bpmn", text="x").status_code == 422


def test_an_editor_gets_the_new_version_and_the_findings_alone(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))
    broken = DIAGRAM.replace(b'parcelflow:decision="routing"', b'parcelflow:decision="gone"')
    fields: dict[str, Any] = {"version": "1", "path": "order.bpmn", "files": (io.BytesIO(broken), "order.bpmn")}

    page = owner.text(f"{draft}/edit/order.bpmn")
    saved = owner.post(f"{draft}/files", headers={"X-Upload": "1"}, **fields)
    stale = owner.post(f"{draft}/files", headers={"X-Upload": "1"}, version="1", path="letters/thanks.txt", text="x")
    found = owner.text(f"{draft}/findings?file=order.bpmn")

    assert '"decisions": ["routing"]' in page.replace("&#34;", '"')
    assert json.loads(saved.data) == {"version": 2}
    assert stale.status_code == 409
    assert stale.mimetype == "application/problem+json"
    assert 'data-element="decide"' in found
    assert "<html" not in found


def test_texts_are_edited_as_text(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))
    editor = f"{draft}/edit/letters/thanks.txt"

    saved = owner.post(
        f"{draft}/files",
        version=version_in(owner.text(editor)),
        path="letters/thanks.txt",
        text="Subject: One\r\n<two>\r\n",
    )

    assert saved.headers["Location"] == editor
    assert "Subject: One\n&lt;two&gt;" in owner.text(editor)
    assert owner.get(f"{draft}/files/letters/thanks.txt").data == b"Subject: One\n<two>\n"


def test_a_trial_shows_the_way_and_the_end_and_leaves_nothing_behind(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))
    asked = owner.text(f"{draft}/try")

    tried = owner.post(f"{draft}/try", process="order", name="product", value="poster", hold="1")

    assert 'value="product"' in asked
    assert tried.status_code == 200
    assert ">waiting</span>" in tried.text
    assert 'data-taken="begin decide which"' in tried.text
    assert "manager" in tried.text
    with small_house.database.reading() as tx:
        assert not tx.processes.all()


def test_a_trial_that_cannot_be_read_says_why(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))

    wrong = owner.post(f"{draft}/try", process="order", script="{")
    unknown = owner.post(f"{draft}/try", process="nothing")

    assert (wrong.status_code, unknown.status_code) == (422, 422)
    assert "no JSON" in wrong.text


def test_a_discarded_draft_is_gone_and_the_audit_trail_tells_it(small_house: House) -> None:
    draft = a_draft(owner := an_owner(small_house), settle(small_house))

    owner.post(f"{draft}/discard")

    assert owner.get(draft).status_code == 404
    with small_house.database.reading() as tx:
        assert tx.audit.history("system")[-1].action == "draft_discarded"


def test_uploads_lie_where_their_kind_lies() -> None:
    present = {"forms/a.form": b"", "order.bpmn": b"", "letters/x.txt": b""}

    assert place("C:\\work\\order.bpmn", present) == "order.bpmn"
    assert place("b.form", present) == "forms/b.form"
    assert place("sheet.docx", present) == "letters/sheet.docx"
    assert place("new.dmn", present) == "new.dmn"
    assert checked_path("forms/Überblick (2).form")


def test_lines_tell_what_became_of_each_file() -> None:
    found = lines({"a.txt": b"1", "b.txt": b"2"}, {"a.txt": b"0", "c.txt": b"3"})

    assert {line.path: line.change for line in found} == {
        "a.txt": Change.CHANGED,
        "b.txt": Change.NEW,
        "c.txt": Change.REMOVED,
    }
