"""Running instances as operators see them: as far as their parcel may be seen, and its variables as far as they may be read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.diagrams.outline import outline
from engine.diagrams.reader import read_diagram
from engine.errors import DefinitionError
from engine.interventions import Standing
from engine.migration import MOST_AT_ONCE
from storage.database import Transaction
from storage.errors import NotFound, Refused
from storage.people import Actor
from storage.processes import InstanceState, ProcessDefinition, ProcessInstance
from storage.search import Filter
from storage.views import MASK, ParcelView
from web.context import system
from web.diagrams import diagram_bytes, flat
from web.sight import parcel_behind
from web.words import label

_CHUNK = 500


@dataclass(frozen=True, slots=True)
class Node:
    """A flow node to choose from, with the process it is drawn in."""

    id: str
    name: str
    process: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token with the name of its flow node."""

    standing: Standing
    name: str


@dataclass(frozen=True, slots=True)
class InstanceView:
    """An instance with what is around it; values that may not be read are covered."""

    instance: ProcessInstance
    definition: ProcessDefinition
    parcel: ParcelView | None
    tokens: Sequence[Token]
    nodes: Sequence[Node]
    variables: Mapping[str, Any]
    covered: frozenset[str]

    @property
    def is_running(self) -> bool:
        """Tell whether it has not ended."""
        return self.instance.state in (InstanceState.ACTIVE, InstanceState.SUSPENDED)


def in_sight(tx: Transaction, actor: Actor, instance_id: int) -> tuple[ProcessInstance, ParcelView | None]:
    """Give an instance with its parcel; raises `NotFound` where the person may not see the parcel."""
    instance = tx.processes.one(instance_id)
    parcel = parcel_behind(tx, actor, instance.parcel_id)
    if instance.parcel_id is not None and parcel is None:
        raise NotFound("There is no such process instance.")
    return instance, parcel


def check_may_change(parcel: ParcelView | None, names: Sequence[str]) -> None:
    """Check that variables may be changed: nobody changes what they may not read. Raises `Refused`."""
    hidden = [name for name in names if parcel is not None and not parcel.rights.reads_field(name)]
    if hidden:
        raise Refused(f"You may not read {', '.join(sorted(hidden))}, so you cannot change it; ask an administrator.")


def instance_view(tx: Transaction, actor: Actor, instance_id: int) -> InstanceView:
    """Give an instance with its tokens, variables, and the flow nodes of its processes."""
    instance, parcel = in_sight(tx, actor, instance_id)
    definition = tx.deployments.definition(instance.definition_id)
    execution = system().engine.load(tx, instance)
    nodes = nodes_of(tx, definition)
    names = {node.id: node.name for node in nodes}
    variables = execution.variables()
    covered = frozenset(name for name in variables if parcel is not None and not parcel.rights.reads_field(name))
    return InstanceView(
        instance=instance,
        definition=definition,
        parcel=parcel,
        tokens=[Token(one, names.get(one.node, label(one.node))) for one in execution.standings()],
        nodes=nodes,
        variables={name: MASK if name in covered else value for name, value in sorted(variables.items())},
        covered=covered,
    )


def listed(
    tx: Transaction, actor: Actor, process_key: str | None, *, only_running: bool, after: int | None, limit: int
) -> tuple[list[tuple[ProcessInstance, ProcessDefinition, ParcelView | None]], int | None]:
    """Give a page of the instances that the person may see, and where the next one begins."""
    found = tx.processes.listed(process_key, only_running=only_running, after=after, limit=limit + 1)
    rows = []
    for instance, definition in found[:limit]:
        parcel = parcel_behind(tx, actor, instance.parcel_id)
        if parcel is not None or instance.parcel_id is None:
            rows.append((instance, definition, parcel))
    return rows, found[limit - 1][0].id if len(found) > limit else None


def only_in_sight(tx: Transaction, actor: Actor, to: ProcessDefinition, wanted: Sequence[int] | None) -> list[int]:
    """Give the running instances of other versions that the person may see, of those that are wanted, or of all."""
    running = tx.migrations.running(to.key, to.version, MOST_AT_ONCE, wanted)
    ids = sorted({one.parcel_id for one in running if one.parcel_id is not None})
    chunks = [tuple(ids[begin : begin + _CHUNK]) for begin in range(0, len(ids), _CHUNK)]
    found = (tx.search.parcels(actor, Filter(parcel_ids=chunk), limit=_CHUNK).parcels for chunk in chunks)
    seen = {view.id for views in found for view in views} | {None}
    return [one.instance_id for one in running if one.parcel_id in seen]


def nodes_of(tx: Transaction, main: ProcessDefinition) -> list[Node]:
    """List the flow nodes of a process and of those that were deployed with it."""
    family = [main, *(one for one in tx.deployments.definitions_of(main.deployment_id) if one.id != main.id)]
    found: dict[str, Node] = {}
    for definition in family:
        try:
            drawn = outline(read_diagram(diagram_bytes(tx, definition.id), definition.file))
        except DefinitionError:
            continue  # it was deployed, so it can be read; an older reader was more lenient
        for process in (each for each in drawn if each.id == definition.key):
            for node in flat(process.nodes):
                if node.id is not None:
                    name = node.name or label(node.id)
                    found.setdefault(node.id, Node(node.id, name, definition.name or label(definition.key)))
    return list(found.values())
