"""Rewriting: what comes out can run, what was drawn stays known, and the drawn file is not touched."""

from collections import Counter
from typing import Final

import pytest
from drawing_board import PICTURE, definitions, event, flow, line, node, process, read
from lxml import etree

from engine.diagrams import attributes, vocabulary
from engine.diagrams.normalise import NormalisedDiagram, normalise
from engine.diagrams.vocabulary import FLOW_NODES, bpmn, condition, kind
from engine.errors import DefinitionError

TASK: Final = node("task", "work")


def rewrite(data: bytes) -> NormalisedDiagram:
    return normalise(read(data))


def element(diagram: NormalisedDiagram, key: str) -> etree._Element:
    (found,) = diagram.root.xpath("//*[@id=$key]", key=key)
    return found  # type: ignore[no-any-return]  # lxml's XPath results have no types


def ways(diagram: NormalisedDiagram) -> set[tuple[str, str]]:
    """Give the drawn flows and rewritten ones as pairs of ids."""
    return {(one.get("sourceRef", ""), one.get("targetRef", "")) for one in diagram.root.iter(bpmn("sequenceFlow"))}


def kinds(diagram: NormalisedDiagram) -> Counter[str]:
    return Counter(kind(one) for one in diagram.root.iter(*FLOW_NODES))


def gateway_behind(diagram: NormalisedDiagram, key: str) -> etree._Element:
    (target,) = [target for source, target in ways(diagram) if source == key]
    return element(diagram, target)


def outgoing(diagram: NormalisedDiagram, key: str) -> dict[str, str | None]:
    return {
        one.get("targetRef", ""): condition(one)
        for one in diagram.root.iter(bpmn("sequenceFlow"))
        if one.get("sourceRef") == key
    }


def test_the_drawn_diagram_is_not_changed() -> None:
    diagram = read(process(line(TASK) + flow("work", "start2") + node("task", "start2")))
    before = etree.tostring(diagram.root)

    normalise(diagram)

    assert etree.tostring(diagram.root) == before


def test_what_needs_no_rewriting_stays_as_drawn() -> None:
    diagram = rewrite(process(line(TASK)))

    assert ways(diagram) == {("start", "work"), ("work", "end")}
    assert not diagram.invented
    assert not diagram.renamed


def test_the_picture_is_left_behind() -> None:
    assert "picture" in PICTURE
    assert not rewrite(process(line(TASK))).root.xpath("//*[@id='picture']")


def test_several_flows_out_of_a_task_become_a_parallel_gateway() -> None:
    diagram = rewrite(process(line(TASK) + node("endEvent", "also") + flow("work", "also")))

    gateway = gateway_behind(diagram, "work")
    assert kind(gateway) == "parallelGateway"
    assert set(outgoing(diagram, gateway.get("id", ""))) == {"end", "also"}
    assert diagram.drawn(gateway.get("id", "")) is None


def test_a_gateway_with_several_flows_stays_alone() -> None:
    diagram = rewrite(process(line(node("parallelGateway", "g")) + node("endEvent", "also") + flow("g", "also")))

    assert not diagram.invented


def test_a_condition_on_the_only_flow_becomes_an_inclusive_gateway() -> None:
    diagram = rewrite(process(node("startEvent", "start") + TASK + flow("start", "work", "a > 1")))

    gateway = gateway_behind(diagram, "start")
    assert kind(gateway) == "inclusiveGateway"
    assert outgoing(diagram, gateway.get("id", "")) == {"work": "a > 1"}


def test_flows_that_are_always_taken_get_a_true_condition_beside_conditional_ones() -> None:
    diagram = rewrite(process(line(TASK) + node("endEvent", "also") + flow("work", "also", "a")))

    gateway = gateway_behind(diagram, "work")
    assert outgoing(diagram, gateway.get("id", "")) == {"end": "True", "also": "a"}


