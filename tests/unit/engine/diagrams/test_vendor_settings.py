"""What other products write into a diagram: followed in our words where it can be, named where it has no effect, always kept."""

from collections.abc import Callable
from typing import Final

import pytest
from drawing_board import definitions, line, lint, node, process, read
from lxml import etree

from engine.diagrams import attributes, vocabulary
from engine.diagrams.attributes import Passing
from engine.diagrams.normalise import normalise
from engine.diagrams.vendor_settings import settings, translated
from engine.expressions.language import compile_expression

SPACES: Final = (
    'xmlns:zeebe="http://camunda.org/schema/zeebe/1.0" xmlns:flowable="http://flowable.org/bpmn" '
    'xmlns:activiti="http://activiti.org/bpmn" xmlns:spiffworkflow="http://spiffworkflow.org/bpmn/schema/1.0/core" '
)


def drawn(kind: str, attributes: str = "", inside: str = "") -> bytes:
    """Draw a task with settings of another product."""
    extensions = f"<bpmn:extensionElements>{inside}</bpmn:extensionElements>" if inside else ""
    body = line(node(kind, "t", extensions)).replace('id="t"', f'id="t" {attributes}', 1)
    return process(body).replace(b"<bpmn:definitions ", f"<bpmn:definitions {SPACES}".encode(), 1)


def task(data: bytes) -> etree._Element:
    """Give the task as the engine reads it."""
    root = normalise(read(data)).root
    return next(one for one in root.iter("*") if one.get("id") == "t")


