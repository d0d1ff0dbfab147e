"""The diagrams of a parcel's process: which are drawn, where the tokens are, and the same in words."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.diagrams.outline import OutlinedNode, outline
from engine.diagrams.reader import read_diagram
from storage.audit import AuditEvent, parcel_chain
from storage.database import Transaction
from storage.errors import NotFound
from storage.processes import InstanceState, ProcessDefinition
from storage.views import ParcelView
from web.history import Visits, visits
from web.words import label


@dataclass(frozen=True, slots=True)
class Line:
    """A flow node as the outline tells it."""

    number: str
    name: str
    kind: str
    lane: str
    ways: Sequence[str]
    has_token: bool
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class Drawing:
    """One diagram of a parcel's process with what happened on it."""

    definition_id: int
    key: str
    name: str
    version: int
    tokens: Sequence[str]
    taken: Sequence[str]
    stuck: Sequence[str]
    outline: Sequence[Line]

    @property
    def is_live(self) -> bool:
        """Tell whether a token is on it."""
        return bool(self.tokens)


def drawings(tx: Transaction, view: ParcelView) -> list[Drawing]:
    """Give the diagrams that the parcel's instances run through, called ones too, in the order they were entered."""
    events = tx.audit.history(parcel_chain(view.id))
    stuck = {incident.node for incident in tx.incidents.still_open() if incident.parcel_id == view.id}
    found: dict[int, Drawing] = {}
    for instance in tx.processes.of_parcel(view.id):
        main = tx.deployments.definition(instance.definition_id)
        family = [main, *(d for d in tx.deployments.definitions_of(main.deployment_id) if d.id != main.id)]
        waiting = {item.node for item in tx.work.of_instance(instance.id, only_open=True)}
        is_active = instance.state in (InstanceState.ACTIVE, InstanceState.SUSPENDED)
        for definition in family:
            if definition.id in found:
                continue
            drawn = _drawing(tx, definition, events, waiting if is_active else set(), stuck)
            if drawn is not None and (definition.id == main.id or drawn.taken or drawn.tokens):
                found[definition.id] = drawn
    return list(found.values())


def diagram_bytes(tx: Transaction, definition_id: int) -> bytes:
    """Give the diagram of a definition as it was deployed, byte for byte."""
    definition = tx.deployments.definition(definition_id)
    files = tx.deployments.files(definition.deployment_id)
    if definition.file not in files:
        raise NotFound("There is no such diagram.")
    return files[definition.file]


def _drawing(
    tx: Transaction,
    definition: ProcessDefinition,
    events: Sequence[AuditEvent],
    waiting: set[str],
    stuck: set[str | None],
) -> Drawing | None:
    seen = visits(events, definition.key)
    nodes = _outlined(diagram_bytes(tx, definition.id), definition)
    ids = {node.id for node in nodes if node.id is not None}
    tokens = sorted(ids & _present(events, definition.key, waiting))
    return Drawing(
        definition_id=definition.id,
        key=definition.key,
        name=definition.name or label(definition.key),
        version=definition.version,
        tokens=tokens,
        taken=sorted((seen.nodes.keys() & ids) | seen.flows) if seen.nodes else [],
        stuck=sorted(node for node in stuck if node in ids and node is not None),
        outline=[_line(node, tokens, seen) for node in nodes],
    )


def _present(events: Sequence[AuditEvent], process_key: str, waiting: set[str]) -> set[str]:
    """Give the flow nodes where a token is: entered and neither completed nor withdrawn since."""
    inside: dict[str, int] = {}
    for event in events:
        for process, node, what in event.details.get("visits", ()):
            if process == process_key:
                inside[node] = inside.get(node, 0) + (1 if what == "entered" else -1)
    return {node for node, count in inside.items() if count > 0} if waiting or inside else set()


def _outlined(data: bytes, definition: ProcessDefinition) -> list[OutlinedNode]:
    processes = outline(read_diagram(data, definition.file))
    return [node for process in processes if process.id == definition.key for node in flat(process.nodes)]


def flat(nodes: Iterable[OutlinedNode]) -> Iterator[OutlinedNode]:
    """Go through nodes, what is inside them, and what is attached to them."""
    for node in nodes:
        yield node
        yield from flat(node.inside)
        yield from flat(node.attached)


def _line(node: OutlinedNode, tokens: Sequence[str], seen: Visits) -> Line:
    return Line(
        number=node.number,
        name=node.name or label(node.id or ""),
        kind=node.kind,
        lane=node.lane,
        ways=[f"{way.label or 'on'} to {way.target_name}" for way in node.ways if len(node.ways) > 1],
        has_token=node.id in tokens,
        completed_at=seen.nodes.get(node.id or ""),
    )
