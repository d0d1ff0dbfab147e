"""The REST interface as a whole: its rights, its document, its lists, documents, uploads and deployments."""

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from flask_openapi3.models import APISpec
from house import PASSWORD, House
from programs import program, token
from running import a_diagram, a_process, end, start, user
from werkzeug.datastructures import FileStorage
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from storage.access import Grant, Level
from storage.access import Scope as Reach
from storage.errors import Invalid
from storage.views import MASK
from web.api.exact_json import DEEPEST, loads
from web.api.interface import document, path_of, routes
from web.api.packages import unpack
from web.rights import Right, declared
from web.tokens import NEEDED, Scope, declared_scope

DOCUMENT = "/api/v1/openapi.json"


@pytest.fixture
def office(house: House) -> House:
    house.deploy()
    house.person("boss", "manager")
    house.person("anna", "accounting")
    house.person("owner", "process_owners")
    return house


def _views(house: House) -> Iterator[tuple[Rule, Any]]:
    for rule in routes(house.app):
        yield rule, house.app.view_functions[rule.endpoint]


def _path(rule: Rule) -> str:
    values = {name: "P-0" if name == "number" else 1 for name in rule.arguments}
    return str(rule.build(values, append_unknown=False)[1])  # type: ignore[index]


# ---- rights


def test_every_route_declares_a_right_and_a_scope_that_goes_with_it(small_house: House) -> None:
    found = {rule.endpoint: (declared(view), declared_scope(view)) for rule, view in _views(small_house)}

    assert found.pop("api.describe") == (Right.PUBLIC, None)
    assert len(found) >= 14
    assert {name: NEEDED[scope] for name, (_, scope) in found.items() if scope} == {
        name: right for name, (right, _) in found.items()
    }


def test_changing_routes_need_a_writing_scope_and_others_a_reading_one(small_house: House) -> None:
    for rule, view in _views(small_house):
        scope = declared_scope(view)
        if scope is not None:
            assert scope.endswith(":write" if "POST" in (rule.methods or ()) else ":read"), rule.rule


def test_a_stranger_gets_the_document_and_nothing_else(small_house: House) -> None:
    stranger = small_house.app.test_client(use_cookies=False)
    for rule, _ in _views(small_house):
        method = "POST" if "POST" in (rule.methods or ()) else "GET"
        answer = stranger.open(_path(rule), method=method)
        assert answer.status_code == (200 if rule.rule == DOCUMENT else 401), rule.rule


def test_each_scope_opens_its_routes_and_no_others(small_house: House) -> None:
    small_house.person("all", "manager", "process_owners")
    for scope in Scope:
        client = program(small_house, "all", scope)
        for rule, view in _views(small_house):
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            answer = client.client.open(_path(rule), method=method, headers=client.headers())
            is_closed = declared_scope(view) not in (None, scope)
            assert (answer.status_code == 403) == is_closed, (scope, rule.rule)


def test_a_customer_has_no_use_for_the_interface(small_house: House) -> None:
    small_house.person("carla", "customers", customer_id=small_house.customer())
    carla = program(small_house, "carla")
    for rule, view in _views(small_house):
        if declared(view) is not Right.PUBLIC:
            method = "POST" if "POST" in (rule.methods or ()) else "GET"
            assert carla.client.open(_path(rule), method=method, headers=carla.headers()).status_code == 404


@pytest.mark.parametrize("path", ["/api/v1/nowhere", "/api/v1/", "/api/v1/parcels/"])
def test_what_is_no_route_is_a_problem_document(small_house: House, path: str) -> None:
    answer = small_house.app.test_client().get(path)

    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"


# ---- the document


def _references(part: object) -> Iterator[str]:
    if isinstance(part, Mapping):
        yield from (value for name, value in part.items() if name == "$ref")
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


@pytest.fixture
def described(small_house: House) -> dict[str, Any]:
    answer = small_house.app.test_client().get(DOCUMENT)
    assert answer.status_code == 200
    return dict(answer.json)