FOLLOWED: Final = [
    ("userTask", 'camunda:assignee="demo"', "", attributes.assignee, "'demo'"),
    ("userTask", 'camunda:assignee="${owner}"', "", attributes.assignee, "(owner) if is_set(owner) else None"),
    (
        "userTask",
        'flowable:assignee="#{order.owner}"',
        "",
        attributes.assignee,
        "(order.owner) if is_set(order.owner) else None",
    ),
    ("userTask", 'activiti:candidateGroups="sales, qa"', "", attributes.candidate_groups, ("sales", "qa")),
    ("userTask", 'camunda:dueDate="P3D"', "", attributes.due_date, "P3D"),
    ("userTask", 'camunda:dueDate="2030-01-31T17:00:00"', "", attributes.due_date, "2030-01-31T17:00:00"),
    ("userTask", 'camunda:priority="70"', "", attributes.priority, "70"),
    ("userTask", 'camunda:formRef="review"', "", attributes.form, "review"),
    ("businessRuleTask", 'camunda:decisionRef="route"', "", attributes.decision, "route"),
    (
        "businessRuleTask",
        "",
        "<spiffworkflow:calledDecisionId> route </spiffworkflow:calledDecisionId>",
        attributes.decision,
        "route",
    ),
    ("businessRuleTask", 'camunda:resultVariable="way"', "", attributes.result_variable, "way"),
    ("callActivity", 'calledElement="q" camunda:calledElementBinding="latest"', "", attributes.binding, "latest"),
    ("callActivity", 'calledElement="q" camunda:calledElementVersion="3"', "", attributes.bound_version, 3),
    (
        "userTask",
        "",
        '<zeebe:assignmentDefinition assignee="=owner"/>',
        attributes.assignee,
        "(owner) if is_set(owner) else None",
    ),
    (
        "userTask",
        "",
        '<zeebe:assignmentDefinition candidateGroups="clerks"/>',
        attributes.candidate_groups,
        ("clerks",),
    ),
    ("userTask", "", '<zeebe:formDefinition formId="review"/>', attributes.form, "review"),
    ("userTask", "", '<zeebe:taskSchedule dueDate="2030-01-31"/>', attributes.due_date, "2030-01-31"),
    ("userTask", "", '<zeebe:priorityDefinition priority="10"/>', attributes.priority, "10"),
    (
        "businessRuleTask",
        "",
        '<zeebe:calledDecision decisionId="route" resultVariable="way"/>',
        attributes.decision,
        "route",
    ),
    ("callActivity", "", '<zeebe:calledElement processId="q"/>', attributes.called_element, "q"),
    ("callActivity", "", '<zeebe:calledElement processId="=which"/>', attributes.called_expression, "=which"),
    (
        "callActivity",
        'calledElement="q"',
        '<camunda:in variables="all"/>',
        attributes.passed_in,
        (Passing("", "", all_variables=True),),
    ),
    (
        "callActivity",
        'calledElement="q"',
        '<camunda:in source="a" target="b"/>',
        attributes.passed_in,
        (Passing("(a) if is_set(a) else None", "b"),),
    ),
    (
        "callActivity",
        'calledElement="q"',
        '<flowable:out sourceExpression="${b + 1}" target="a"/>',
        attributes.passed_out,
        (Passing("(b + 1) if is_set(b) else None", "a"),),
    ),
]
IGNORED: Final = [
    ("userTask", 'camunda:assignee="${bean.owner(task)}"', "", "camunda:assignee (here parcelflow:assignee)"),
    ("userTask", 'camunda:assignee="team-${region}"', "", "camunda:assignee"),
    ("userTask", 'camunda:candidateGroups="sales,${group}"', "", "camunda:candidateGroups"),
    ("userTask", 'camunda:candidateUsers="ann,bob"', "", "camunda:candidateUsers"),
    ("userTask", 'camunda:dueDate="${now()}"', "", "camunda:dueDate"),
    ("userTask", 'camunda:formKey="embedded:app:f.html"', "", "camunda:formKey (here parcelflow:form)"),
    ("userTask", 'flowable:formFieldValidation="true"', "", "flowable:formFieldValidation"),
    ("userTask", "", '<camunda:taskListener event="create" class="x.Y"/>', "camunda:taskListener/@event"),
    ("task", "", '<camunda:executionListener event="start"/>', "camunda:executionListener/@event"),
    ("serviceTask", 'camunda:class="x.Y"', "", "camunda:class (here parcelflow:operation)"),
    ("serviceTask", 'flowable:delegateExpression="${bean}"', "", "flowable:delegateExpression"),
    ("serviceTask", 'camunda:type="external" camunda:topic="mail"', "", "camunda:topic (here parcelflow:operation)"),
    ("serviceTask", 'camunda:asyncBefore="true"', "", "camunda:asyncBefore"),
    (
        "serviceTask",
        "",
        (
            '<camunda:inputOutput><camunda:inputParameter name="a">1</camunda:inputParameter>'
            '<camunda:inputParameter name="b">${a}</camunda:inputParameter></camunda:inputOutput>'
        ),
        "camunda:inputOutput/inputParameter (b)",
    ),
    (
        "userTask",
        "",
        (
            '<camunda:inputOutput><camunda:outputParameter name="a"><camunda:script scriptFormat="groovy">1</camunda:script>'
            "</camunda:outputParameter></camunda:inputOutput>"
        ),
        "camunda:inputOutput/outputParameter (a)",
    ),
    (
        "startEvent",
        "",
        '<camunda:inputOutput><camunda:outputParameter name="a">1</camunda:outputParameter></camunda:inputOutput>',
        "camunda:inputOutput/outputParameter",
    ),
    (
        "callActivity",
        'calledElement="q"',
        '<camunda:out variables="all" local="true"/>',
        "camunda:out (variables all, local true)",
    ),
    ("scriptTask", 'camunda:resultVariable="x"', "", "camunda:resultVariable (here a script task in Python)"),
    ("serviceTask", "", '<zeebe:taskDefinition type="mail" retries="3"/>', "zeebe:taskDefinition/@retries"),
    (
        "serviceTask",
        "",
        '<zeebe:ioMapping><zeebe:input source="=a" target="b.c"/></zeebe:ioMapping>',
        "zeebe:ioMapping/input (b.c) (here parcelflow:input, parcelflow:output)",
    ),
    (
        "serviceTask",
        "",
        (
            '<zeebe:ioMapping><zeebe:input source="1" target="a"/><zeebe:input source="=a" target="b"/>'
            '<zeebe:input target="c"/><zeebe:output source="= +" target="d"/></zeebe:ioMapping>'
        ),
        "zeebe:ioMapping/input (b) (here parcelflow:input, parcelflow:output), zeebe:ioMapping/input (c)",
    ),
    (
        "callActivity",
        'calledElement="q"',
        '<zeebe:ioMapping><zeebe:output source="=a" target="b"/></zeebe:ioMapping>',
        "zeebe:ioMapping/output (b)",
    ),
    ("serviceTask", 'camunda:assignee="demo"', "", "camunda:assignee"),
    (
        "callActivity",
        'calledElement="q"',
        '<camunda:in businessKey="${k}"/>',
        "camunda:in (businessKey ${k}) (here parcelflow:in, parcelflow:out)",
    ),
    ("callActivity", "", '<zeebe:calledElement processId="=which +"/>', "zeebe:calledElement/@processId"),
    (
        "task",
        "",
        (
            "</bpmn:extensionElements><bpmn:multiInstanceLoopCharacteristics><bpmn:extensionElements>"
            '<zeebe:loopCharacteristics inputCollection="=a" outputCollection="b" outputElement="=c + 1"/>'
            "</bpmn:extensionElements></bpmn:multiInstanceLoopCharacteristics><bpmn:extensionElements>"
        ),
        "zeebe:loopCharacteristics/@outputElement (here parcelflow:collection, parcelflow:elementVariable), zeebe:loop",
    ),
    (
        "scriptTask",
        "",
        '<zeebe:script expression="=a +" resultVariable="b"/>',
        "zeebe:script (here a script task in Python)",
    ),
]


