"""Variables: repeated activities, calls with mappings, data associations, pools that talk, and values that stay exact."""

from typing import Final

import pytest
from drawn import CANCELLED, MESSAGE, Case, boundary, catch, end, multiple, play, process, script, start, tag, throw

OVER_ITEMS: Final = multiple("", camunda__collection="items", camunda__elementVariable="item")
IN_A_ROW: Final = multiple("", isSequential="true", camunda__collection="items", camunda__elementVariable="item")
NOTES: Final = "<bpmn:script>seen.append(item)</bpmn:script>"
DATA: Final = (
    '<bpmn:dataObject id="obj1"/><bpmn:dataObjectReference id="ref1" name="price" dataObjectRef="obj1"/>'
    '<bpmn:dataObject id="obj2"/><bpmn:dataObjectReference id="ref2" name="total" dataObjectRef="obj2"/>'
)
BY_DATA: Final = (
    "<bpmn:loopDataInputRef>in1</bpmn:loopDataInputRef><bpmn:loopDataOutputRef>out1</bpmn:loopDataOutputRef>"
    '<bpmn:inputDataItem id="each" name="item"/><bpmn:outputDataItem id="made" name="result"/>'
)
CALLED: Final = process("q", start("in"), script("c", "y = x * 2\nz = 1"), end("out"), "in > c > out")


def linked(inner: str, outer: str) -> str:
    """Inputs and outputs of an activity and the data they are connected with."""
    sets = (
        "<bpmn:inputSet><bpmn:dataInputRefs>in1</bpmn:dataInputRefs></bpmn:inputSet>"
        "<bpmn:outputSet><bpmn:dataOutputRefs>out1</bpmn:dataOutputRefs></bpmn:outputSet>"
    )
    return (
        f'<bpmn:ioSpecification><bpmn:dataInput id="in1" name="{inner}"/><bpmn:dataOutput id="out1" name="{outer}"/>'
        f'{sets}</bpmn:ioSpecification><bpmn:dataInputAssociation id="a1"><bpmn:sourceRef>ref1</bpmn:sourceRef>'
        "<bpmn:targetRef>in1</bpmn:targetRef></bpmn:dataInputAssociation>"
        '<bpmn:dataOutputAssociation id="a2"><bpmn:sourceRef>out1</bpmn:sourceRef><bpmn:targetRef>ref2</bpmn:targetRef>'
        "</bpmn:dataOutputAssociation>"
    )


def one(*parts: str) -> list[str]:
    """A process around the activity `t`."""
    return [start(), *parts, end(), "start > t > end"]


def call(inside: str = "", called: str = "q") -> list[str]:
    """A call activity."""
    extended = f"<bpmn:extensionElements>{inside}</bpmn:extensionElements>" if inside else ""
    return one(tag("callActivity", "t", extended, calledElement=called))