def test_a_default_flow_is_not_switched_off_by_flows_that_are_always_taken() -> None:
    body = (
        line(node("task", "work", default="work_otherwise"))
        + node("endEvent", "sometimes")
        + node("endEvent", "otherwise")
    )
    diagram = rewrite(process(body + flow("work", "sometimes", "a") + flow("work", "otherwise")))

    first = gateway_behind(diagram, "work")
    assert kind(first) == "parallelGateway"
    (second,) = set(outgoing(diagram, first.get("id", ""))) - {"end"}
    assert kind(element(diagram, second)) == "inclusiveGateway"
    assert outgoing(diagram, second) == {"sometimes": "a", "otherwise": None}
    assert element(diagram, second).get("default") == "work_otherwise"
    assert element(diagram, "work").get("default") is None


def test_drawn_flows_keep_their_ids_behind_a_new_gateway() -> None:
    diagram = rewrite(process(line(TASK) + node("endEvent", "also") + flow("work", "also")))

    assert {element(diagram, "work_end").tag, element(diagram, "work_also").tag} == {bpmn("sequenceFlow")}
    assert "work_end" not in diagram.invented


def test_links_become_flows() -> None:
    link = '<bpmn:linkEventDefinition name="A"/>'
    body = (
        node("startEvent", "start")
        + node("intermediateThrowEvent", "out", link)
        + node("intermediateThrowEvent", "out_too", link)
        + node("intermediateCatchEvent", "in", link)
        + node("endEvent", "end")
        + flow("start", "out")
        + flow("in", "end")
    )
    diagram = rewrite(process(body))

    assert {("out", "in"), ("out_too", "in")} <= ways(diagram)
    assert diagram.root.find(f".//{bpmn('linkEventDefinition')}") is None
    assert vocabulary.event_kind(element(diagram, "in")) is vocabulary.EventKind.NONE


def test_links_of_different_names_that_name_one_another_become_flows() -> None:
    out = '<bpmn:linkEventDefinition id="o" name="Out"><bpmn:target>tests:i</bpmn:target></bpmn:linkEventDefinition>'
    back = '<bpmn:linkEventDefinition id="i" name="In"><bpmn:source>o</bpmn:source></bpmn:linkEventDefinition>'
    body = (
        node("startEvent", "start")
        + node("intermediateThrowEvent", "out", out)
        + node("intermediateCatchEvent", "in", back)
        + node("endEvent", "end")
    )

    diagram = rewrite(process(body + flow("start", "out") + flow("in", "end")))

    assert ("out", "in") in ways(diagram)


def test_a_link_without_target_is_refused_by_name() -> None:
    link = node("intermediateThrowEvent", "out", '<bpmn:linkEventDefinition name="A"/>', name="Go on")

    with pytest.raises(DefinitionError) as refused:
        rewrite(process(node("startEvent", "start") + link + flow("start", "out")))

    (finding,) = refused.value.findings
    assert (finding.code, finding.element) == ("link_without_target", "out")


def test_references_to_event_definitions_become_copies() -> None:
    reference = "<bpmn:eventDefinitionRef> x:later </bpmn:eventDefinitionRef>"
    later = (
        '<bpmn:timerEventDefinition id="later"><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>'
    )
    events = [node("intermediateCatchEvent", key, reference) for key in ("one", "two")]
    diagram = rewrite(process(line(*events), later))

    found = [element(diagram, key)[0] for key in ("one", "two")]
    assert [vocabulary.child_text(one, "timeDuration") for one in found] == ["PT1H", "PT1H"]
    assert len({one.get("id") for one in found}) == 2
    assert all(diagram.drawn(one.get("id", "")) is None for one in found)


def test_timer_texts_and_expressions_stay_as_written() -> None:
    timer = "<bpmn:timerEventDefinition><bpmn:timeDuration>PT1H</bpmn:timeDuration></bpmn:timerEventDefinition>"
    diagram = rewrite(
        process(line(node("intermediateCatchEvent", "wait", timer)) + flow("wait", "end", "${a}", key="f"))
    )

    assert diagram.root.findtext(f".//{bpmn('timeDuration')}") == "PT1H"
    assert condition(element(diagram, "f")) == "${a}"