@pytest.mark.parametrize(("kind", "attributes", "inside", "ask", "answer"), FOLLOWED, ids=range(len(FOLLOWED)))
def test_a_setting_with_a_counterpart_is_followed(
    kind: str, attributes: str, inside: str, ask: Callable[[etree._Element], object], answer: object
) -> None:
    data = drawn(kind, attributes, inside)

    assert ask(task(data)) == answer
    assert [one.element for one in lint(data) if one.code == "vendor_translated"] == ["t"]


@pytest.mark.parametrize(("kind", "attributes", "inside", "name"), IGNORED, ids=range(len(IGNORED)))
def test_a_setting_without_one_is_named_by_attribute(kind: str, attributes: str, inside: str, name: str) -> None:
    (found,) = [one for one in lint(drawn(kind, attributes, inside)) if one.code == "vendor_ignored"]

    assert found.element == "t"
    assert name in found.message


def test_the_collection_of_another_product_is_looped_over() -> None:
    loop = (
        "<bpmn:multiInstanceLoopCharacteristics><bpmn:extensionElements>"
        '<zeebe:loopCharacteristics inputCollection="=documents" inputElement="one" outputCollection="all"/>'
        "</bpmn:extensionElements></bpmn:multiInstanceLoopCharacteristics>"
    )
    data = drawn("task").replace(b"</bpmn:task>", f"{loop}</bpmn:task>".encode(), 1)
    found = task(data).find(vocabulary.MULTI_INSTANCE)

    assert found is not None
    assert compile_expression(attributes.collection(found) or "").evaluate({"documents": [1, 2]}) == [1, 2]
    assert attributes.element_variable(found) == "one"
    assert any("zeebe:loopCharacteristics/@outputCollection" in one.message for one in lint(data))


@pytest.mark.parametrize(
    ("listed", "payload"),
    [
        ('<camunda:in source="a" target="b"/>', "{'b': (a) if is_set(a) else None}"),
        ('<camunda:in source="a" target="b"/><camunda:in businessKey="${k}"/>', "{'b': (a) if is_set(a) else None}"),
        ('<camunda:in sourceExpression="${a + 1}" target="b"/>', "{'b': (a + 1) if is_set(a) else None}"),
        ('<camunda:in variables="all"/>', None),
        ('<camunda:in variables="all" local="true"/>', None),
        ('<camunda:in variables="all"/><camunda:in source="a" target="b"/>', None),
        ('<camunda:in source="a" target="b"/><camunda:in sourceExpression="${bean.of(a)}" target="c"/>', None),
    ],
)
def test_what_a_thrown_signal_carries_is_followed_as_a_whole(listed: str, payload: str | None) -> None:
    signal = f"<bpmn:signalEventDefinition><bpmn:extensionElements>{listed}</bpmn:extensionElements></bpmn:signalEventDefinition>"
    data = drawn("intermediateThrowEvent").replace(
        b"</bpmn:intermediateThrowEvent>", f"{signal}</bpmn:intermediateThrowEvent>".encode(), 1
    )
    found = [one.message for one in lint(data) if one.code == "vendor_ignored"]

    assert attributes.payload(task(data)) == payload
    is_followed = listed == '<camunda:in variables="all"/>' or (payload is not None and "businessKey" not in listed)
    assert any("camunda:in (" in message for message in found) is not is_followed


