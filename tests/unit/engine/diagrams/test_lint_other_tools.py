"""Files as other products write them: what means nothing there is no error, and what would be lost is told."""

from typing import Final

import pytest
from drawing_board import codes, flow, line, lint, node, process
from standard_rules_of_data import SCRIPT, elsewhere

from engine.diagrams.laws import LintContext
from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run
from engine.errors import Severity

JBPM: Final = 'xmlns:t="http://www.jboss.org/drools"'
ADONIS: Final = 'xmlns:a="http://www.boc-group.com"'
BONITA: Final = 'xmlns:b="http://www.bonitasoft.org/studio/connector/definition/6.0"'
SPIFF: Final = 'xmlns:w="http://spiffworkflow.org/bpmn/schema/1.0/core"'
SAYS_NOTHING: Final = (
    '<bpmn:conditionExpression xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:type="bpmn:tFormalExpression"/></bpmn:sequenceFlow>'
)
UNSAID: Final = process(line(node("task", "work")).replace("></bpmn:sequenceFlow>", f">{SAYS_NOTHING}"))
OWNER: Final = (
    "<bpmn:{0}><bpmn:resourceAssignmentExpression><bpmn:formalExpression>management</bpmn:formalExpression>"
    "</bpmn:resourceAssignmentExpression></bpmn:{0}>"
)
NO_SETS: Final = '<bpmn:ioSpecification><bpmn:dataInput id="in"/></bpmn:ioSpecification>'
EMPTY: Final = "<bpmn:ioSpecification><bpmn:inputSet/><bpmn:outputSet/></bpmn:ioSpecification>"
TEXT: Final = (
    '<bpmn:ioSpecification><bpmn:dataInput id="in" name="subject"/><bpmn:inputSet><bpmn:dataInputRefs>in</bpmn:dataInputRefs>'
    "</bpmn:inputSet><bpmn:outputSet/></bpmn:ioSpecification><bpmn:dataInputAssociation><bpmn:targetRef>in</bpmn:targetRef>"
    "<bpmn:assignment><bpmn:from>Please look at this, soon</bpmn:from><bpmn:to>in</bpmn:to></bpmn:assignment>"
    "</bpmn:dataInputAssociation>"
)


def of(product: str, diagram: bytes) -> bytes:
    """Put the name space of a product into a file."""
    return diagram.replace(b"<bpmn:definitions ", f"<bpmn:definitions {product} ".encode(), 1)


def severities(diagram: bytes, code: str, context: LintContext | None = None) -> list[Severity]:
    return [one.severity for one in lint(diagram, context) if one.code == code]


@pytest.mark.parametrize(
    ("code", "drawn", "product"),
    [
        ("data_sets", process(line(node("task", "work", NO_SETS))), JBPM),
        ("data_on_subprocess", process(line(node("subProcess", "work", EMPTY))), ADONIS),
        ("expression_empty", UNSAID, BONITA),
        ("script_format", elsewhere(process(line(node("scriptTask", "s", SCRIPT)))), SPIFF),
    ],
)
def test_what_a_product_writes_into_all_its_files_is_only_good_to_know_in_these(
    code: str, drawn: bytes, product: str
) -> None:
    assert severities(drawn, code)[0] is Severity.ERROR
    assert severities(of(product, drawn), code)[0] is Severity.INFO
    assert severities(drawn, code, LintContext(is_to_run=True))[0] is Severity.INFO


def test_a_script_in_a_file_with_attributes_of_ours_need_not_say_its_language() -> None:
    assert codes(process(line(node("scriptTask", "s", SCRIPT)))) == set()


def test_a_text_that_jbpm_assigns_is_no_expression_whatever_the_prefix_of_its_name_space() -> None:
    drawn = process(line(node("task", "work", TEXT)))

    assert codes(drawn) == {"expression_unreadable"}
    assert codes(of(JBPM, drawn)) == {"data_not_followed"}