def test_a_global_task_becomes_a_process_that_a_call_can_reach() -> None:
    diagram = rewrite(
        process(
            line(node("callActivity", "call", calledElement="look")),
            node("globalUserTask", "look", name="Look", parcelflow_form="review"),
        )
    )

    called = element(diagram, "look")
    assert called.tag == bpmn("process")
    (task,) = called.findall(bpmn("userTask"))
    assert (task.get("name"), attributes.form(task)) == ("Look", "review")
    assert diagram.drawn(task.get("id", "")) == "look"
    assert Counter(kind(one) for one in called)["sequenceFlow"] == 2


def test_ids_that_the_engine_needs_are_renamed_everywhere_and_mapped_back() -> None:
    edge = event("boundaryEvent", "Root", "error", attachedToRef="End")
    body = node("startEvent", "Start") + node("task", "End") + edge + node("endEvent", "p.EndJoin")
    lanes = node("laneSet", "l", node("lane", "m", "<bpmn:flowNodeRef> End </bpmn:flowNodeRef>", name="QA"))
    diagram = rewrite(
        process(
            lanes
            + body
            + flow("Start", "End", key="f1")
            + flow("End", "p.EndJoin", key="f2")
            + flow("Root", "p.EndJoin", key="f3")
        )
    )

    reserved = {"Start", "End", "Root", "p.EndJoin"}
    assert not reserved & {
        str(key) for key in diagram.root.xpath("//@id | //@sourceRef | //@targetRef | //@attachedToRef")
    }
    assert set(diagram.renamed.values()) == reserved
    (lane_member,) = diagram.root.iter(bpmn("flowNodeRef"))
    assert diagram.drawn(str(lane_member.text)) == "End"
    assert {(diagram.drawn(a), diagram.drawn(b)) for a, b in ways(diagram)} == {
        ("Start", "End"),
        ("End", "p.EndJoin"),
        ("Root", "p.EndJoin"),
    }


def test_invented_ids_never_meet_drawn_ones() -> None:
    body = (
        line(TASK)
        + node("endEvent", "also")
        + flow("work", "also")
        + node("task", "work__split")
        + flow("also2", "work__split")
    )
    diagram = rewrite(process(body + node("task", "also2")))
    every = [str(key) for key in diagram.root.xpath("//@id")]

    assert len(every) == len(set(every))
    assert diagram.drawn("work__split") == "work__split"


def test_missing_starts_and_ends_are_added() -> None:
    diagram = rewrite(process(node("task", "a") + node("task", "b") + node("task", "c") + flow("a", "b")))

    assert kinds(diagram) == {"task": 3, "startEvent": 1, "parallelGateway": 1, "endEvent": 2}
    assert {diagram.drawn(one.get("id", "")) for one in diagram.root.iter(bpmn("startEvent"), bpmn("endEvent"))} == {
        None
    }


def test_an_empty_subprocess_is_passed_through() -> None:
    diagram = rewrite(process(line(node("subProcess", "sub"))))

    assert Counter(kind(one) for one in element(diagram, "sub")) == {"startEvent": 1, "endEvent": 1, "sequenceFlow": 1}


def test_what_stands_beside_the_flow_gets_no_start_and_no_end() -> None:
    handler = node("task", "undo", isForCompensation="true")
    watcher = node("subProcess", "watch", event("startEvent", "in", "error"), triggeredByEvent="true")
    diagram = rewrite(process(line(TASK) + handler + watcher))

    assert not {"undo", "watch"} & {key for pair in ways(diagram) for key in pair}
    assert len(element(diagram, "watch").findall(bpmn("endEvent"))) == 1


def test_a_scope_in_which_everything_has_a_predecessor_is_refused() -> None:
    with pytest.raises(DefinitionError) as refused:
        rewrite(process(node("task", "a") + node("task", "b") + flow("a", "b") + flow("b", "a")))

    assert [one.code for one in refused.value.findings] == ["no_start"]


