"""Every address that could show something of a marked parcel, made from the routes that there are."""

import io
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from html import escape
from typing import Any
from urllib.parse import urlencode

import pypdfium2
from markers import MARKER, Marked, MarkedHouse
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

NOBODY = 999_999
_ARGUMENT = re.compile(r"/([^/<>]+)/<(?:\w+:)?(\w+)>")
_FORGERY = re.compile(rb'(csrf_token" value="|X-CSRFToken": ")[^"]+|(request_key" value=")[^"]+')
_SHOWING = frozenset(
    {"parcels.download", "work.refresh", "work.complete", "api.work.complete", "new_order.create"},
)
_CHANGING = frozenset(
    {
        "work.claim",
        "work.release",
        "work.delegate",
        "work.draft",
        "orders.cancel",
        "quarantine.decide",
        "api.work.claim",
        "api.work.release",
        *(f"{place}instances.{verb}" for place in ("", "api.") for verb in ("suspend", "go_on", "terminate", "delete")),
        *(f"{place}instances.{verb}" for place in ("", "api.") for verb in ("move", "add", "cancel", "variables")),
    }
)
UNVISITED: Mapping[str, str] = {
    "static": "files of the program",
    "door.enter": "shows the door only",
    "door.leave": "shows the door only",
    "door.choose_theme": "leads back",
    "admin.add": "people only",
    "admin.change": "people only",
    "admin.give_password": "people only",
    "admin.substitute": "people only",
    "admin.put_group": "people only",
    "admin.put_role": "people only",
    "tokens.make": "tokens only",
    "tokens.revoke": "tokens only",
    "api.parcels.bring_in": "tells of what it takes in only",
    "api.processes.put_in_force": "definitions only",
    "upload.take_in": "tells of what it takes in only",
    "worklist.take_next": "leads to a work item",
    "incidents.retry": "leads back",
    "incidents.give_up": "leads back",
    "incidents.correct": "leads back",
    "migrations.begin": "leads on, or shows the plan again",
    "api.migrations.plan": "tells numbers of instances only",
    "api.migrations.begin": "tells numbers of instances only",
    "messages.deliver": "leads back",
    "messages.discard": "leads back",
    "processes.drafts.begin": "drafts only",
    "processes.drafts.put": "drafts only",
    "processes.drafts.put_in_force": "drafts only",
    "processes.drafts.discard": "drafts only",
    "processes.drafts.remove": "drafts only",
    "processes.editors.change_table": "drafts only",
    "processes.tryout.try_out": "drafts only",
}


@dataclass(frozen=True, slots=True)
class Visit:
    """A request; `about` is the parcel it asks for, `subject` what it asks of it, `ghost` the same about nothing.

    One that searches has the `place` whose words it looks for.
    """

    path: str
    method: str = "GET"
    about: Marked | None = None
    subject: str = "order"
    ghost: str = ""
    is_changing: bool = False
    data: Mapping[str, str] = field(default_factory=dict)
    place: str | None = None


class Caller:
    """A person with a browser, and with a program that carries the person's token."""

    def __init__(self, house: MarkedHouse, role: str) -> None:
        self._visitor = house.visitor(role)
        self._program = house.app.test_client(use_cookies=False)
        self._token = {"Authorization": f"Bearer {house.tokens[role]}"}
        self._nothing: dict[str, TestResponse] = {}

    def go(self, visit: Visit) -> TestResponse:
        """Make the request of a visit."""
        return self._request(visit, visit.path)

    def go_nowhere(self, visit: Visit) -> TestResponse:
        """Make the same request about something that does not exist."""
        asked = f"{visit.method} {visit.ghost}"
        if asked not in self._nothing:
            self._nothing[asked] = self._request(visit, visit.ghost)
        return self._nothing[asked]

    def _request(self, visit: Visit, path: str) -> TestResponse:
        if path.startswith("/api/"):
            body = {"json": sent} if (sent := _sent(path)) else {}
            return self._program.open(path, method=visit.method, headers=self._token, buffered=True, **body)
        return self._visitor.get(path) if visit.method == "GET" else self._visitor.post(path, **visit.data)


def _sent(path: str) -> dict[str, Any]:
    """Give what a program sends to an address, where it needs to be more than nothing."""
    if path.endswith("/complete"):
        return {"answers": {}}
    verb = path.rpartition("/")[2] if "/instances/" in path else ""
    more = {"move": {"token": "x:1", "node": "x"}, "add": {"node": "x"}, "cancel": {"token": "x:1"}}.get(verb, {})
    return {"reason": "because", **more} if verb and not verb.isdecimal() else {}


@dataclass(frozen=True, slots=True)
class Tour:
    """What is visited: the house, and the parcels of whose every page there is a visit."""

    house: MarkedHouse
    parcels: Sequence[Marked]


