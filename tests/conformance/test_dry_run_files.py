"""What other tools put into a file, tried from end to end: trace, order, outcome and variables as the standard says."""

import pytest
from drawn import MESSAGE, Case, end, play, process, start, tag, task, throw

CASES = (
    Case(
        "odd ids",
        [start("start-1.x_é"), tag("userTask", "_9b-task.ü"), end("end-α"), "start-1.x_é > _9b-task.ü > end-α"],
        "start-1.x_é _9b-task.ü end-α",
    ),
    Case(
        "ids as the library's own words",
        [start("Start"), task("Root"), end("End"), "Start > Root > End"],
        "Start Root End",
    ),
    Case(
        "assigned by another tool",
        [
            start(),
            tag(
                "userTask",
                "u",
                camunda__assignee="${owner}",
                camunda__candidateGroups="sales,${group}",
                camunda__dueDate="${now()}",
                camunda__formKey="embedded:app:f.html",
            ),
            end(),
            "start > u > end",
        ],
        "start u end",
        start={"owner": "ann"},
    ),
    Case(
        "data objects and stores",
        [
            start(),
            tag(
                "userTask",
                "u",
                '<bpmn:dataOutputAssociation id="doa"><bpmn:targetRef>dor</bpmn:targetRef></bpmn:dataOutputAssociation>',
            ),
            end(),
            "start > u > end",
            (
                '<bpmn:dataObject id="do"/><bpmn:dataObjectReference id="dor" dataObjectRef="do"/>'
                '<bpmn:dataStoreReference id="dsr" name="db"/>'
            ),
        ],
        "start u end",
    ),
    Case(
        "artifacts",
        [
            start(),
            end(),
            "start > end",
            (
                '<bpmn:textAnnotation id="ta"><bpmn:text>hm</bpmn:text></bpmn:textAnnotation>'
                '<bpmn:association id="as" sourceRef="start" targetRef="ta"/><bpmn:group id="g"/>'
            ),
        ],
        "start end",
    ),
    Case(
        "listeners and properties",
        [
            start(),
            tag(
                "task",
                "t",
                '<bpmn:extensionElements><camunda:executionListener class="x.Y" event="start"/><camunda:properties>'
                '<camunda:property name="a" value="b"/></camunda:properties></bpmn:extensionElements>',
                camunda__asyncBefore="true",
            ),
            end(),
            "start > t > end",
        ],
        "start t end",
    ),
    Case(
        "elements named by their type",
        [
            start(),
            (
                '<bpmn:flowElement xsi:type="bpmn:tUserTask" id="u"><bpmn:loopCharacteristics '
                'xsi:type="bpmn:tMultiInstanceLoopCharacteristics" isSequential="true">'
                "<bpmn:loopCardinality>2</bpmn:loopCardinality></bpmn:loopCharacteristics></bpmn:flowElement>"
            ),
            (
                '<bpmn:flowElement xsi:type="bpmn:tIntermediateCatchEvent" id="c"><bpmn:eventDefinition '
                'xsi:type="bpmn:tTimerEventDefinition"><bpmn:timeDuration>PT1H</bpmn:timeDuration>'
                "</bpmn:eventDefinition></bpmn:flowElement>"
            ),
            end(),
            '<bpmn:flowElement xsi:type="bpmn:tSequenceFlow" id="f" sourceRef="start" targetRef="u"/>',
            "u > c > end",
        ],
        "start u u u c end",
    ),
    Case("two plain starts", [start(), start("other"), end(), end("e2"), "start > end", "other > e2"], "start end"),
    Case("unreachable node", [start(), task("lost"), end(), "start > end", "lost > end"], "start end"),
    Case(
        "two pools",
        [start(), throw("order", MESSAGE), end(), "start > order > end"],
        "start order end in took out",
        processes=("p",),
        more=process("q", start("in", MESSAGE), task("took"), end("out"), "in > took > out"),
        is_any_order=True,
    ),
    Case(
        "two pools both named",
        [start(), throw("order", MESSAGE), end(), "start > order > end"],
        "start order end in took out",
        processes=("p", "q"),
        more=process("q", start("in", MESSAGE), task("took"), end("out"), "in > took > out"),
        is_any_order=True,
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_files_run_as_the_standard_says(case: Case) -> None:
    play(case)
