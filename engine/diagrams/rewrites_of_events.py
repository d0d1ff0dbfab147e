"""Rewrites of events that do more than one thing at a time."""

from lxml import etree

from engine.diagrams.vocabulary import END_EVENT, THROW_EVENT, bpmn, is_true
from engine.diagrams.working_copy import WorkingCopy

_ENDING = tuple(map(bpmn, ("cancelEventDefinition", "errorEventDefinition", "terminateEventDefinition")))
"""Definitions that end what they stand in, so that nothing goes on meanwhile."""


def loose_compensation(draft: WorkingCopy, scope: etree._Element) -> None:
    """Let an event that does not wait for what it undoes go on, while another one, which nobody drew, undoes it."""
    for event in scope.findall(THROW_EVENT) + scope.findall(END_EVENT):
        definitions = [one for one in event.findall(bpmn("compensateEventDefinition")) if not _waits(one)]
        if not definitions or any(event.find(tag) is not None for tag in _ENDING):
            continue
        event.tag = THROW_EVENT
        key = event.get("id", "")
        undoing = draft.add(scope, THROW_EVENT, f"{key}__undoes")
        for definition in definitions:
            definition.set("waitForCompletion", "true")
            undoing.append(definition)
        draft.connect(scope, key, undoing.get("id", ""))


def _waits(definition: etree._Element) -> bool:
    return is_true(definition, "waitForCompletion", default=True)