@dataclass(frozen=True, slots=True)
class _Thing:
    """What a route can be asked for: its key, and the parcel behind it."""

    key: object
    nothing: object = NOBODY
    about: Marked | None = None
    subject: str = "order"


def unknown(house: MarkedHouse) -> list[str]:
    """Name the routes that cannot be visited: their words, or what they do, are new."""
    return [
        f"{method} {rule.rule}"
        for rule in house.app.url_map.iter_rules()
        for method in _methods(rule)
        if rule.endpoint not in UNVISITED and not _is_known(rule, method)
    ]


def visits(house: MarkedHouse, parcels: Sequence[Marked]) -> Iterator[Visit]:
    """Give all visits, for every route and these parcels."""
    tour = Tour(house, parcels)
    for rule in house.app.url_map.iter_rules():
        for method in _methods(rule) if rule.endpoint not in UNVISITED else ():
            for visit in _visits(tour, rule, method):
                yield visit
                yield from _with_queries(tour, rule.endpoint, visit)


def words(answer: TestResponse, visit: Visit) -> set[str]:
    """Give the markers in an answer: in its headers, its body, and the names and contents of what is packed in it.

    An answer that there is nothing may repeat what was asked for.
    """
    body = _text(answer.get_data())
    texts = [str(answer.headers), body.replace(_asked(visit.path), "") if answer.status_code == 404 else body]
    if answer.mimetype == "application/zip":
        with zipfile.ZipFile(io.BytesIO(answer.get_data())) as archive:
            texts += [f"{name} {_text(archive.read(name))}" for name in archive.namelist()]
    return {_word(found) for text in texts for found in MARKER.findall(text)}


def plain(answer: TestResponse, path: str) -> tuple[int, str, bytes]:
    """Give what can be told from an answer, without forgery tokens and what was asked for."""
    body = _FORGERY.sub(rb"\1\2", answer.get_data())
    return answer.status_code, answer.content_type, body.replace(_asked(path).encode(), b"")


def _asked(path: str) -> str:
    return escape(path.partition("?")[0])


def _text(data: bytes) -> str:
    if not data.startswith(b"%PDF"):
        return data.decode("utf-8", "replace")
    with pypdfium2.PdfDocument(data) as pdf:
        return " ".join(page.get_textpage().get_text_bounded() for page in pdf)


def _word(found: str) -> str:
    return found.upper() if found[1] == "-" else found.lower()