def test_instances_of_another_product_leave_no_output() -> None:
    written = '<camunda:inputOutput><camunda:outputParameter name="a">1</camunda:outputParameter></camunda:inputOutput>'
    count = "<bpmn:loopCardinality>2</bpmn:loopCardinality>"
    loop = f"<bpmn:multiInstanceLoopCharacteristics>{count}</bpmn:multiInstanceLoopCharacteristics>"
    data = drawn("task", "", written).replace(b"</bpmn:task>", f"{loop}</bpmn:task>".encode(), 1)

    assert any("outputParameter (a)" in one.message for one in lint(data) if one.code == "vendor_ignored")


@pytest.mark.parametrize("language", ["juel", "python"])
def test_a_script_that_is_too_long_is_not_looked_at_for_its_result(language: str) -> None:
    script = f"<bpmn:script>{'1 + ' * 20_000}1</bpmn:script>"
    data = drawn("scriptTask", f'scriptFormat="{language}" camunda:resultVariable="x"')
    data = data.replace(b"</bpmn:scriptTask>", f"{script}</bpmn:scriptTask>".encode(), 1)

    assert any("camunda:resultVariable" in one.message for one in lint(data) if one.code == "vendor_ignored")


@pytest.mark.parametrize(
    "script",
    [
        "execution.setVariable(name, 1)",
        "execution.setVariable('a b', 1)",
        "execution.setVariable('class', 1)",
        "x = execution.setVariable('a', 1)",
        "execution.setVariable('a', 1); execution.getId()",
        "def f():\n    execution.setVariable('a', 1)\nf()",
        "var a = execution.getVariable('a')",
        f"execution.setVariable('a', {'1 + ' * 4_000}1)",
    ],
)
def test_a_script_that_does_more_with_variables_is_left_as_it_is(script: str) -> None:
    data = drawn("scriptTask").replace(
        b"</bpmn:scriptTask>", f"<bpmn:script>{script}</bpmn:script></bpmn:scriptTask>".encode(), 1
    )

    assert attributes.script_text(task(data)) == script
    assert any("execution.setVariable" in one.message for one in lint(data) if one.code == "vendor_ignored")


def test_ours_counts_where_both_are_given() -> None:
    data = drawn("userTask", 'camunda:assignee="demo" parcelflow:assignee="owner"')

    assert attributes.assignee(task(data)) == "owner"
    assert "vendor_ignored" in {one.code for one in lint(data)}


def test_an_assignment_to_a_variable_that_is_not_set_is_nobody() -> None:
    expression = compile_expression(
        attributes.assignee(task(drawn("userTask", 'camunda:assignee="${order.owner}"'))) or ""
    )

    assert expression.evaluate({}) is None
    assert expression.evaluate({"order": {}}) is None
    assert expression.evaluate({"order": {"owner": "ann"}}) == "ann"


def test_the_file_keeps_what_was_written() -> None:
    diagram = read(drawn("userTask", 'camunda:assignee="demo"'))
    before = etree.tostring(diagram.root)

    assert translated(diagram).data is diagram.data
    assert etree.tostring(diagram.root) == before


def test_a_diagram_without_foreign_settings_is_taken_as_it_is() -> None:
    diagram = read(definitions(""))

    assert translated(diagram) is diagram
    assert not list(settings(diagram.root))
