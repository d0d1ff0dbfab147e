"""Multi-instance activities whose instances throw events when they end (BPMN 2.0.2, 10.3.8), tried from end to end."""

from typing import Final

import pytest
from drawn import ERROR, ESCALATION, MESSAGE, SIGNAL, Case, boundary, catch, end, multiple, play, start, tag, task

TOLD: Final = '<bpmn:signalEventDefinition id="told" signalRef="Signal_1"/>'
ESCALATED: Final = '<bpmn:escalationEventDefinition id="told" escalationRef="Escalation_1"/>'
FAILED: Final = '<bpmn:errorEventDefinition id="told" errorRef="Error_1"/>'
SENT: Final = '<bpmn:messageEventDefinition id="told" messageRef="Message_1"/>'
THREE: Final = "<bpmn:loopCardinality>3</bpmn:loopCardinality>"
EACH: Final = {"behavior": "None", "noneBehaviorEventRef": "told"}
FIRST: Final = {"behavior": "One", "oneBehaviorEventRef": "told"}


def telling(
    behavior: dict[str, str], attached: str, *, interrupts: str = "false", row: str = "false", more: str = ""
) -> list[str]:
    """Three instances with an event attached, which leads to `told`."""
    return [
        start(),
        tag("task", "t", multiple(THREE + more, isSequential=row, **behavior)),
        boundary("b", "t", attached, interrupts),
        task("told_task"),
        end(),
        end("end2"),
        "start > t > end",
        "b > told_task > end2",
    ]


def when(condition: str, definition: str = SIGNAL) -> str:
    """Draw when an event is thrown."""
    return (
        f"<bpmn:complexBehaviorDefinition><bpmn:condition>{condition}</bpmn:condition>"
        f'<bpmn:event id="thrown_{len(condition)}">{definition}</bpmn:event></bpmn:complexBehaviorDefinition>'
    )


CASES: Final = (
    Case(
        "each instance in a row tells",
        telling(EACH, SIGNAL, row="true"),
        "start t b t b t b t told_task told_task told_task end end2 end2 end2",
        more=TOLD,
        is_any_order=True,
    ),
    Case(
        "each instance in parallel tells",
        telling(EACH, SIGNAL),
        "start t t t t b b b told_task told_task told_task end end2 end2 end2",
        more=TOLD,
        is_any_order=True,
    ),
    Case(
        "the first instance tells",
        telling(FIRST, SIGNAL, row="true"),
        "start t b t t t told_task end end2",
        more=TOLD,
        is_any_order=True,
    ),
    Case(
        "the first instance of a user task tells once",
        [
            start(),
            tag("userTask", "t", multiple(THREE, **FIRST)),
            boundary("b", "t", SIGNAL, "false"),
            end(),
            end("end2"),
            "start > t > end",
            "b > end2",
        ],
        "start t t b end2",
        "waiting",
        more=TOLD,
        script=[{"complete": "t"}, {"complete": "t"}],
        hold=True,
        is_any_order=True,
    ),
    Case(
        "an instance escalates",
        telling(FIRST, ESCALATION, row="true"),
        "start t b t t t told_task end end2",
        more=ESCALATED,
        is_any_order=True,
    ),
    Case(
        "an error of an instance is caught at the activity",
        telling(FIRST, ERROR, interrupts="true"),
        "start t b told_task end2",
        more=FAILED,
    ),
    Case(
        "an error of an instance is caught nowhere",
        [start(), tag("task", "t", multiple(THREE, **FIRST)), end(), "start > t > end"],
        "start t",
        "failed",
        "no_paper",
        "t",
        more=FAILED,
    ),
    Case(
        "each instance sends a message",
        [
            start(),
            tag("parallelGateway", "f"),
            tag("task", "t", multiple(THREE, **FIRST)),
            catch("c", MESSAGE),
            end(),
            end("end2"),
            "start > f > c > end2",
            "f > t > end",
        ],
        "start f t t t t c end end2",
        more=SENT,
        is_any_order=True,
    ),
    Case(
        "conditions decide what is told",
        telling({"behavior": "Complex"}, SIGNAL, more=when("loopCounter == 1") + when("loopCounter > 7", ESCALATION)),
        "start t t t t b told_task end end2",
        is_any_order=True,
    ),
    Case(
        "conditions decide that nothing is told",
        telling({"behavior": "Complex"}, SIGNAL, more=when("loopCounter > 7")),
        "start t t t t end",
    ),
    Case(
        "all tells nothing",
        telling({"behavior": "All"}, SIGNAL),
        "start t t t t end",
        more=TOLD,
    ),
    Case(
        "nobody listens",
        [start(), tag("task", "t", multiple(THREE, **EACH)), end(), "start > t > end"],
        "start t t t t end",
        more=TOLD,
    ),
    *(
        Case(
            f"what an instance tells may not end the others: {name}",
            telling(behavior, definition, interrupts="true", more=condition),
            "",
            "refused",
            "multi_instance_interrupted",
            "t",
            more=more,
        )
        for name, behavior, definition, condition, more in (
            ("each", EACH, SIGNAL, "", TOLD),
            ("first", FIRST, ESCALATION, "", ESCALATED),
            ("as conditions say", {"behavior": "Complex"}, SIGNAL, when("loopCounter == 1"), ""),
        )
    ),
    Case(
        "another event may end them",
        telling(EACH, ESCALATION, interrupts="true"),
        "start t t t t end",
        more=TOLD,
    ),
    Case(
        "an event that is not named is refused",
        telling({"behavior": "None"}, SIGNAL),
        "",
        "refused",
        "multi_instance_behavior",
        "t",
    ),
    Case(
        "an event that is not there is refused",
        [start(), tag("task", "t", multiple(THREE, **EACH)), end(), "start > t > end"],
        "",
        "refused",
        element="t",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_instances_tell_as_the_standard_says(case: Case) -> None:
    play(case)
