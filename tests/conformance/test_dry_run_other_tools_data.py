"""Variables as other products move them: into and out of activities, called processes and scripts, tried from end to end."""

from collections.abc import Mapping, Sequence
from typing import Final

import pytest
from drawn import (
    MESSAGE,
    Case,
    boundary,
    catch,
    drawn,
    end,
    file,
    multiple,
    play,
    process,
    script,
    start,
    tag,
    task,
    throw,
)

from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run

ZEEBE: Final = 'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0"'
CALLED: Final = process("q", start("in"), script("c", "y = x * 2"), end("out"), "in > c > out")


def extended(*inside: str) -> str:
    """Draw extension elements."""
    return f"<bpmn:extensionElements>{''.join(inside)}</bpmn:extensionElements>"


def variables(ins: Mapping[str, str] | None = None, outs: Mapping[str, str] | None = None) -> str:
    """Draw the variables that an activity has for itself, and those it leaves."""
    said = [
        f'<camunda:inputParameter name="{name}">{value}</camunda:inputParameter>' for name, value in (ins or {}).items()
    ]
    said += [
        f'<camunda:outputParameter name="{name}">{value}</camunda:outputParameter>'
        for name, value in (outs or {}).items()
    ]
    return f"<camunda:inputOutput>{''.join(said)}</camunda:inputOutput>"


def mapped(*mappings: str) -> str:
    """Draw mappings of Camunda 8, `input: source > target`, and what each element there has as an extension."""
    said = ""
    for mapping in mappings:
        way, _, rest = mapping.partition(": ")
        source, target = rest.rsplit(" > ", 1)
        said += f'<zeebe:{way} source="{source}" target="{target}"/>'
    return f"<zeebe:ioMapping {ZEEBE}>{said}</zeebe:ioMapping>"


def around(activity: str, key: str = "t") -> list[str]:
    """Draw an activity between a start and an end."""
    return [start(), activity, end(), f"start > {key} > end"]


def scripted(text: str, inside: str = "", language: str = "python", **attributes: str) -> list[str]:
    """Draw a script task between a start and an end."""
    written = f"<bpmn:script>{text}</bpmn:script>" if text else ""
    return around(tag("scriptTask", "t", inside + written, scriptFormat=language, **attributes))


def called(*passed: str, also: str = "") -> list[str]:
    """Draw a call between a start and an end."""
    return around(tag("callActivity", "t", extended(also, *passed), calledElement="q"))