def test_a_receive_task_that_starts_the_process_becomes_a_start_event_and_a_task() -> None:
    receive = node("receiveTask", "r", instantiate="true", messageRef="m", parcelflow_correlationKey="order")
    diagram = rewrite(process(receive, '<bpmn:message id="m" name="M"/>'))

    (start,) = diagram.root.iter(bpmn("startEvent"))
    assert start[0].get("messageRef") == "m"
    assert attributes.correlation_key(start) == "order"
    assert element(diagram, "r").tag == bpmn("task")
    assert (start.get("id"), "r") in ways(diagram)


def test_an_event_gateway_that_starts_the_process_is_marked_and_needs_no_start_event() -> None:
    message = '<bpmn:messageEventDefinition messageRef="m"/>'
    body = (
        node("eventBasedGateway", "g", instantiate="true")
        + node("intermediateCatchEvent", "a", message)
        + node("receiveTask", "b", messageRef="m")
        + flow("g", "a")
        + flow("g", "b")
    )
    diagram = rewrite(process(body, '<bpmn:message id="m" name="M"/>'))

    assert element(diagram, "g").get(vocabulary.rewritten("instantiates"))
    assert not list(diagram.root.iter(bpmn("startEvent")))


def test_an_ad_hoc_subprocess_gets_neither_start_nor_end() -> None:
    tasks = node("task", "a") + node("task", "b")
    diagram = rewrite(process(line(node("adHocSubProcess", "sub", tasks))))

    assert [child.get("id") for child in element(diagram, "sub").iterchildren(bpmn("task"))] == ["a", "b"]
    assert not element(diagram, "sub").findall(bpmn("startEvent")) + element(diagram, "sub").findall(bpmn("endEvent"))


def test_an_ad_hoc_subprocess_with_condition_is_left_alone() -> None:
    inside = f"{TASK}<bpmn:completionCondition>a</bpmn:completionCondition>"
    diagram = rewrite(process(line(node("adHocSubProcess", "sub", inside))))

    assert not diagram.invented


def test_a_start_quantity_collects_tokens_in_front() -> None:
    diagram = rewrite(process(line(node("task", "work", startQuantity="3"))))

    (collector,) = [source for source, target in ways(diagram) if target == "work"]
    assert element(diagram, collector).tag == vocabulary.rewritten("quantityJoin")
    assert element(diagram, collector).get("quantity") == "3"
    assert ("start", collector) in ways(diagram)


def test_a_completion_quantity_multiplies_tokens_behind() -> None:
    diagram = rewrite(process(line(node("task", "work", completionQuantity="3"))))

    fork = gateway_behind(diagram, "work")
    copies = set(outgoing(diagram, fork.get("id", "")))
    (merge,) = {target for source, target in ways(diagram) if source in copies}
    assert len(copies) == 3
    assert (merge, "end") in ways(diagram)


