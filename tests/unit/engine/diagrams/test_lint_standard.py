"""The rules of the standard, each broken once and kept once, and which event may stand where."""

from typing import Final

import pytest
from drawing_board import lint
from standard_rules import DEFINITIONS, PLACES, RULES, Rule, an_event
from standard_rules_of_data import DATA_RULES
from standard_rules_of_exchanged_data import EXCHANGE_RULES
from standard_rules_of_references import REFERENCE_RULES

from engine.diagrams.laws import LAWS
from engine.errors import Severity

WARNED: Final = {"condition_on_default"}
"""Rules of the standard that the engine can do without: breaking them is a warning."""

ELEMENTS: Final = {
    "what has a start has an end": "start",
    "what has an end has a start": "end",
    "a subprocess with a start has an end": "si",
    "a subprocess with an end has a start": "se",
    "where a start event starts, no task does": "a",
    "where an end event ends, no task does": "a",
    "where a start event starts, no gateway does": "a",
    "in a subprocess each task is led to": "a",
    "a flow leads to a throwing event where nothing starts": "z",
    "a flow leaves a catching event where nothing ends": "z",
    "something leads to a catching link": "in",
    "a target names its source too": "out",
    "a target lies beside its source": "out",
    "a source names its target too": "in2",
    "a flow that its source lists is listed by its target": "end",
    "a flow that its target lists is listed by its source": "start",
    "a process that is called has a plain start": "t",
    "a word is no timeDate": "t",
    "a message reaches no plain start event": "plain",
    "a message leaves no plain end event": "end",
    "a message does not leave a catching event": "mf",
}
"""Where the fault lies, of rules that could be told of one element or of another."""
PLACED_RULES: Final = [*EXCHANGE_RULES, *REFERENCE_RULES]
ALL_RULES: Final = [*RULES, *DATA_RULES, *(rule for rule, _ in PLACED_RULES)]


def errors(data: bytes) -> set[str]:
    return {one.code for one in lint(data) if one.severity is Severity.ERROR}


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: f"{rule.code}: {rule.says}")
def test_a_model_that_breaks_a_rule_is_told_so_and_its_twin_is_left_alone(rule: Rule) -> None:
    found = [one for one in lint(rule.broken) if one.code == rule.code]

    assert [one.severity is Severity.ERROR for one in found] != []
    assert all(one.severity is Severity.ERROR or one.code in WARNED for one in found)
    assert all(one.element for one in found)
    assert errors(rule.sound) - {"unsupported_element"} == set()


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: f"{rule.code}: {rule.says}")
def test_a_picture_is_measured_by_the_standard_too(rule: Rule) -> None:
    """What is no process to run may leave open what only a run needs, and nothing else."""
    picture = rule.broken.replace(b'isExecutable="true"', b'isExecutable="false"')
    found = [one for one in lint(picture) if one.code == rule.code]

    assert found
    assert errors(rule.sound.replace(b'isExecutable="true"', b'isExecutable="false"')) == set()
    assert LAWS[rule.code].is_to_run or rule.code in WARNED or rule.code in errors(picture)


@pytest.mark.parametrize(
    ("rule", "element"),
    [*PLACED_RULES, *((rule, ELEMENTS[rule.says]) for rule in RULES if rule.says in ELEMENTS)],
    ids=lambda one: one.says if isinstance(one, Rule) else "",
)
def test_what_is_wrong_is_told_of_the_element_where_it_lies(rule: Rule, element: str) -> None:
    assert element in {one.element for one in lint(rule.broken) if one.code == rule.code}


def test_each_place_that_is_told_belongs_to_a_rule() -> None:
    assert ELEMENTS.keys() <= {rule.says for rule in RULES}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", DEFINITIONS)
def test_each_event_stands_only_where_the_standard_has_it(place: str, kind: str) -> None:
    found = errors(an_event(place, DEFINITIONS[kind]))

    assert (found == set()) == (kind in PLACES[place].split()), found