DOUBLING: Final = tag("scriptTask", "t", linked("amount", "answer") + "<bpmn:script>answer = amount * 2</bpmn:script>")
PASSING: Final = tag("task", "t", linked("_in", "_in"))
CASES = (
    Case(
        "empty items in parallel",
        one(tag("scriptTask", "t", OVER_ITEMS + NOTES)),
        "start t t t t end",
        start={"items": [1, None, ""], "seen": []},
        variables={"items": [1, None, ""], "seen": [1, None, ""]},
    ),
    Case(
        "empty items in a row",
        one(tag("scriptTask", "t", IN_A_ROW + NOTES)),
        "start t t t t end",
        start={"items": [1, None, ""], "seen": []},
        variables={"items": [1, None, ""], "seen": [1, None, ""]},
    ),
    Case(
        "no items in a row",
        one(tag("scriptTask", "t", IN_A_ROW + NOTES)),
        "start t end",
        start={"items": [], "seen": []},
        variables={"items": [], "seen": []},
    ),
    Case(
        "instances over a data object, with outputs",
        one(
            DATA,
            tag(
                "scriptTask",
                "t",
                linked("things", "doubles") + multiple(BY_DATA) + "<bpmn:script>result = item * 2</bpmn:script>",
            ),
        ),
        "start t t t end",
        start={"price": [3, 4]},
        variables={"price": [3, 4], "total": [6, 8]},
    ),
    *(
        Case(
            f"completion condition over the outputs, {way}",
            one(
                DATA,
                tag(
                    "scriptTask",
                    "t",
                    linked("things", "doubles")
                    + multiple(
                        f"{BY_DATA}<bpmn:completionCondition>total == [6, 8]</bpmn:completionCondition>",
                        isSequential=sequential,
                    )
                    + "<bpmn:script>result = item * 2</bpmn:script>",
                ),
            ),
            "start t t t end",
            start={"price": [3, 4, 5]},
            variables={"price": [3, 4, 5], "total": [6, 8]},
        )
        for way, sequential in (("in a row", "true"), ("in parallel", "false"))
    ),
    Case(
        "items whose names are no names of variables go by their ids",
        one(
            DATA,
            tag(
                "scriptTask",
                "t",
                linked("things", "doubles")
                + multiple(BY_DATA.replace('"item"', '"one item"').replace('"result"', '"a result"'))
                + "<bpmn:script>made = each * 2</bpmn:script>",
            ),
        ),
        "start t t t end",
        start={"price": [3, 4]},
        variables={"price": [3, 4], "total": [6, 8]},
    ),
    Case(
        "negative number of instances is told",
        one(tag("task", "t", multiple("<bpmn:loopCardinality>n</bpmn:loopCardinality>"))),
        "start",
        "incident",
        "value_refused",
        "t",
        start={"n": -1},
    ),
    Case(
        "completion condition withdraws the others",
        one(
            tag(
                "userTask",
                "t",
                multiple(
                    "<bpmn:loopCardinality>3</bpmn:loopCardinality><bpmn:completionCondition>stop</bpmn:completionCondition>"
                ),
            )
        ),
        "start t t end",
        script=[{"complete": "t", "variables": {"stop": True}}],
        variables={"stop": True},
    ),
    *(
        Case(
            f"{name} in a completion condition",
            one(
                tag(
                    "userTask",
                    "t",
                    multiple(
                        "<bpmn:loopCardinality>4</bpmn:loopCardinality>"
                        f"<bpmn:completionCondition>{name} == {value}</bpmn:completionCondition>"
                    ),
                )
            ),
            trace,
        )
        for name, value, trace in (
            ("numberOfCompletedInstances", 2, "start t t t end"),
            ("numberOfActiveInstances", 1, "start t t t t end"),
            ("numberOfInstances", 4, "start t t end"),
            ("numberOfTerminatedInstances", 1, "start t t t t t end"),
        )
    ),
    *(
        Case(
            f"{name} in a completion condition in a row",
            one(
                tag(
                    "userTask",
                    "t",
                    multiple(
                        "<bpmn:loopCardinality>4</bpmn:loopCardinality>"
                        f"<bpmn:completionCondition>{name} == {value}</bpmn:completionCondition>",
                        isSequential="true",
                    ),
                )
            ),
            trace,
        )
        for name, value, trace in (
            ("numberOfInstances", 2, "start t t t end"),
            ("numberOfActiveInstances", 0, "start t t end"),
            ("numberOfCompletedInstances", 3, "start t t t t end"),
            ("nrOfInstances", 4, "start t t end"),
            ("nrOfActiveInstances", 1, "start t t end"),
            ("nrOfActiveInstances", 0, "start t t t t t end"),
        )
    ),
    Case(
        "assignments work out what goes in and out",
        one(
            DATA,
            tag(
                "scriptTask",
                "t",
                linked("a", "b")
                .replace("</bpmn:targetRef>", "</bpmn:targetRef><bpmn:assignment>{}</bpmn:assignment>")
                .format(
                    "<bpmn:from>price * 2</bpmn:from><bpmn:to>a</bpmn:to>",
                    "<bpmn:from>b * 10</bpmn:from><bpmn:to>ref2</bpmn:to>",
                )
                + "<bpmn:script>b = a + 1</bpmn:script>",
            ),
        ),
        "start t end",
        start={"price": 5},
        variables={"price": 5, "total": 110},
    ),
    Case(
        "assignment without a source",
        one(
            tag(
                "scriptTask",
                "t",
                linked("a", "b")
                .replace("<bpmn:sourceRef>ref1</bpmn:sourceRef>", "")
                .split("<bpmn:dataOutputAssociation")[0]
                .replace(
                    "</bpmn:targetRef>",
                    "</bpmn:targetRef><bpmn:assignment><bpmn:from>21</bpmn:from><bpmn:to>in1</bpmn:to></bpmn:assignment>",
                )
                + "<bpmn:script>b = a * 2</bpmn:script>",
            ),
        ),
        "start t end",
        variables={"b": 42},
    ),
    Case(
        "completion condition begins no more in a row",
        one(
            tag(
                "userTask",
                "t",
                multiple(
                    "<bpmn:loopCardinality>5</bpmn:loopCardinality><bpmn:completionCondition>stop</bpmn:completionCondition>",
                    isSequential="true",
                ),
            )
        ),
        "start t t t end",
        script=[{"complete": "t", "variables": {"stop": False}}, {"complete": "t", "variables": {"stop": True}}],
    ),
    *(
        Case(
            f"standard loop: {name}",
            one(
                tag(
                    "scriptTask",
                    "t",
                    f"<bpmn:standardLoopCharacteristics {attributes}>"
                    + (f"<bpmn:loopCondition>{condition}</bpmn:loopCondition>" if condition else "")
                    + "</bpmn:standardLoopCharacteristics><bpmn:script>n = n + 1</bpmn:script>",
                )
            ),
            f"start {'t ' * (rounds + 1)}end",
            start={"n": n},
            variables={"n": n + rounds},
        )
        for name, attributes, condition, n, rounds in (
            ("while a condition holds", "", "n &lt; 3", 0, 3),
            ("tested before, true", 'testBefore="true"', "n &lt; 3", 0, 3),
            ("tested before, false", 'testBefore="true"', "n &lt; 3", 9, 0),
            ("tested after, false", 'testBefore="false"', "n &lt; 3", 9, 1),
            ("the limit comes first", 'loopMaximum="2"', "n &lt; 9", 0, 2),
            ("a limit of none, tested before", 'testBefore="true" loopMaximum="0"', "", 0, 0),
        )
    ),
    Case(
        "inputs and outputs under other names",
        one(
            DATA, tag("scriptTask", "t", linked("amount", "answer") + "<bpmn:script>answer = amount * 2</bpmn:script>")
        ),
        "start t end",
        start={"price": 4},
        variables={"price": 4, "total": 8},
    ),
    *(
        Case(
            f"data whose name no expression could hold: {source}, {target}",
            one(
                f'<bpmn:dataObject id="d1"/><bpmn:dataObjectReference id="ref1" name="{source}" dataObjectRef="d1"/>'
                f'<bpmn:dataObject id="d2"/><bpmn:dataObjectReference id="ref2" name="{target}" dataObjectRef="d2"/>',
                task,
            ),
            "start t end",
            start={source: 4},
            variables=variables,
        )
        for source, target, task, variables in (
            ("_7", "class", DOUBLING, {"_7": 4, "class": 8}),
            ("from", "_12", DOUBLING, {"from": 4, "_12": 8}),
            ("None", "_12", DOUBLING, {"None": 4, "_12": 8}),
            ("_7", "_8", PASSING, {"_7": 4, "_8": 4}),
        )
    ),
    *(
        Case(
            f"instances over data of the name {name}",
            one(
                f'<bpmn:dataObject id="d1"/><bpmn:dataObjectReference id="ref1" name="{name}" dataObjectRef="d1"/>'
                '<bpmn:dataObject id="d2"/><bpmn:dataObjectReference id="ref2" name="_out" dataObjectRef="d2"/>',
                tag(
                    "scriptTask",
                    "t",
                    linked("things", "doubles") + multiple(BY_DATA) + "<bpmn:script>result = item * 2</bpmn:script>",
                ),
            ),
            "start t t t end",
            start={name: [3, 4]},
            variables={name: [3, 4], "_out": [6, 8]},
        )
        for name in ("_items", "class")
    ),
    Case(
        "inputs hide what has their name only inside",
        one(
            DATA, tag("scriptTask", "t", linked("amount", "answer") + "<bpmn:script>answer = amount * 2</bpmn:script>")
        ),
        "start t end",
        start={"price": 4, "amount": "mine"},
        variables={"price": 4, "amount": "mine", "total": 8},
    ),
    Case(
        "inputs are gone when the activity is interrupted",
        [
            DATA,
            start(),
            tag("userTask", "t", linked("amount", "answer")),
            boundary("b", "t", MESSAGE),
            end(),
            end("e2"),
            "start > t > end",
            "b > e2",
        ],
        "start b e2",
        script=[{"message": "paid"}],
        start={"price": 4},
        variables={"price": 4},
    ),
    Case(
        "inputs and outputs of a called process",
        one(DATA, tag("callActivity", "t", linked("x", "y"), calledElement="q")),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"price": 3},
        variables={"price": 3, "z": 1, "total": 6},
    ),
    Case(
        "mapping of a call activity",
        call('<parcelflow:in source="a + 1" target="x"/><parcelflow:out source="y" target="b"/>'),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"a": 1},
        variables={"a": 1, "b": 4},
    ),
    Case(
        "mapping of a call activity by another tool",
        call('<camunda:in source="a" target="x"/><camunda:out source="y" target="b"/>'),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"a": 1},
        variables={"a": 1, "b": 2},
    ),
    Case(
        "call activity whose process an expression names",
        call(called="${which}"),
        "start in c out t end",
        processes=("p",),
        more=CALLED,
        start={"which": "q", "x": 1},
        variables={"which": "q", "x": 1, "y": 2, "z": 1},
    ),
    Case(
        "call activity whose expression names nothing that is there",
        call(called="=which"),
        "start",
        "incident",
        "value_refused",
        "t",
        processes=("p",),
        more=CALLED,
        start={"which": "nobody"},
    ),
    Case(
        "global task",
        one(tag("callActivity", "t", calledElement="gt")),
        "start gt t end",
        more='<bpmn:globalUserTask id="gt" name="Look at it"/>',
        script=[{"complete": "gt", "variables": {"seen": True}}],
        variables={"seen": True},
    ),
    Case(
        "pools that talk in both directions",
        [start(), throw("order", MESSAGE), catch("reply", CANCELLED), end(), "start > order > reply > end"],
        "start order in back out reply end",
        processes=("p",),
        more=process("q", start("in", MESSAGE), throw("back", CANCELLED), end("out"), "in > back > out"),
        is_any_order=True,
    ),
    Case(
        "pool that is not spoken to stays asleep",
        [start(), end(), "start > end"],
        "start end",
        processes=("p",),
        more=process("q", start("in", MESSAGE), end("out"), "in > out"),
    ),
    Case(
        "nested lanes",
        [
            (
                '<bpmn:laneSet id="ls"><bpmn:lane id="l1" name="Outer"><bpmn:flowNodeRef>t</bpmn:flowNodeRef>'
                '<bpmn:childLaneSet id="cl"><bpmn:lane id="l2" name="Inner"><bpmn:flowNodeRef>t</bpmn:flowNodeRef>'
                "</bpmn:lane></bpmn:childLaneSet></bpmn:lane></bpmn:laneSet>"
            ),
            *one(tag("userTask", "t")),
        ],
        "start t end",
    ),
    Case(
        "money, dates and times stay exact from step to step",
        [
            start(),
            script(
                "a",
                "money = Decimal('1.10')\nday = date(2026, 1, 31)\nat = datetime(2026, 1, 31, 9, 30)\n"
                "clock = time(9, 30)\nspan = timedelta(hours=36)",
            ),
            tag("userTask", "u"),
            script(
                "b",
                "same = [money + Decimal('2.20') == Decimal('3.30'), day + timedelta(days=1) == date(2026, 2, 1),"
                " at - timedelta(hours=10) == datetime(2026, 1, 30, 23, 30), clock == time(9, 30), span.days == 1]\n"
                "money = day = at = clock = span = None",
            ),
            end(),
            "start > a > u > b > end",
        ],
        "start a u b end",
        variables={"same": [True] * 5, "money": None, "day": None, "at": None, "clock": None, "span": None},
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_data_comes_and_goes_as_the_standard_says(case: Case) -> None:
    play(case)