@pytest.mark.parametrize("quantity", ["0", "-1", "many", "1000000", "1.5", "٣"])
def test_other_quantities_are_refused(quantity: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        rewrite(process(line(node("task", "work", startQuantity=quantity))))

    assert [one.code for one in refused.value.findings] == ["token_quantity"]


def test_a_compensation_event_becomes_a_mark_on_its_activity() -> None:
    edge = event("boundaryEvent", "edge", "compensate", attachedToRef="work")
    undo = (
        node("task", "undo", isForCompensation="true") + '<bpmn:association id="a" sourceRef="edge" targetRef="undo"/>'
    )
    diagram = rewrite(process(line(TASK) + edge + undo))

    assert vocabulary.compensated_by(element(diagram, "work")) == "undo"
    assert not diagram.root.xpath("//*[@id='edge']")


def test_a_compensation_event_keeps_its_handler_beside_an_annotation() -> None:
    beside = node("textAnnotation", "note") + '<bpmn:association id="b" sourceRef="edge" targetRef="note"/>'
    edge = event("boundaryEvent", "edge", "compensate", attachedToRef="work")
    undo = (
        node("task", "undo", isForCompensation="true") + '<bpmn:association id="a" sourceRef="edge" targetRef="undo"/>'
    )
    diagram = rewrite(process(line(TASK) + edge + undo + beside))

    assert vocabulary.compensated_by(element(diagram, "work")) == "undo"


def test_a_compensation_event_finds_its_handler_by_an_association_stored_outside_their_subprocess() -> None:
    edge = event("boundaryEvent", "edge", "compensate", attachedToRef="inner")
    inner = node("task", "inner") + edge + node("task", "undo", isForCompensation="true")
    outside = '<bpmn:association id="a" sourceRef="edge" targetRef="undo"/>'
    diagram = rewrite(process(line(node("subProcess", "work", inner)) + outside))

    assert vocabulary.compensated_by(element(diagram, "inner")) == "undo"


def test_no_drawn_file_can_carry_the_marks_of_rewriting() -> None:
    mark = f'xmlns:r="{vocabulary.REWRITTEN}" r:compensatedBy="end"'
    diagram = rewrite(process(line(TASK.replace("<bpmn:task", f"<bpmn:task {mark}"))))

    assert vocabulary.compensated_by(element(diagram, "work")) is None


def test_data_stores_and_associations_are_left_behind() -> None:
    data = '<bpmn:dataInputAssociation id="i"><bpmn:sourceRef>store</bpmn:sourceRef></bpmn:dataInputAssociation>'
    body = line(node("task", "work", data)) + node("dataStoreReference", "store", dataStoreRef="d")
    diagram = rewrite(process(body, node("dataStore", "d")))

    assert not [one for one in diagram.root.iter("*") if kind(one).startswith("data")]


def test_the_collection_of_a_multi_instance_activity_is_named_by_its_variable() -> None:
    loop = (
        "<bpmn:multiInstanceLoopCharacteristics><bpmn:loopDataInputRef>in_1</bpmn:loopDataInputRef>"
        '<bpmn:inputDataItem id="i1" name="order"/></bpmn:multiInstanceLoopCharacteristics>'
    )
    data = (
        '<bpmn:ioSpecification><bpmn:dataInput id="in_1"/></bpmn:ioSpecification>'
        "<bpmn:dataInputAssociation><bpmn:sourceRef>ref_1</bpmn:sourceRef><bpmn:targetRef>in_1</bpmn:targetRef>"
        "</bpmn:dataInputAssociation>"
    )
    objects = node("dataObject", "obj_1", name="orders") + node("dataObjectReference", "ref_1", dataObjectRef="obj_1")
    diagram = rewrite(process(line(node("task", "work", data + loop)) + objects))

    characteristics = vocabulary.loop_of(element(diagram, "work"))
    assert characteristics is not None
    assert attributes.collection(characteristics) == "orders"
    assert attributes.element_variable(characteristics) == "order"


def test_a_flow_stored_outside_its_subprocess_is_moved_into_it() -> None:
    inner = node("startEvent", "in") + node("endEvent", "out")
    diagram = rewrite(process(line(node("subProcess", "sub", inner)) + flow("in", "out")))

    parent = element(diagram, "in_out").getparent()
    assert parent is not None
    assert parent.get("id") == "sub"


def test_references_with_prefixes_are_made_plain() -> None:
    diagram = rewrite(
        process(
            line(node("receiveTask", "r", messageRef="tns:m"), node("callActivity", "c", calledElement="x:other")),
            '<bpmn:message id="m" name="M"/>',
        )
    )

    assert element(diagram, "r").get("messageRef") == "m"
    assert element(diagram, "c").get("calledElement") == "other"


def test_a_process_that_is_only_drawn_beside_the_one_that_runs_is_left_behind() -> None:
    drawn = '<bpmn:process id="other"><bpmn:complexGateway id="g"/></bpmn:process>'
    diagram = rewrite(process(line(TASK), drawn))

    assert [one.get("id") for one in diagram.root.iter(bpmn("process"))] == ["p"]


def test_several_processes_are_rewritten_each_by_itself() -> None:
    body = "".join(
        f'<bpmn:process id="p{n}" isExecutable="true">{node("task", f"t{n}")}</bpmn:process>' for n in range(3)
    )
    diagram = rewrite(definitions(body))

    assert kinds(diagram) == {"task": 3, "startEvent": 3, "endEvent": 3}