def test_the_document_describes_every_route_and_no_other(small_house: House, described: dict[str, Any]) -> None:
    served = {
        (path_of(rule), method.lower())
        for rule in routes(small_house.app)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    written = {(path, method) for path, operations in described["paths"].items() for method in operations}
    assert written == served - {(DOCUMENT, "get")}


def test_the_document_is_openapi_and_whole(described: dict[str, Any]) -> None:
    APISpec.model_validate(described)
    assert described["openapi"] == "3.1.0"
    for reference in _references(described):
        kind, name = reference.removeprefix("#/components/").split("/")
        assert name in described["components"][kind], reference


def test_each_operation_names_its_token_parameters_and_problems(described: dict[str, Any]) -> None:
    identities = set()
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            identities.add(operation["operationId"])
            [[scope]] = [one["token"] for one in operation["security"]]
            assert scope in list(Scope)
            named = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
            assert {f"{{{name}}}" for name in named} == {part for part in path.split("/") if part.startswith("{")}
            assert {"401", "403", "404", "422"} <= operation["responses"].keys()
            assert any(status.startswith("2") for status in operation["responses"])
            keyed = [one for one in operation.get("parameters", ()) if one["name"] == "Idempotency-Key"]
            assert bool(keyed) == (method == "post"), path
    assert len(identities) == sum(map(len, described["paths"].values()))


def test_what_a_program_may_send_is_closed_to_more(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]

    assert [schemas[name]["additionalProperties"] for name in ("Completion", "Upload", "Package")] == [False] * 3


_KINDS: Mapping[str, Any] = {
    "string": str,
    "integer": int,
    "number": int | float,
    "boolean": bool,
    "array": list,
    "object": dict,
    "null": type(None),
}


def _fits(value: object, schema: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Tell whether a value has the names and kinds that the document says."""
    if "$ref" in schema:
        return _fits(value, schemas[schema["$ref"].rpartition("/")[2]], schemas)
    if "anyOf" in schema:
        return any(_fits(value, one, schemas) for one in schema["anyOf"])
    if "type" in schema and not isinstance(value, _KINDS[schema["type"]]):
        return False
    if isinstance(value, list):
        return all(_fits(one, schema.get("items", {}), schemas) for one in value)
    if isinstance(value, dict) and "properties" in schema:
        known = schema["properties"]
        return value.keys() <= known.keys() and all(_fits(value[name], known[name], schemas) for name in value)
    return True


def test_answers_are_as_the_document_says(office: House, described: dict[str, Any]) -> None:
    parcel_id, number = office.parcel()
    item = office.begin(parcel_id)
    asked = {
        "/parcels": ("boss", "/parcels"),
        "/parcels/{number}": ("boss", f"/parcels/{number}"),
        "/orders": ("boss", "/orders"),
        "/work-items": ("anna", "/work-items?list=pool"),
        "/work-items/{item_id}": ("anna", f"/work-items/{item}"),
        "/processes": ("owner", "/processes"),
        "/deployments": ("owner", "/deployments"),
    }
    schemas = described["components"]["schemas"]
    for path, (login, address) in asked.items():
        answer = program(office, login).get(address)
        wanted = described["paths"][f"/api/v1{path}"]["get"]["responses"]["200"]["content"]["application/json"]
        assert answer.status_code == 200, path
        assert _fits(answer.json, wanted["schema"], schemas), path


def test_problems_are_as_the_document_says(office: House, described: dict[str, Any]) -> None:
    boss = program(office, "boss")
    problem = described["components"]["schemas"]["Problem"]
    for answer in (boss.get("/parcels/none"), boss.get("/parcels?x=1"), boss.post("/work-items/1/complete", {"x": 1})):
        assert answer.mimetype == "application/problem+json"
        assert _fits(answer.json, problem, described["components"]["schemas"])
        assert answer.json.keys() >= set(problem["required"])


def test_the_document_needs_no_request_to_be_made(small_house: House) -> None:
    assert json.dumps(document(small_house.app))


# ---- parcels and orders


def test_parcels_are_listed_newest_first_in_pages(office: House) -> None:
    numbers = [office.parcel()[1] for _ in range(5)]
    boss = program(office, "boss")
    seen: list[str] = []
    address = "/parcels?limit=2&scope=active"
    while address:
        page = boss.get(address).json
        seen += [one["number"] for one in page["items"]]
        address = (page["next"] or "").removeprefix("/api/v1")

    assert seen == numbers[::-1]


def test_a_list_is_filtered_by_words_status_and_time(office: House) -> None:
    office.parcel(status="planned")
    _, number = office.parcel(status="in_review", subject="Zebra stripes")
    boss = program(office, "boss")

    for query in ("q=zebra", "status=in_review", "status=in_review&received_from=2026-03-02T00:00:00Z"):
        assert [one["number"] for one in boss.get(f"/parcels?{query}").json["items"]] == [number], query
    assert boss.get("/parcels?received_until=2026-03-01T00:00:00Z").json["items"] == []
    assert boss.get("/orders").json["items"] == []


def test_what_a_person_may_not_see_is_answered_like_what_does_not_exist(office: House) -> None:
    _, number = office.parcel(status="planned")
    anna = program(office, "anna")
    nothing = anna.get("/parcels/P-9999-999999")

    for path in ("", "/zip", "/documents/1"):
        answer = anna.get(f"/parcels/{number}{path}")
        assert (answer.status_code, answer.data) == (nothing.status_code, nothing.data) == (404, nothing.data)
    assert anna.get("/parcels").json["items"] == []


def test_a_masked_field_is_covered_and_a_hidden_document_is_not_there(office: House) -> None:
    parcel_id, number = office.parcel(status="in_review", subject="Secret")
    with office.database.transaction() as tx:
        tx.access.replace(
            "order",
            [
                Grant("accountant", "*", "order", Level.READ, Reach.ALL),
                Grant("accountant", "*", "subject", Level.MASKED, Reach.ALL),
                Grant("accountant", "*", "run_length", Level.MASKED, Reach.ALL),
                Grant("accountant", "*", "document:purchase_order", Level.MASKED, Reach.ALL),
            ],
        )
        document_id = tx.parcels.documents(parcel_id)[0].id
    anna = program(office, "anna")

    shown = anna.get(f"/parcels/{number}").json

    assert shown["values"] == {"subject": MASK}
    assert [(field["name"], field["value"]) for field in shown["fields"]] == [("run_length", MASK)]
    assert [(one["kind"], one["title"], one["href"]) for one in shown["documents"]] == [("purchase_order", MASK, None)]
    assert anna.get(f"/parcels/{number}/documents/{document_id}").status_code == 404


def test_a_document_comes_as_bytes_that_nothing_runs(office: House) -> None:
    _, number = office.parcel()
    boss = program(office, "boss")
    [one] = boss.get(f"/parcels/{number}").json["documents"]

    answer = boss.get(one["href"].removeprefix("/api/v1"))

    assert answer.data.startswith(b"\x89PNG")
    assert answer.mimetype == "application/octet-stream"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert boss.get(f"/parcels/{number}/documents/{one['id']}?rendition=pdf").status_code == 404


def test_a_document_is_found_with_its_own_parcel_only(office: House) -> None:
    _, number = office.parcel()
    _, other = office.parcel()
    boss = program(office, "boss")
    [one] = boss.get(f"/parcels/{number}").json["documents"]

    assert boss.get(f"/parcels/{other}/documents/{one['id']}").status_code == 404


def test_a_parcel_comes_as_a_zip_which_is_on_record(office: House) -> None:
    parcel_id, number = office.parcel()

    answer = program(office, "boss").get(f"/parcels/{number}/zip")

    assert "public" not in answer.headers["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert "parcel.json" in archive.namelist()
    assert ("boss", "downloaded") in office.actions(parcel_id)


@pytest.mark.parametrize(
    "path", ["/parcels/%00", "/parcels/..%2f..", "/parcels/x'--", f"/parcels/{'9' * 500}", "/work-items/" + "9" * 40,
             "/orders/%ff", "/parcels/P-1/documents/" + "9" * 30]
)  # fmt: skip
def test_odd_names_are_not_there(office: House, path: str) -> None:
    assert program(office, "boss").get(path).status_code == 404


# ---- bringing in


def _upload(house: House, *files: tuple[bytes, str], key: str | None = None, **fields: str) -> TestResponse:
    data = {"files": [(io.BytesIO(content), name) for content, name in files], **fields}
    return program(house, "boss").post("/parcels", data=data, key=key)


def test_files_become_one_parcel(office: House) -> None:
    answer = _upload(office, (b"one", "a.txt"), (b"two", "../../b.txt"), subject="123")

    assert answer.status_code == 201
    assert answer.headers["Location"] == answer.json["href"]
    shown = program(office, "boss").get(f"/parcels/{answer.json['number']}").json
    assert len(shown["documents"]) == 2
    assert (shown["channel"], shown["values"]["subject"]) == ("upload", "123")


def test_the_same_upload_again_is_the_same_parcel(office: House) -> None:
    first, second = (_upload(office, (b"one", "a.txt"), key="k1") for _ in range(2))
    other = _upload(office, (b"two", "a.txt"), key="k1")
    without = [_upload(office, (b"one", "a.txt")).json["number"] for _ in range(2)]

    assert (second.status_code, second.data) == (201, first.data)
    assert other.status_code == 422
    assert len({first.json["number"], *without}) == 3


def test_an_upload_that_was_stored_but_never_answered_is_found_again(office: House) -> None:
    first = _upload(office, (b"one", "a.txt"), key="k1")
    with office.database.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM request_key")

    second = _upload(office, (b"one", "a.txt"), key="k1")

    assert (second.status_code, second.data) == (201, first.data)


def test_an_upload_has_files_and_what_is_named(office: House) -> None:
    boss = program(office, "boss")

    assert boss.post("/parcels", data={}).status_code == 415
    assert boss.post("/parcels", {"files": []}).status_code == 415
    assert _upload(office).status_code == 415
    assert _upload(office, (b"one", "a.txt"), owner_id="7").status_code == 422
    assert _upload(office, (b"one", "a.txt"), files="text").status_code != 500


def test_deeply_nested_text_in_a_form_is_text(office: House) -> None:
    assert _upload(office, (b"one", "a.txt"), subject="[" * 200).status_code == 201


def test_an_upload_larger_than_allowed_is_refused(office: House) -> None:
    office.system.settings.web.__dict__["largest_upload"] = 1000
    limited = office.app.test_client(use_cookies=False)

    answer = limited.post(
        "/api/v1/parcels",
        data={"files": (io.BytesIO(b"x" * 5000), "a.txt")},
        headers={"Authorization": f"Bearer {token(office, 'boss')}"},
    )

    assert answer.status_code == 413


# ---- processes and deployments


def _process(task: str = "look", more: str = "") -> bytes:
    flows = ("begin -> look", "look -> done")
    return a_diagram(a_process("order", start(), user(task, "accounting", more), end(), *flows))


def _deploy(house: House, *files: tuple[bytes, str], key: str | None = None, **fields: str) -> TestResponse:
    data = {"files": [(io.BytesIO(content), name) for content, name in files], **fields}
    return program(house, "owner").post("/deployments", data=data, key=key)


def _zip(**files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_files_are_put_in_force_as_the_next_version(office: House) -> None:
    answer = _deploy(office, (_process(), "order/order.bpmn"), note="Simpler", key="d1")

    assert answer.status_code == 201
    assert (answer.json["versions"], answer.json["is_new"]) == ({"order": 2}, True)
    owner = program(office, "owner")
    [newest, _] = owner.get("/deployments").json["items"]
    assert (newest["note"], newest["deployed_by"]) == ("Simpler", "owner")
    assert [(one["key"], one["version"]) for one in owner.get("/processes").json["items"]] == [("order", 2)]


def test_the_same_files_again_change_nothing(office: House) -> None:
    first = _deploy(office, (_process(), "order.bpmn"), key="d1")
    again = _deploy(office, (_process(), "order.bpmn"), key="d1")
    with_new_key = _deploy(office, (_process(), "order.bpmn"), key="d2")

    assert (again.status_code, again.data) == (201, first.data)
    assert (with_new_key.status_code, with_new_key.json["is_new"]) == (200, False)
    assert len(program(office, "owner").get("/deployments").json["items"]) == 2


def test_a_zip_of_a_folder_is_put_in_force(office: House) -> None:
    packed = _zip(**{"order/order.bpmn": _process(), "order/samples/x.csv": b"x", "order/notes.md": b"x"})

    assert _deploy(office, (packed, "order.zip")).status_code == 201
    assert _deploy(office, (_process(), "order.bpmn")).json["is_new"] is False


def test_what_cannot_run_is_refused_with_all_findings(office: House) -> None:
    answer = _deploy(office, (_process("look", 'parcelflow:form="missing"'), "order.bpmn"))

    assert answer.status_code == 422
    assert answer.json["code"] == "definition_refused"
    assert "look" in {finding["element"] for finding in answer.json["findings"]}
    assert len(program(office, "owner").get("/deployments").json["items"]) == 1


def test_a_call_of_a_process_that_is_nowhere_is_a_finding(office: House) -> None:
    call = '<callActivity id="look" name="look" calledElement="nowhere"/>'
    diagram = a_diagram(a_process("order", start(), call, end(), "begin -> look", "look -> done"))

    answer = _deploy(office, (diagram, "order.bpmn"))

    assert (answer.status_code, answer.json["code"]) == (422, "definition_refused")
    assert "nowhere" in answer.json["findings"][0]["message"]


HOSTILE = {
    "no diagram": (b"role,status", "access.csv"),
    "another kind of file": (b"x", "run.py"),
    "a path outside": (b"x", "../order.bpmn"),
    "a path of the house": (b"x", "called/order-1/order.bpmn"),
    "no zip": (b"PK nothing", "order.zip"),
    "a zip of nothing": (_zip(), "order.zip"),
    "a zip with a path outside": (_zip(**{"../../order.bpmn": b"x"}), "order.zip"),
    "a zip with a path from the root": (_zip(**{"/etc/order.bpmn": b"x"}), "order.zip"),
    "a zip that swells": (_zip(**{"order.bpmn": b"x" * (3 << 20)}), "order.zip"),
    "a zip of too many": (_zip(**{f"{number}.bpmn": b"" for number in range(1_001)}), "order.zip"),
    "no XML": (b"\x00\x01", "order.bpmn"),
    "an entity": (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "order.bpmn"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_files_are_refused_with_words(small_house: House, what: str) -> None:
    small_house.person("owner", "process_owners")

    answer = _deploy(small_house, HOSTILE[what])

    assert answer.status_code == 422
    assert answer.json["code"] in {"invalid", "definition_refused"}
    assert "root:" not in answer.text


def test_a_file_larger_than_a_process_needs_is_refused() -> None:
    with pytest.raises(Invalid, match="10 MB"):
        unpack([FileStorage(io.BytesIO(b" " * ((10 << 20) + 1)), "order.bpmn")])


def test_a_file_that_is_there_twice_is_refused(small_house: House) -> None:
    small_house.person("owner", "process_owners")

    assert _deploy(small_house, (_process(), "a.bpmn"), (_process(), "a.bpmn")).status_code == 422


def test_deployments_are_listed_in_pages(office: House) -> None:
    for number in range(3):
        _deploy(office, (_process(more=f'parcelflow:priority="{number}"'), "order.bpmn"))
    owner = program(office, "owner")

    first = owner.get("/deployments?limit=3").json
    second = owner.get(first["next"].removeprefix("/api/v1")).json

    assert [one["id"] for one in first["items"] + second["items"]] == [4, 3, 2, 1]
    assert second["next"] is None


# ---- exact JSON


def test_numbers_are_exact() -> None:
    assert str(loads("0.10000000000000000000000000000000001")) == "0.10000000000000000000000000000000001"


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "1e99999999999", "NaN", "-Infinity", '{"a":1,"a":2}', "1" * 5000, "0." + "1" * 200, "", "{"]
)
def test_what_is_no_honest_json_is_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        loads(text)


def test_fifty_levels_are_read_and_one_more_is_not() -> None:
    assert loads("[" * DEEPEST + "]" * DEEPEST)
    with pytest.raises(ValueError, match="50 levels"):
        loads("[" * (DEEPEST + 1) + "]" * (DEEPEST + 1))


def test_the_house_password_is_no_token(small_house: House) -> None:
    small_house.person("boss", "manager")

    answer = small_house.app.test_client().get("/api/v1/parcels", auth=("boss", PASSWORD))

    assert answer.status_code == 401


def test_who_brings_in_but_may_not_open_the_parcel_gets_its_number_without_an_address(office: House) -> None:
    office.person("stranger", "planning")
    data = {"files": (io.BytesIO(b"one"), "a.txt")}
    stranger = program(office, "stranger")

    answer = stranger.post("/parcels", data=data)

    assert answer.status_code == 201
    assert answer.json["href"] is None
    assert "Location" not in answer.headers
    assert stranger.get(f"/parcels/{answer.json['number']}").status_code == 404
