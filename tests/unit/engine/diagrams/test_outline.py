"""A diagram in words: order, nesting, lanes, conditions; and faulty diagrams are told as far as they go."""

from pathlib import Path
from typing import Final

from drawing_board import event, flow, line, node, process, read

from engine.diagrams.outline import OutlinedNode, as_text, outline

ROOT: Final = Path(__file__).parents[4]


def nodes(body: str, around: str = "") -> dict[str | None, OutlinedNode]:
    found: dict[str | None, OutlinedNode] = {}
    waiting = [*outline(read(process(body, around)))[0].nodes]
    while waiting:
        one = waiting.pop()
        found[one.id] = one
        waiting += [*one.inside, *one.attached]
    return found


def test_nodes_come_in_the_order_of_the_flow_and_not_of_the_file() -> None:
    body = node("endEvent", "c") + node("task", "b") + node("startEvent", "a") + flow("b", "c") + flow("a", "b")

    assert [one.id for one in outline(read(process(body)))[0].nodes] == ["a", "b", "c"]


def test_a_join_comes_after_all_that_leads_to_it_and_a_loop_goes_back() -> None:
    body = (
        line(node("parallelGateway", "fork"), node("task", "left"), node("exclusiveGateway", "join"))
        + node("task", "right")
        + flow("fork", "right")
        + flow("right", "join")
        + flow("join", "fork", key="again")
    )
    found = nodes(body)

    order = sorted(found, key=lambda key: int(found[key].number))
    assert order == ["start", "fork", "left", "right", "join", "end"]
    assert [way.number for way in found["join"].ways if way.flow == "again"] == [found["fork"].number]


def test_ways_tell_condition_default_and_target() -> None:
    body = line(node("exclusiveGateway", "ok", name="Accepted?", default="ok_end")) + node(
        "endEvent", "no", name="Sent back"
    )
    (yes, no) = nodes(body + flow("ok", "no", "decision == 'no'"))["ok"].ways

    assert (yes.is_default, yes.condition) == (True, None)
    assert (no.is_default, no.condition, no.target, no.target_name) == (False, "decision == 'no'", "no", "Sent back")


def test_subprocesses_and_events_on_the_border_are_nested() -> None:
    message = '<bpmn:message id="m" name="cancel"/>'
    edge = node("boundaryEvent", "edge", '<bpmn:messageEventDefinition messageRef="m"/>', attachedToRef="sub")
    body = line(node("subProcess", "sub", node("startEvent", "in") + node("task", "work") + flow("in", "work"))) + edge
    (sub,) = [one for one in outline(read(process(body, message)))[0].nodes if one.id == "sub"]

    assert [one.number for one in sub.inside] == [f"{sub.number}.1", f"{sub.number}.2"]
    assert [(one.id, one.trigger) for one in sub.attached] == [("edge", "message cancel")]


def test_lanes_and_instructions_are_told() -> None:
    lanes = node("laneSet", "l", node("lane", "q", "<bpmn:flowNodeRef>look</bpmn:flowNodeRef>", name="QA"))
    look = node("userTask", "look", "<bpmn:documentation>Look twice.</bpmn:documentation>", name="Look")
    found = nodes(lanes + line(look))

    assert (found["look"].lane, found["look"].instructions) == ("QA", "Look twice.")
    assert found["start"].lane == ""


def test_the_text_reads_line_by_line() -> None:
    timer = "<bpmn:timerEventDefinition><bpmn:timeDuration>P1D</bpmn:timeDuration></bpmn:timerEventDefinition>"
    edge = node("boundaryEvent", "late", timer, attachedToRef="look", name="Too late")
    text = as_text(outline(read(process(line(node("userTask", "look", name="Look")) + edge))))

    assert text.splitlines() == [
        "Process “p”",
        "  1. start (start) → 2 Look",
        "  2. Look (task for a person) → 4 end",
        "    3. Too late (if this happens meanwhile: timer P1D)",
        "  4. end (end)",
    ]


def test_events_attached_in_a_circle_are_told_once() -> None:
    circle = event("boundaryEvent", "a", "error", attachedToRef="b") + event(
        "boundaryEvent", "b", "error", attachedToRef="a"
    )

    assert {"a", "b"} <= set(nodes(line(node("task", "t")) + circle))


def test_flows_that_lead_nowhere_are_told_as_such() -> None:
    (way,) = nodes(node("task", "t") + flow("t", "nobody"))["t"].ways

    assert (way.target, way.number) == (None, "")


def test_two_thousand_nodes_in_a_row_are_told() -> None:
    tasks = [node("task", f"t{number}") for number in range(1_990)]

    assert len(outline(read(process(line(*tasks))))[0].nodes) == 1_992


def test_every_node_of_the_shipped_diagrams_is_told_once() -> None:
    files = sorted((ROOT / "workflows").rglob("*.bpmn"))

    assert files
    for file in files:
        text = as_text(outline(read(file.read_bytes())))
        assert text.count("\n") > 3
