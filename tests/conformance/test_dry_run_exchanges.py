"""Messages by operation, and conversations of pools that tell one another apart by correlation keys."""

from typing import Final

import pytest
from drawn import Case, end, play, process, start, tag, throw

OPERATION: Final = (
    '<bpmn:interface id="desk" name="Desk"><bpmn:operation id="pay" name="Pay">'
    "<bpmn:inMessageRef>Message_1</bpmn:inMessageRef></bpmn:operation></bpmn:interface>"
)
PAYS: Final = "<bpmn:messageEventDefinition><bpmn:operationRef>pay</bpmn:operationRef></bpmn:messageEventDefinition>"

CASES = (
    Case(
        "tasks that name an operation send and receive its message",
        [start(), tag("sendTask", "send", operationRef="pay"), end(), "start > send > end"],
        "start send end receive out",
        more=OPERATION
        + process(
            "q", tag("receiveTask", "receive", operationRef="pay", instantiate="true"), end("out"), "receive > out"
        ),
        processes=("p", "q"),
    ),
    Case(
        "events that name an operation send and receive its message",
        [start(), throw("send", PAYS), end(), "start > send > end"],
        "start send end in out",
        more=OPERATION + process("q", start("in", PAYS), end("out"), "in > out"),
        processes=("p", "q"),
    ),
    Case(
        "receive task that names an operation waits for its message only",
        [start(), tag("receiveTask", "receive", operationRef="pay"), end(), "start > receive > end"],
        "start",
        "incident",
        "script_step",
        "receive",
        script=[{"message": "receive"}],
        more=OPERATION,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_messages_find_those_they_are_meant_for(case: Case) -> None:
    play(case)