def _methods(rule: Rule) -> Sequence[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def _is_known(rule: Rule, method: str) -> bool:
    arguments = _ARGUMENT.findall(rule.rule)
    if len(arguments) != len(rule.arguments) or not {word for word, _ in arguments} <= _THINGS.keys():
        return False
    return method == "GET" or rule.endpoint in _SHOWING | _CHANGING


def _visits(tour: Tour, rule: Rule, method: str) -> Iterator[Visit]:
    for chosen in _chosen(tour, _ARGUMENT.findall(rule.rule), []):
        path = ghost = rule.rule
        for argument, (place, thing) in zip(_ARGUMENT.findall(rule.rule), enumerate(chosen), strict=True):
            pattern = rf"<(?:\w+:)?{argument[1]}>"
            path = re.sub(pattern, str(thing.key), path)
            ghost = re.sub(pattern, str(thing.key if place else thing.nothing), ghost)
        about = [thing for thing in chosen if thing.about is not None]
        yield Visit(
            path,
            method,
            about[0].about if about else None,
            about[-1].subject if about else "order",
            ghost if about else "",
            is_changing=rule.endpoint in _CHANGING,
            data={"reason": "because", "decision": "none"} if rule.endpoint in _CHANGING else {},
        )


def _chosen(tour: Tour, arguments: Sequence[tuple[str, str]], before: Sequence[_Thing]) -> Iterator[Sequence[_Thing]]:
    if not arguments:
        yield before
        return
    (word, _), *rest = arguments
    for thing in _THINGS[word](tour, before):
        yield from _chosen(tour, rest, [*before, thing])


def _with_queries(tour: Tour, endpoint: str, visit: Visit) -> Iterator[Visit]:
    for query in _QUERIES.get(endpoint, lambda _tour, _about: ())(tour, visit.about):
        yield replace(visit, path=f"{visit.path}?{query}", ghost=f"{visit.ghost}?{query}")
    for place in _SEARCHED.get(endpoint, lambda _tour: ())(tour):
        query = urlencode({"q": f"zmark{place.replace('_', '')}", **_EVERYWHERE.get(endpoint, {})})
        yield replace(visit, path=f"{visit.path}?{query}", place=place)
    if endpoint == "new_order.new":
        for marked in tour.parcels:
            path, ghost = f"{visit.path}?template={marked.order_number}", f"{visit.path}?template=O-2026-{NOBODY}"
            yield Visit(path, about=marked, ghost=ghost)


def _whole(_tour: Tour, about: Marked | None) -> Iterator[str]:
    yield "story=all"
    documents = list(about.documents.values()) if about else []
    yield from (f"document={document}&view=text" for document in documents)
    if about and about.standing.status == "planned":
        yield from (f"document={document}&view=words" for document in documents)


def _worklists(tour: Tour, _about: Marked | None) -> Iterator[str]:
    yield "view=pool"
    for group in sorted({group for person in tour.house.people.values() for group in person.groups}):
        yield f"view=pool&group={group}"


def _places(tour: Tour) -> list[str]:
    plain = {marker.place for marker in tour.house.words.values() if marker.is_indexed}
    return sorted(plain - {"price", "number", "order_number"})


_EVERYWHERE = {"search.results": {"scope": "all"}, "orders.find": {"scope": "all"}, "parcels.find": {"scope": "all"}}
_SEARCHED: Mapping[str, Callable[[Tour], Sequence[str]]] = {
    "search.results": _places,
    "portal.mine": _places,
    "parcels.find": lambda _tour: ("paper", "remarks"),
    "orders.find": lambda _tour: ("paper", "title_price_sheet"),
    "api.parcels.find": lambda _tour: ("paper", "sender", "text_price_sheet"),
    "api.parcels.find_orders": lambda _tour: ("paper", "customer", "text_invoice"),
}
_QUERIES: Mapping[str, Callable[[Tour, Marked | None], Iterator[str] | Sequence[str]]] = {
    "parcels.show": _whole,
    "orders.show": lambda _tour, _about: ("story=all",),
    "parcels.find": lambda _tour, _about: ("scope=all", "scope=archived", "scope=all&delayed=1&status=planned"),
    "orders.find": lambda _tour, _about: ("scope=all", "scope=rejected"),
    "api.parcels.document": lambda _tour, _about: ("rendition=pdf",),
    "worklist.show": _worklists,
    "api.work.find": _worklists,
    "reports.show": lambda _tour, _about: ("days=365",),
}


def _parcels(tour: Tour, _before: Sequence[_Thing]) -> Iterator[_Thing]:
    for marked in tour.parcels:
        yield _Thing(marked.number, f"P-2026-{NOBODY}", marked)


def _orders(tour: Tour, _before: Sequence[_Thing]) -> Iterator[_Thing]:
    for marked in tour.parcels:
        yield _Thing(marked.order_number, f"O-2026-{NOBODY}", marked)


def _documents(tour: Tour, before: Sequence[_Thing]) -> Iterator[_Thing]:
    for marked in [thing.about for thing in before if thing.about] or tour.parcels:
        for kind, document_id in marked.documents.items():
            yield _Thing(document_id, about=marked, subject=f"document:{kind}")


def _items(tour: Tour, _before: Sequence[_Thing]) -> Iterator[_Thing]:
    return (_Thing(marked.item, about=marked) for marked in tour.parcels)


def _instances(tour: Tour, _before: Sequence[_Thing]) -> list[_Thing]:
    with tour.house.database.reading() as tx:
        return [_Thing(one.id, about=marked) for marked in tour.parcels for one in tx.processes.of_parcel(marked.id)]


def _entries(tour: Tour, _before: Sequence[_Thing]) -> Iterator[_Thing]:
    return (_Thing(marked.entry, about=marked) for marked in tour.parcels)


def _definitions(tour: Tour, _before: Sequence[_Thing]) -> list[_Thing]:
    with tour.house.database.reading() as tx:
        return [_Thing(one.id) for one in tx.deployments.in_force() if one.key == "inspection"]


def _fixed(*keys: object) -> Callable[[Tour, Sequence[_Thing]], list[_Thing]]:
    return lambda _tour, _before: [_Thing(key) for key in keys]


def _files(tour: Tour, before: Sequence[_Thing]) -> list[_Thing]:
    return [_Thing("inspection.bpmn" if before[0].key != 1 else "access.csv")]


_Pool = Callable[[Tour, Sequence[_Thing]], Any]
_THINGS: Mapping[str, _Pool] = {
    "parcels": _parcels,
    "my-orders": _parcels,
    "orders": _orders,
    "documents": _documents,
    "work-items": _items,
    "quarantine": _entries,
    "instances": _instances,
    "migrations": _fixed(1),
    "messages": _fixed(1),
    "pages": _fixed(1),
    "renditions": _fixed("pdf"),
    "diagram": _definitions,
    "people": lambda tour, _before: [_Thing(person.user_id) for person in tour.house.people.values()],
    "processes": _fixed("order", "inspection"),
    "versions": _fixed(1),
    "deployments": _fixed(1, 2),
    "drafts": lambda tour, _before: [_Thing(tour.house.draft)],
    "files": _files,
    "edit": _fixed("inspection.bpmn"),
    "table": _fixed("none.dmn"),
}
