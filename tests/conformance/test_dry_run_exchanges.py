"""Messages by operation, and conversations of pools that tell one another apart by correlation keys."""

from typing import Any, Final

import pytest
from drawn import (
    CANCELLED,
    MESSAGE,
    SIGNAL,
    Case,
    boundary,
    catch,
    end,
    multiple,
    play,
    process,
    script,
    start,
    sub,
    tag,
    throw,
)

OPERATION: Final = (
    '<bpmn:interface id="desk" name="Desk"><bpmn:operation id="pay" name="Pay">'
    "<bpmn:inMessageRef>Message_1</bpmn:inMessageRef></bpmn:operation></bpmn:interface>"
)
NAMED: Final = (
    '<bpmn:message id="Message_3" name="order-${number}-paid"/>'
    """<bpmn:signal id="Signal_3" name="#{'late-'}${number}"/>"""
)
SAID: Final[tuple[tuple[str, dict[str, str], dict[str, Any]], ...]] = (
    ("nothing by itself", {}, {}),
    ("what it says", {"parcelflow__payload": "{'total': sum}"}, {"total": 3}),
    ("all if it says so", {"parcelflow__payload": "*"}, {"sum": 3, "name": "x"}),
)
WORKED_OUT: Final = '<bpmn:messageEventDefinition messageRef="Message_3"/>'
WORKED_OUT_SIGNAL: Final = '<bpmn:signalEventDefinition signalRef="Signal_3"/>'
PAYS: Final = "<bpmn:messageEventDefinition><bpmn:operationRef>pay</bpmn:operationRef></bpmn:messageEventDefinition>"


def conversation(*properties: str) -> str:
    """Draw a correlation key of these properties; the answer names each with `re_` before it."""
    drawn = "".join(
        f'<bpmn:correlationProperty id="is_{name}"><bpmn:correlationPropertyRetrievalExpression id="a_{name}" '
        f'messageRef="Message_1"><bpmn:messagePath>{name}</bpmn:messagePath></bpmn:correlationPropertyRetrievalExpression>'
        f'<bpmn:correlationPropertyRetrievalExpression id="b_{name}" messageRef="Message_2"><bpmn:messagePath>re_{name}'
        "</bpmn:messagePath></bpmn:correlationPropertyRetrievalExpression></bpmn:correlationProperty>"
        for name in properties
    )
    named = "".join(f"<bpmn:correlationPropertyRef>is_{name}</bpmn:correlationPropertyRef>" for name in properties)
    return f'{drawn}<bpmn:collaboration id="c"><bpmn:correlationKey id="k">{named}</bpmn:correlationKey></bpmn:collaboration>'


def each(*parts: str) -> str:
    """Draw a subprocess that runs for each item at once."""
    drawn = sub("each", start("in"), *parts, end("out")).removesuffix("</bpmn:subProcess>")
    over = multiple("", camunda__collection="items", camunda__elementVariable="item")
    return f"{drawn}{over}</bpmn:subProcess>"


ASKS: Final = each(
    script("name", "number = item\nyear = 2026"),
    throw("ask", MESSAGE),
    catch("answer", CANCELLED),
    script("note", "got.append([item, said])"),
    "in > name > ask > answer > note > out",
)
ASKED: Final = [start(), ASKS, end(), "start > each > end"]
SUBSCRIBED: Final = (
    '<bpmn:correlationSubscription id="su" correlationKeyRef="k"><bpmn:correlationPropertyBinding id="bi" '
    'correlationPropertyRef="is_number"><bpmn:dataPath>mine * 2</bpmn:dataPath></bpmn:correlationPropertyBinding>'
    "</bpmn:correlationSubscription>"
)
WAITS: Final = [SUBSCRIBED, start(), catch("wait", MESSAGE), end(), "start > wait > end"]


def answers(*numbers: int) -> list[dict[str, Any]]:
    """Script an answer to each of these questions."""
    return [{"message": "cancelled", "payload": {"re_number": n, "said": n * 10}} for n in numbers]