LISTED: Final = (
    "<camunda:list><camunda:value>x</camunda:value><camunda:value>${number + 1}</camunda:value></camunda:list>"
)
FEEL: Final = (
    '<zeebe:script xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" resultVariable="b" '
    'expression="=if a &gt; 3 then &quot;much&quot; else null"/>'
)
ANSWERED: Final = (
    '<bpmn:message id="Message_z" name="answered"><bpmn:extensionElements>'
    f'<zeebe:subscription {ZEEBE} correlationKey="=number"/></bpmn:extensionElements></bpmn:message>'
)
INSTANCES: Final = multiple("<bpmn:loopCardinality>3</bpmn:loopCardinality>", isSequential="true")
CASES: Sequence[Case] = (
    Case(
        "a variable of the activity alone, and one that it leaves",
        scripted("b = a + 1", extended(variables({"a": "${price * 2}"}, {"total": "${b * 10}"}))),
        "start t end",
        start={"price": 4},
        variables={"price": 4, "b": 9, "total": 90},
    ),
    Case(
        "a variable of the activity alone hides one of its name",
        scripted("seen = a", extended(variables({"a": "cover"}))),
        "start t end",
        start={"a": "spine"},
        variables={"a": "spine", "seen": "cover"},
    ),
    Case(
        "texts with values in them, lists, entries and nothing",
        around(
            tag(
                "task",
                "t",
                extended(
                    variables(
                        {},
                        {
                            "a": "No ${number}: ${is_late}${nobody}, ${kind}",
                            "b": LISTED,
                            "c": '<camunda:map><camunda:entry key="k">${number}</camunda:entry></camunda:map>',
                            "d": "",
                            "e": "5",
                        },
                    )
                ),
            )
        ),
        "start t end",
        start={"number": 7, "is_late": True, "nobody": None, "kind": "no"},
        variables={
            "number": 7,
            "is_late": True,
            "nobody": None,
            "kind": "no",
            "a": "No 7: true, no",
            "b": ["x", 8],
            "c": {"k": 7},
            "d": None,
            "e": "5",
        },
    ),
    Case(
        "variables of a subprocess",
        around(
            tag(
                "subProcess",
                "t",
                extended(variables({"a": "${price}"}, {"total": "${a}"}))
                + drawn(start("s2"), script("x", "a = a + 1"), end("e2"), "s2 > x > e2"),
            )
        ),
        "start s2 x e2 t end",
        start={"price": 4},
        variables={"price": 4, "total": 5},
    ),
    Case(
        "variables of a service task",
        around(
            tag(
                "serviceTask", "t", extended(variables({"a": "${price}"}, {"total": "${cost + 1}"})), camunda__topic="x"
            )
        ),
        "start t end",
        script=[{"result": "t", "variables": {"cost": 9}}],
        start={"price": 4},
        variables={"price": 4, "cost": 9, "total": 10},
    ),
    Case(
        "each instance has its own variables",
        scripted("log = log + [a]", extended(variables({"a": "${loopCounter * 10}"})) + INSTANCES),
        "start t t t t end",
        start={"log": []},
        variables={"log": [0, 10, 20]},
    ),
    Case(
        "events have variables of their own and leave some",
        [
            start(),
            throw("t", extended(variables({"a": "${price}"}, {"b": "${a + 1}"}))),
            catch("c", extended(variables({}, {"total": "${sum * 2}"})) + MESSAGE),
            end("end", extended(variables({}, {"last": "${total + 1}"}))),
            "start > t > c > end",
        ],
        "start t c end",
        script=[{"message": "paid", "payload": {"sum": 5}}],
        start={"price": 4},
        variables={"price": 4, "b": 5, "sum": 5, "total": 10, "last": 11},
    ),
    Case(
        "an activity that is interrupted leaves nothing",
        [
            start(),
            tag("userTask", "t", extended(variables({"a": "1"}, {"b": "2"}))),
            boundary("m", "t", MESSAGE),
            end(),
            end("e2"),
            "start > t > end",
            "m > e2",
        ],
        "start m e2",
        script=[{"message": "paid"}],
        variables={},
    ),
    Case(
        "a call that passes a text",
        called('<camunda:in sourceExpression="ink" target="x"/>', '<camunda:out sourceExpression="done" target="z"/>'),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        variables={"z": "done"},
    ),
    Case(
        "a call that passes a variable of its own",
        called(
            '<camunda:in source="a" target="x" local="true"/>',
            '<camunda:out source="y" target="z"/>',
            also=variables({"a": "${price + 1}"}),
        ),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"price": 4},
        variables={"price": 4, "z": 10},
    ),
    Case(
        "a call that names only what it passes gets nothing back",
        called('<camunda:in source="a" target="x"/>'),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"a": 4, "y": "mine"},
        variables={"a": 4, "y": "mine"},
    ),
    Case(
        "a call that names only what it gets passes nothing",
        called('<flowable:out source="b" target="z"/>'),
        "start in c out t end",
        processes=("p",),
        more=process("q", start("in"), script("c", "b = 5"), end("out"), "in > c > out"),
        start={"b": 4},
        variables={"b": 4, "z": 5},
    ),
    Case(
        "instances know their number under the name that another tool gives it",
        scripted(
            "log = log + [[number, loopCounter, part]]",
            multiple(
                "",
                isSequential="true",
                flowable__collection="parts",
                flowable__elementVariable="part",
                flowable__elementIndexVariable="number",
            ),
        ),
        "start t t t end",
        start={"log": [], "parts": ["cover", "spine"]},
        variables={"parts": ["cover", "spine"], "log": [[0, 0, "cover"], [1, 1, "spine"]]},
    ),
    Case(
        "instances of Camunda 8 are counted from 1",
        scripted(
            "log = log + [[loopCounter, part]]",
            multiple(
                extended(
                    '<zeebe:loopCharacteristics xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" '
                    'inputCollection="=parts" inputElement="part"/>'
                ),
                isSequential="true",
            ),
        ),
        "start t t t end",
        start={"log": [], "parts": ["cover", "spine"]},
        variables={"parts": ["cover", "spine"], "log": [[1, "cover"], [2, "spine"]]},
    ),
    Case(
        "a task of Camunda 8 has variables of its own, and of its results only the outputs go further",
        around(
            tag(
                "userTask",
                "t",
                extended(
                    mapped(
                        "input: =price * 2 > a",
                        "input: 20 > limit",
                        "input: POST > method",
                        "input: =customer.name > name",
                        "output: =a + found + limit > total",
                        "output: =[method, name] > told",
                    )
                ),
            )
        ),
        "start t end",
        script=[{"complete": "t", "variables": {"found": 3, "price": 1, "a": 5}}],
        start={"price": 4},
        variables={"price": 4, "total": 28, "told": ["POST", None]},
    ),
    Case(
        "a task of Camunda 8 without outputs hands all its results on, and keeps its inputs",
        around(tag("serviceTask", "t", extended(mapped("input: =price * 2 > a")))),
        "start t end",
        script=[{"result": "t", "variables": {"found": 3, "price": 1}}],
        start={"price": 4, "a": 0},
        variables={"price": 1, "a": 0, "found": 3},
    ),
    Case(
        "events and scripts of Camunda 8 hand on what they map",
        [
            start(),
            catch("c", extended(mapped("output: =sum * 2 > total")) + MESSAGE),
            tag(
                "scriptTask",
                "t",
                extended(
                    f'<zeebe:script {ZEEBE} resultVariable="b" expression="=total + 1"/>', mapped("output: =b * 10 > c")
                ),
            ),
            end(),
            "start > c > t > end",
        ],
        "start c t end",
        script=[{"message": "paid", "payload": {"sum": 5, "sender": "x"}}],
        start={"sum": 1},
        variables={"sum": 1, "total": 10, "c": 110},
    ),
    Case(
        "a variable of a subprocess of Camunda 8 is its own",
        around(
            tag(
                "subProcess",
                "t",
                extended(mapped("input: =price > a", "output: =a > total"))
                + drawn(start("s2"), script("x", "a = a + 1"), end("e2"), "s2 > x > e2"),
            )
        ),
        "start s2 x e2 t end",
        start={"price": 4},
        variables={"price": 4, "total": 5},
    ),
    Case(
        "instances of Camunda 8 fill a collection",
        scripted(
            "price = len(part)",
            multiple(
                extended(
                    f'<zeebe:loopCharacteristics {ZEEBE} inputCollection="=parts" inputElement="part" '
                    'outputCollection="prices" outputElement="=price"/>'
                ),
                isSequential="true",
            ),
        ),
        "start t t t end",
        start={"parts": ["cover", "book"]},
        variables={"parts": ["cover", "book"], "prices": [5, 4]},
    ),
    Case(
        "a receiver of Camunda 8 whose correlation key is not set stops",
        [start(), catch("c", '<bpmn:messageEventDefinition messageRef="Message_z"/>'), end(), "start > c > end"],
        "start",
        "incident",
        "variable_missing",
        "c",
        more=ANSWERED,
    ),
    Case(
        "a call whose process an expression of Camunda 8 names",
        around(
            tag(
                "callActivity",
                "t",
                extended('<zeebe:calledElement xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" processId="=which"/>'),
            )
        ),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"which": "q", "x": 4},
    ),
    Case(
        "a script whose last value goes to a variable",
        scripted("b = a * 2\nb + 1", camunda__resultVariable="total"),
        "start t end",
        start={"a": 4},
        variables={"a": 4, "b": 8, "total": 9},
    ),
    Case(
        "a script in another language that reads the same",
        scripted("a + b", language="javascript", flowable__resultVariable="total"),
        "start t end",
        start={"a": 4, "b": 3},
        variables={"a": 4, "b": 3, "total": 7},
    ),
    Case(
        "a script that gets and sets variables as the other tool does",
        scripted(
            'if execution.getVariable("a") &gt; 3:\n    execution.setVariable("b", execution.getVariable(\'a\') * 2)\n'
            'execution.setVariable("c", a); b',
            camunda__resultVariable="total",
        ),
        "start t end",
        start={"a": 4},
        variables={"a": 4, "b": 8, "c": 4, "total": 8},
    ),
    Case(
        "a script that gets variables in another way is told when it runs",
        scripted("b = execution.getVariables()"),
        "start",
        "incident",
        "expression_failed",
        "t",
    ),
    Case(
        "a script that is a JUEL expression",
        scripted("#{order.number + 1}", language="juel", camunda__resultVariable="next"),
        "start t end",
        start={"order": {"number": 4}},
        variables={"order": {"number": 4}, "next": 5},
    ),
    Case(
        "a script that is a number in JUEL, repeated",
        scripted("0", INSTANCES, language="juel", camunda__resultVariable="n"),
        "start t t t t end",
        variables={"n": 0},
    ),
    Case(
        "a script that is a FEEL expression",
        scripted(
            "",
            extended(FEEL),
        ),
        "start t end",
        start={"a": 4},
        variables={"a": 4, "b": "much"},
    ),
    Case(
        "conditions, scripts and variables of an activity know the time of the step",
        [
            start(),
            tag("exclusiveGateway", "g", default="Flow_g_late"),
            tag(
                "scriptTask",
                "t",
                extended(FEEL.replace("if a &gt; 3 then &quot;much&quot; else null", "string(today())")),
            ),
            tag("task", "d", extended(variables({}, {"on": "${now == null ? 1 : 2}"}))),
            end(),
            end("late"),
            "start > g > late",
            "g > t if =now() &lt; date and time(&quot;2026-01-02T00:00:00Z&quot;)",
            "t > d > end",
        ],
        "start g t d end",
        variables={"b": "2026-01-01", "on": 2},
    ),
    Case(
        "a script that is a JUEL expression fails like any other",
        scripted("${order.number}", language="juel", camunda__resultVariable="next"),
        "start",
        "incident",
        "variable_missing",
        "t",
    ),
    Case(
        "a JUEL script whose result goes nowhere is refused",
        scripted("#{bean.save()}", language="juel"),
        "",
        "refused",
        "script_unreadable",
        "t",
    ),
    Case(
        "a script that is indented as a whole",
        scripted("\n    a = 1\n    if a == 1:\n        a = 2\n  "),
        "start t end",
        variables={"a": 2},
    ),
    Case(
        "a condition in another file is refused",
        [
            start(),
            task("a"),
            end(),
            "start > a",
            (
                '<bpmn:sequenceFlow id="f" sourceRef="a" targetRef="end"><bpmn:conditionExpression '
                'xsi:type="bpmn:tFormalExpression" language="groovy" camunda:resource="deployment://left.groovy"/></bpmn:sequenceFlow>'
            ),
        ],
        "",
        "refused",
        "expression_foreign",
        "f",
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_data_moves_as_in_the_tool_that_drew_it(case: Case) -> None:
    play(case)


def table(policy: str, outputs: Sequence[str], *rules: Sequence[str]) -> bytes:
    """Draw a decision table whose rules always match, with their output cells."""
    columns = "".join(f'<output id="o_{name}" name="{name}"/>' for name in outputs)
    rows = "".join(
        f'<rule id="r{number}"><inputEntry id="i{number}"><text/></inputEntry>'
        + "".join(f'<outputEntry id="e{number}_{n}"><text>{cell}</text></outputEntry>' for n, cell in enumerate(cells))
        + "</rule>"
        for number, cells in enumerate(rules)
    )
    return (
        '<definitions xmlns="https://www.omg.org/spec/DMN/20191111/MODEL/" id="d" name="d" namespace="n">'
        f'<decision id="way" name="Way"><decisionTable id="t" hitPolicy="{policy}">'
        f'<input id="in"><inputExpression id="ie"><text>a</text></inputExpression></input>{columns}{rows}'
        "</decisionTable></decision></definitions>"
    ).encode()


ONE: Final = table("UNIQUE", ["out"], ['"fast"'])
TWO: Final = table("UNIQUE", ["out", "days"], ['"fast"', "3"])
SEVERAL: Final = table("RULE ORDER", ["out"], ['"fast"'], ['"slow"'])


@pytest.mark.parametrize(
    ("said", "decision", "result"),
    [
        ("singleEntry", ONE, "fast"),
        ("singleEntry", table("UNIQUE", ["out"]), None),
        ("singleResult", ONE, {"out": "fast"}),
        ("singleResult", TWO, {"out": "fast", "days": 3}),
        ("collectEntries", SEVERAL, ["fast", "slow"]),
        ("collectEntries", ONE, ["fast"]),
        ("resultList", TWO, [{"out": "fast", "days": 3}]),
        ("resultList", SEVERAL, [{"out": "fast"}, {"out": "slow"}]),
        ("", ONE, [{"out": "fast"}]),
        ("", table("UNIQUE", ["out"]), []),
    ],
)
def test_a_decision_is_taken_in_the_shape_that_the_other_tool_gives_it(
    said: str, decision: bytes, result: object
) -> None:
    shape = {"camunda__mapDecisionResult": said} if said else {}
    rule = tag("businessRuleTask", "t", camunda__decisionRef="way", camunda__resultVariable="r", **shape)

    *_, last = dry_run({"tool.bpmn": file(process("p", *around(rule))), "t.dmn": decision}, Options(variables={"a": 1}))

    assert (last["outcome"], last["variables"]["p"]) == ("completed", {"a": 1, "r": result})


@pytest.mark.parametrize(
    ("said", "decision"), [("singleEntry", SEVERAL), ("singleEntry", TWO), ("singleResult", SEVERAL)]
)
def test_more_than_the_shape_holds_is_an_incident(said: str, decision: bytes) -> None:
    rule = tag(
        "businessRuleTask",
        "t",
        camunda__decisionRef="way",
        camunda__resultVariable="r",
        camunda__mapDecisionResult=said,
    )

    *_, last = dry_run({"tool.bpmn": file(process("p", *around(rule))), "t.dmn": decision}, Options(variables={"a": 1}))

    assert (last["outcome"], last["element"]) == ("incident", "t")


def test_a_decision_of_camunda_8_gives_one_output_as_its_value() -> None:
    called_decision = (
        '<zeebe:calledDecision xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" decisionId="way" resultVariable="r"/>'
    )
    rule = tag("businessRuleTask", "t", extended(called_decision))
    files = {"tool.bpmn": file(process("p", *around(rule)))}

    results = [[*dry_run(files | {"t.dmn": one}, Options(variables={"a": 1}))][-1] for one in (ONE, TWO)]

    assert [last["variables"]["p"]["r"] for last in results] == ["fast", {"out": "fast", "days": 3}]
