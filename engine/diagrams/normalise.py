"""From a diagram as drawn to one that can run: rewrites on a copy, in an order that matters."""

from collections.abc import Mapping
from dataclasses import dataclass

from lxml import etree

from engine.diagrams import rewrites_of_definitions as definitions
from engine.diagrams import rewrites_of_events as events
from engine.diagrams import rewrites_of_flow as flow
from engine.diagrams.correlations import conversations
from engine.diagrams.reader import Diagram
from engine.diagrams.vendor_settings import translate_copy
from engine.diagrams.working_copy import WorkingCopy


@dataclass(frozen=True, slots=True)
class NormalisedDiagram:
    """A diagram that can run.

    `invented` are ids of elements that nobody drew: they must not reach audit, history or the picture. `renamed` gives the
    drawn id for each id that had to be changed.
    """

    root: etree._Element
    file: str
    invented: frozenset[str]
    renamed: Mapping[str, str]

    def drawn(self, key: str) -> str | None:
        """Give the id as drawn, or None for an element that nobody drew."""
        return None if key in self.invented else self.renamed.get(key, key)


def normalise(diagram: Diagram) -> NormalisedDiagram:
    """Rewrite a diagram into what the engine runs; the diagram itself is not changed.

    Raise DefinitionError where a rewrite is impossible. Expressions, timers and scripts stay as written.
    Splits come last: they must see the flows that the other rewrites added.
    """
    draft = WorkingCopy(diagram)
    translate_copy(draft.root, diagram)
    definitions.picture_only_processes(draft)
    definitions.plain_references(draft)
    definitions.reserved_ids(draft)
    definitions.missing_ids(draft)
    definitions.event_definition_references(draft)
    definitions.messages_of_operations(draft)
    conversations(draft.root)
    definitions.global_tasks(draft)
    definitions.data(draft)
    definitions.misplaced_flows(draft)
    for scope in definitions.scopes(draft):
        flow.links(draft, scope)
        flow.instantiating_gateways(scope)
        flow.instantiating_receive_tasks(draft, scope)
        flow.compensation(draft, scope)
        events.loose_compensation(draft, scope)
        flow.missing_starts_and_ends(draft, scope)
        flow.token_quantities(draft, scope)
        flow.splits(draft, scope)
    return NormalisedDiagram(draft.root, draft.file, frozenset(draft.invented), dict(draft.renamed))