CASES = (
    Case(
        "answers find the instance that asked, whatever their order",
        ASKED,
        "...",
        start={"items": [1, 2, 3], "got": []},
        script=answers(2, 3, 1),
        more=conversation("number"),
        variables={
            "items": [1, 2, 3],
            "got": [[2, 20], [3, 30], [1, 10]],
            "number": 1,
            "year": 2026,
            "re_number": 1,
            "said": 10,
        },
    ),
    Case(
        "an answer to a question that nobody asked finds nobody",
        ASKED,
        "...",
        "incident",
        "script_step",
        "cancelled",
        start={"items": [1, 2], "got": []},
        script=answers(3),
        more=conversation("number"),
    ),
    Case(
        "all properties of a key must agree",
        ASKED,
        "...",
        "incident",
        "script_step",
        "cancelled",
        start={"items": [1], "got": []},
        script=[{"message": "cancelled", "payload": {"re_number": 1, "re_year": 2025, "said": 1}}],
        more=conversation("number", "year"),
    ),
    Case(
        "a key of two properties",
        ASKED,
        "start in name ask answer note out each each end",
        start={"items": [1], "got": []},
        script=[{"message": "cancelled", "payload": {"re_number": 1, "re_year": 2026, "said": 1}}],
        more=conversation("number", "year"),
    ),
    Case(
        "another pool answers each question",
        ASKED,
        "...",
        start={"items": [1, 2], "got": []},
        processes=("p",),
        variables={"items": [1, 2], "got": [[1, 10], [2, 20]], "number": 2, "year": 2026, "re_number": 2, "said": 20},
        more=conversation("number")
        + process(
            "q",
            start("asked", MESSAGE),
            script("think", "re_number = number\nsaid = number * 10"),
            end("told", CANCELLED),
            "asked > think > told",
        ),
    ),
    Case(
        "a subscription takes the message whose key it works out",
        WAITS,
        "start wait end",
        start={"mine": 4},
        script=[{"message": "paid", "payload": {"number": 8}}],
        variables={"mine": 4, "number": 8},
        more=conversation("number"),
    ),
    Case(
        "a subscription does not take another message",
        WAITS,
        "start",
        "incident",
        "script_step",
        "paid",
        start={"mine": 4},
        script=[{"message": "paid", "payload": {"number": 4}}],
        more=conversation("number"),
    ),
    Case(
        "the first message of a conversation is taken whatever its key",
        [start(), catch("wait", MESSAGE), end(), "start > wait > end"],
        "start wait end",
        script=[{"message": "paid", "payload": {"number": 8}}],
        variables={"number": 8},
        more=conversation("number"),
    ),
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
    Case(
        "the name of a message is worked out where the token waits",
        [start(), catch("wait", WORKED_OUT), end(), "start > wait > end"],
        "start wait end",
        start={"number": 7},
        script=[{"message": "order-7-paid", "payload": {"sum": 3}}],
        variables={"number": 7, "sum": 3},
        more=NAMED,
    ),
    Case(
        "a message whose worked out name is another finds nobody",
        [start(), catch("wait", WORKED_OUT), end(), "start > wait > end"],
        "start",
        "incident",
        "script_step",
        "order-8-paid",
        start={"number": 7},
        script=[{"message": "order-8-paid"}],
        more=NAMED,
    ),
    Case(
        "the name of a signal is worked out where it is thrown and where it is caught",
        [
            start(),
            tag("parallelGateway", "f"),
            tag("userTask", "u"),
            boundary("b", "u", WORKED_OUT_SIGNAL),
            script("next_one", "number = 8"),
            throw("other", WORKED_OUT_SIGNAL),
            script("first_one", "number = 7"),
            throw("same", WORKED_OUT_SIGNAL),
            end(),
            end("e2"),
            "start > f > u > end",
            "b > e2",
            "f > next_one > other > first_one > same > end",
        ],
        "start f next_one other first_one same b end e2",
        start={"number": 7},
        more=NAMED,
        is_any_order=True,
    ),
    *(
        Case(
            f"a signal to another pool carries {what}",
            [start(), catch("hear", SIGNAL), end(), "start > hear > end"],
            "start s2 set tell e2 hear end",
            variables=brought,
            more=process(
                "q",
                start("s2"),
                script("set", "sum = 3\nname = 'x'"),
                tag("intermediateThrowEvent", "tell", SIGNAL, **said),
                end("e2"),
                "s2 > set > tell > e2",
            ),
            processes=("p", "q"),
        )
        for what, said, brought in SAID
    ),
    Case(
        "a name that variables should give before the process begins is refused",
        [start("start", WORKED_OUT), end(), "start > end"],
        "",
        "refused",
        "expression_foreign",
        "start",
        more=NAMED,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_messages_find_those_they_are_meant_for(case: Case) -> None:
    play(case)
