"""Check a diagram: findings for the process owner, worst first; without an error it can be deployed."""

from collections.abc import Iterator
from typing import Final

from engine.diagrams import (
    lint_activities,
    lint_catching,
    lint_choreographies,
    lint_collaboration,
    lint_data,
    lint_events,
    lint_exchanged,
    lint_expressions,
    lint_file,
    lint_gateways,
    lint_items,
    lint_kinds,
    lint_loops,
    lint_references,
    lint_structure,
    lint_surroundings,
    lint_timers,
    lint_values,
)
from engine.diagrams.drawing import Drawing
from engine.diagrams.laws import Fault, LintContext, Rule, finding
from engine.diagrams.normalise import normalise
from engine.diagrams.reader import Diagram
from engine.errors import DefinitionError, Finding, Severity

MAXIMUM_FINDINGS: Final = 500
RULES: Final[tuple[Rule, ...]] = (
    *lint_file.RULES,
    *lint_references.RULES,
    *lint_kinds.RULES,
    *lint_surroundings.RULES,
    *lint_structure.RULES,
    *lint_collaboration.RULES,
    *lint_choreographies.RULES,
    *lint_gateways.RULES,
    *lint_events.RULES,
    *lint_catching.RULES,
    *lint_activities.RULES,
    *lint_loops.RULES,
    *lint_data.RULES,
    *lint_items.RULES,
    *lint_exchanged.RULES,
    *lint_expressions.RULES,
    *lint_timers.RULES,
    *lint_values.RULES,
)
UNKNOWN_SURROUNDINGS: Final = LintContext()
_ORDER: Final = tuple(Severity)


def lint_diagram(diagram: Diagram, context: LintContext = UNKNOWN_SURROUNDINGS) -> list[Finding]:
    """Check a diagram against every law; give at most 500 findings, errors first."""
    drawing = Drawing(diagram)
    found = list(dict.fromkeys(_findings(drawing, context)))
    runs = context.is_to_run or drawing.has_marked
    if runs and not any(one.severity is Severity.ERROR for one in found):
        found += _refusals(diagram)
    found.sort(key=lambda one: _ORDER.index(one.severity))
    if len(found) > MAXIMUM_FINDINGS:
        message = f"There are more than {MAXIMUM_FINDINGS} findings; correct these first."
        found[MAXIMUM_FINDINGS:] = [finding(drawing, Fault("too_many_findings", drawing.root, message), context)]
    return found


def _findings(drawing: Drawing, context: LintContext) -> Iterator[Finding]:
    for rule in RULES:
        for fault in rule(drawing, context):
            yield finding(drawing, fault, context)


def _refusals(diagram: Diagram) -> list[Finding]:
    """Give what only the rewriting notices."""
    try:
        normalise(diagram)
    except DefinitionError as error:
        return list(error.findings)
    return []