@pytest.mark.parametrize("role", ["performer", "humanPerformer", "potentialOwner", "resourceRole"])
def test_who_does_a_task_in_the_way_of_the_standard_is_told_not_to_count(role: str) -> None:
    task = node("userTask", "u", OWNER.format(role), name="Look")
    lane = '<bpmn:laneSet id="s"><bpmn:lane id="l" name="Desk"><bpmn:flowNodeRef>u</bpmn:flowNodeRef></bpmn:lane></bpmn:laneSet>'

    assert codes(process(line(task))) == {"performer_ignored"}
    assert codes(process(lane + line(task))) == {"performer_ignored"}


@pytest.mark.parametrize("ours", ["candidateGroups", "assignee"])
def test_who_does_a_task_in_our_way_counts(ours: str) -> None:
    task = node("userTask", "u", OWNER.format("potentialOwner"), name="Look", **{f"parcelflow_{ours}": "qa"})

    assert codes(process(line(task))) == set()


@pytest.mark.parametrize(
    ("definition", "event", "attribute"),
    [
        ("error", "endEvent", "errorCode"),
        ("escalation", "intermediateThrowEvent", "escalationCode"),
    ],
)
@pytest.mark.parametrize("written", ["order-${number}", "=&quot;order-&quot; + number", "#{number}"])
def test_a_code_that_is_an_expression_is_told(definition: str, event: str, attribute: str, written: str) -> None:
    inside = f'<bpmn:{definition}EventDefinition {definition}Ref="d"/>'
    body = line(node("task", "work")) if event == "endEvent" else line(node(event, "throw", inside))
    end = node("endEvent", "throw", inside) + flow("work", "throw") if event == "endEvent" else ""

    def around(text: str) -> bytes:
        return process(body + end, node(definition, "d", **{"name": "n", attribute: text}))

    (found,) = [one for one in lint(around(written)) if one.code == "expression_foreign"]
    assert (found.element, found.severity) == ("d", Severity.ERROR)
    assert "expression_foreign" not in codes(around("order"))


@pytest.mark.parametrize("definition", ["message", "signal"])
@pytest.mark.parametrize("written", ["order-${number}", "=&quot;order-&quot; + number", "#{number}"])
def test_a_name_that_holds_expressions_is_translated(definition: str, written: str) -> None:
    throw = node("intermediateThrowEvent", "throw", f'<bpmn:{definition}EventDefinition {definition}Ref="d"/>')

    (found,) = [one for one in lint(process(line(throw), node(definition, "d", name=written))) if one.element == "d"]

    assert found.code == "expression_translated"


def test_a_name_that_nothing_uses_may_be_anything() -> None:
    assert codes(process(line(node("task", "work")), node("message", "d", name="order-${number}"))) == set()


def test_a_message_that_an_event_names_beside_its_definition_is_not_looked_for() -> None:
    start = node("startEvent", "start", '<bpmn:messageEventDefinition messageRef="m"/>', messageRef="[object Object]")
    drawn = process(start + node("endEvent", "end") + flow("start", "end"), node("message", "m", name="order"))

    assert codes(drawn) == set()


@pytest.mark.parametrize("space", ["http://camunda.org/bpmn", "http://operaton.org/schema/1.0/bpmn"])
def test_name_spaces_that_stand_for_camunda_are_followed(space: str) -> None:
    loop = '<bpmn:multiInstanceLoopCharacteristics o:collection="${items}" o:elementVariable="item"/>'
    drawn = of(
        f'xmlns:o="{space}"',
        process(line(node("userTask", "u", loop, name="Look", o_assignee="kermit", o_skipExpression="${x}"))),
    )

    assert codes(drawn) == {"vendor_translated", "vendor_ignored", "expression_translated"}


@pytest.mark.parametrize("written", ["autocomplete", "getActivityInstanceAttribute('numberOfActiveInstances') == 0"])
def test_an_ad_hoc_subprocess_of_jbpm_ends_when_all_is_done(written: str) -> None:
    inside = node("task", "a") + f"<bpmn:completionCondition>{written}</bpmn:completionCondition>"
    drawn = process(line(node("adHocSubProcess", "case", inside)))

    *_, last = dry_run({"case.bpmn": of(JBPM, drawn)}, Options())
    *_, elsewhere = dry_run({"case.bpmn": drawn}, Options())

    assert (last["outcome"], codes(of(JBPM, drawn))) == ("completed", {"expression_translated"})
    assert elsewhere["outcome"] != "completed"
