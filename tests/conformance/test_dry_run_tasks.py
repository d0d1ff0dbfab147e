"""Tasks of all kinds, tried from end to end: trace, order, outcome and variables as the standard says."""

import pytest
from drawn import ANY_ERROR, ERROR, FAILING, OTHER_ERROR, Case, boundary, end, play, script, start, sub, tag, task

CASES = (
    Case("sequence", [start(), task("a", "b"), end(), "start > a > b > end"], "start a b end"),
    Case("no end event", [start(), task("a"), "start > a"], "start a"),
    Case(
        "manual and user task",
        [start(), tag("manualTask", "m"), tag("userTask", "u"), end(), "start > m > u > end"],
        "start m u end",
    ),
    Case("service without operation", [start(), tag("serviceTask", "s"), end(), "start > s > end"], "start s end"),
    Case(
        "service of Camunda",
        [start(), tag("serviceTask", "s", camunda__class="org.example.Work"), end(), "start > s > end"],
        "start s end",
    ),
    Case(
        "service of Camunda 8",
        [
            start(),
            tag(
                "serviceTask",
                "s",
                "<bpmn:extensionElements>"
                '<zeebe:taskDefinition xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" type="work"/></bpmn:extensionElements>',
            ),
            end(),
            "start > s > end",
        ],
        "start s end",
    ),
    Case(
        "service of Flowable",
        [start(), tag("serviceTask", "s", flowable__expression="${bean.work()}"), end(), "start > s > end"],
        "start s end",
    ),
    Case(
        "service with result",
        [start(), tag("serviceTask", "s"), end(), "start > s > end"],
        "start s end",
        script=[{"result": "s", "variables": {"x": 4}}],
        variables={"x": 4},
    ),
    Case(
        "service with outputs and no result",
        [
            start(),
            tag(
                "serviceTask",
                "s",
                '<bpmn:extensionElements><parcelflow:input name="a" expression="missing"/>'
                '<parcelflow:output name="digest" expression="result.digest"/></bpmn:extensionElements>',
                parcelflow__operation="seal",
            ),
            end(),
            "start > s > end",
        ],
        "start s end",
        variables={"digest": None},
    ),
    Case(
        "service with outputs and a result",
        [
            start(),
            tag(
                "serviceTask",
                "s",
                '<bpmn:extensionElements><parcelflow:output name="digest" expression="result.sum"/></bpmn:extensionElements>',
                parcelflow__operation="seal",
            ),
            end(),
            "start > s > end",
        ],
        "start s end",
        script=[{"result": "s", "variables": {"sum": "x"}}],
        variables={"digest": "x"},
    ),
    Case(
        "business rule without table",
        [start(), tag("businessRuleTask", "r"), end(), "start > r > end"],
        "start r end",
    ),
    Case(
        "business rule with foreign table",
        [start(), tag("businessRuleTask", "r", camunda__decisionRef="dish"), end(), "start > r > end"],
        "start r end",
    ),
    Case(
        "business rule whose table is missing",
        [
            start(),
            tag("businessRuleTask", "r", parcelflow__decision="dish", parcelflow__resultVariable="d"),
            end(),
            "start > r > end",
        ],
        "start r end",
    ),
    Case(
        "business rule that is told",
        [start(), tag("businessRuleTask", "r"), end(), "start > r > end"],
        "start r end",
        script=[{"result": "r", "variables": {"d": 1}}],
        variables={"d": 1},
    ),
    Case(
        "unknown group, form and status",
        [
            start(),
            tag(
                "userTask", "u", parcelflow__candidateGroups="nobody", parcelflow__form="none", parcelflow__status="odd"
            ),
            end(),
            "start > u > end",
        ],
        "start u end",
    ),
    Case(
        "script",
        [start(), script("s", "x = 2\ny = x * 3"), end(), "start > s > end"],
        "start s end",
        variables={"x": 2, "y": 6},
    ),
    Case(
        "script with variables",
        [start(), script("s", "y = x + 1"), end(), "start > s > end"],
        "start s end",
        start={"x": 1},
        variables={"x": 1, "y": 2},
    ),
    Case(
        "script that divides by zero",
        [start(), script("s", "x = 1 / 0"), end(), "start > s > end"],
        "start",
        "incident",
        element="s",
    ),
    Case(
        "script throws and is caught",
        [
            start(),
            script("s", "throw_bpmn_error('no_paper', 'none left')"),
            boundary("b", "s", ERROR),
            task("buy"),
            end(),
            end("end2"),
            "start > s > end",
            "b > buy > end2",
        ],
        "start b buy end2",
    ),
    Case(
        "script throws and nobody catches",
        [
            start(),
            script("s", "throw_bpmn_error('no_paper')"),
            boundary("b", "s", OTHER_ERROR),
            end(),
            end("end2"),
            "start > s > end",
            "b > end2",
        ],
        "start",
        "failed",
        "no_paper",
        "s",
    ),
    Case(
        "told error is caught by code",
        [
            start(),
            tag("serviceTask", "s"),
            boundary("b", "s", ERROR),
            boundary("c", "s", ANY_ERROR),
            end(),
            end("e2"),
            end("e3"),
            "start > s > end",
            "b > e2",
            "c > e3",
        ],
        "start b e2",
        script=[{"error": "s", "code": "no_paper"}],
    ),
    Case(
        "told error is caught by the rest",
        [
            start(),
            tag("serviceTask", "s"),
            boundary("b", "s", ERROR),
            boundary("c", "s", ANY_ERROR),
            end(),
            end("e2"),
            end("e3"),
            "start > s > end",
            "b > e2",
            "c > e3",
        ],
        "start c e3",
        script=[{"error": "s", "code": "other"}],
    ),
    Case(
        "told error is caught nowhere",
        [start(), tag("serviceTask", "s"), end(), "start > s > end"],
        "start",
        "failed",
        "E7",
        "s",
        script=[{"error": "s", "code": "E7"}],
    ),
    Case(
        "error goes through two levels",
        [
            start(),
            sub("outer", start("s1"), sub("sub", *FAILING), end("e1"), "s1 > sub > e1"),
            boundary("b", "outer", ERROR),
            end(),
            end("e3"),
            "start > outer > end",
            "b > e3",
        ],
        "start s1 s2 broken b e3",
    ),
    Case(
        "user task told",
        [start(), tag("userTask", "u"), end(), "start > u > end"],
        "start u end",
        script=[{"complete": "u", "variables": {"a": [1, {"b": None}], "c": 1.5}}],
        variables={"a": [1, {"b": None}], "c": 1.5},
    ),
    Case(
        "user task told twice",
        [start(), tag("userTask", "u"), end(), "start > u > end"],
        "start u end",
        "incident",
        "script_step",
        "u",
        script=[{"complete": "u"}, {"complete": "u"}],
    ),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "_"))
def test_tasks_run_as_the_standard_says(case: Case) -> None:
    play(case)
