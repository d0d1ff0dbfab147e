"""Errors and escalations: which event catches them by their codes, and under which names it tells them, from end to end."""

from typing import Final

import pytest
from drawn import (
    ANY_ERROR,
    ERROR,
    ESCALATION,
    FAILING,
    Case,
    boundary,
    end,
    handler,
    play,
    start,
    sub,
    tag,
    task,
    throw,
)

UNCODED: Final = (
    '<bpmn:error id="Error_3" name="Paper"/><bpmn:error id="Error_4" name="Ink" errorCode=""/>'
    '<bpmn:escalation id="Escalation_3" name="soon"/>'
)
NO_CODE: Final = '<bpmn:errorEventDefinition errorRef="Error_3"/>'
NO_CODE_EITHER: Final = '<bpmn:errorEventDefinition errorRef="Error_4"/>'
SAYING: Final = '<bpmn:errorEventDefinition errorRef="Error_5"/>'
SAID: Final = '<bpmn:error id="Error_5" name="Empty" errorCode="empty" {}/>'
TOLD: Final = {"tray": 2, "error_code": "empty", "error_message": "Tray 2"}
WAYS: Final = (end(), end("e1"), end("e2"), "start > s > end", "b1 > e1", "b2 > e2")
SERVICE: Final = (start(), tag("serviceTask", "s"))

CASES = (
    Case(
        "an event whose error has no code catches any error",
        [start(), sub("s", *FAILING), boundary("b1", "s", NO_CODE), end(), end("e1"), "start > s > end", "b1 > e1"],
        "start s2 broken b1 e1",
        more=UNCODED,
    ),
    Case(
        "an error without a code is caught like any",
        [
            start(),
            sub("s", start("s2"), end("broken", NO_CODE), "s2 > broken"),
            boundary("b1", "s", ERROR),
            boundary("b2", "s", ANY_ERROR),
            *WAYS,
        ],
        "start s2 broken b2 e2",
        variables={"error_code": "Paper", "error_message": ""},
        more=UNCODED,
    ),
    Case(
        "of events whose errors have no code the one of the same name catches",
        [*SERVICE, boundary("b1", "s", NO_CODE), boundary("b2", "s", NO_CODE_EITHER), *WAYS],
        "start b2 e2",
        script=[{"error": "s", "code": "Ink"}],
        more=UNCODED,
    ),
    Case(
        "an exact code comes before an error without a code",
        [*SERVICE, boundary("b1", "s", NO_CODE), boundary("b2", "s", ERROR), *WAYS],
        "start b2 e2",
        script=[{"error": "s", "code": "no_paper"}],
        more=UNCODED,
    ),
    Case(
        "an event whose error has another code does not catch",
        [*SERVICE, boundary("b1", "s", ERROR), end(), end("e1"), "start > s > end", "b1 > e1"],
        "start",
        "failed",
        script=[{"error": "s", "code": "no_ink"}],
    ),
    Case(
        "an event whose escalation has no code catches any escalation",
        [
            start(),
            sub("s", start("s2"), throw("t", ESCALATION), task("a"), end("e3"), "s2 > t > a > e3"),
            boundary("b1", "s", '<bpmn:escalationEventDefinition escalationRef="Escalation_3"/>'),
            end(),
            end("e1"),
            "start > s > end",
            "b1 > e1",
        ],
        "start s2 t b1 e1",
        variables={"escalation_code": "late"},
        more=UNCODED,
    ),
    Case(
        "an event tells code and message of an error under names of its own",
        [
            start(),
            sub("s", start("s2"), end("broken", SAYING), "s2 > broken"),
            boundary(
                "b1",
                "s",
                '<bpmn:errorEventDefinition parcelflow:codeVariable="why" parcelflow:messageVariable="what"/>',
            ),
            end(),
            end("e1"),
            "start > s > end",
            "b1 > e1",
        ],
        "start s2 broken b1 e1",
        start={"tray": 2},
        variables=TOLD | {"why": "empty", "what": "Tray 2"},
        more=SAID.format("parcelflow:errorMessage=\"'Tray ' + str(tray)\""),
    ),
    Case(
        "an event subprocess tells code and message of an error under the names of another tool",
        [
            start(),
            end("broken", SAYING),
            "start > broken",
            handler(
                "h",
                '<bpmn:errorEventDefinition camunda:errorCodeVariable="why" camunda:errorMessageVariable="what"/>',
            ),
        ],
        "start broken h_starts h_works h_ends h",
        start={"tray": "Tray 2"},
        variables={**TOLD, "tray": "Tray 2", "why": "empty", "what": "Tray 2", "handled": "h"},
        more=SAID.format('camunda:errorMessage="${tray}"'),
    ),
    Case(
        "an event tells the code of an escalation under a name of its own",
        [
            start(),
            sub("s", start("s2"), throw("t", ESCALATION), task("a"), end("e3"), "s2 > t > a > e3"),
            boundary("b1", "s", '<bpmn:escalationEventDefinition camunda:escalationCodeVariable="why"/>', "false"),
            end(),
            end("e1"),
            "start > s > end",
            "b1 > e1",
        ],
        "start s2 t b1 a e3 s e1 end",
        variables={"escalation_code": "late", "why": "late"},
        is_any_order=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_errors_and_escalations_find_their_event_by_code(case: Case) -> None:
    play(case)
