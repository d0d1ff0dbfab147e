from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from running import a_diagram, a_process, end, gateway, service, start, user

from engine.dry_run.trial import Options
from engine.dry_run.trying import dry_run
from engine.spiff import program


def _pause(span: str) -> str:
    inside = f"<timerEventDefinition><timeDuration>{span}</timeDuration></timerEventDefinition>"
    return f'<intermediateCatchEvent id="pause">{inside}</intermediateCatchEvent>'


TIMED = a_diagram(
    a_process(
        "wait",
        start(),
        _pause("PT1H"),
        end(),
        "begin -> pause",
        "pause -> done",
    )
)


def _run(diagram: bytes, script: Sequence[Mapping[str, Any]] = (), **options: Any) -> tuple[list[str], dict[str, Any]]:
    *events, last = dry_run({"try.bpmn": diagram}, Options(script=script, **options))
    assert last["event"] == "end"
    return [event["node"] for event in events if event["event"] == "completed"], last


def test_what_waits_for_people_completes_empty() -> None:
    nodes, last = _run(
        a_diagram(a_process("p", start(), user("a"), service("b"), end(), "begin -> a", "a -> b", "b -> done"))
    )

    assert nodes == ["begin", "a", "b", "done"]
    assert last["outcome"] == "completed"


def test_the_clock_jumps_to_the_next_timer() -> None:
    *events, last = dry_run({"try.bpmn": TIMED}, Options())

    assert [event["at"] for event in events if event["node"] == "done"] == ["2026-01-01T01:00:00+00:00"]
    assert last["outcome"] == "completed"


def test_holding_leaves_everything_waiting() -> None:
    assert _run(TIMED, hold=True) == (["begin"], _run(TIMED, hold=True)[1] | {"outcome": "waiting"})


def test_advancing_less_than_the_timer_fires_nothing() -> None:
    assert _run(TIMED, [{"advance": "PT59M"}], hold=True)[1]["outcome"] == "waiting"
    assert _run(TIMED, [{"advance": "PT60M"}], hold=True)[1]["outcome"] == "completed"


def test_the_script_decides_at_gateways_and_its_variables_come_out() -> None:
    diagram = a_diagram(
        a_process(
            "p",
            start(),
            user("a"),
            gateway("big", "exclusive", 'default="big_to_small"'),
            user("large"),
            user("small"),
            end(),
            "begin -> a",
            "a -> big",
            "big -> large if amount > 10",
            "big -> small",
            "large -> done",
            "small -> done",
        )
    )

    nodes, last = _run(diagram, [{"complete": "a", "variables": {"amount": 11}}])

    assert nodes == ["begin", "a", "big", "large", "done"]
    assert last["variables"] == {"p": {"amount": 11}}


def test_a_line_that_finds_nothing_waiting_ends_the_run_as_incident() -> None:
    nodes, last = _run(TIMED, [{"complete": "nobody"}])

    assert (last["outcome"], last["code"], last["element"]) == ("incident", "script_step", "nobody")
    assert nodes == ["begin"]


def test_a_line_that_comes_too_late_ends_the_run_with_what_went_wrong_before() -> None:
    diagram = a_diagram(
        a_process(
            "p",
            start(),
            gateway("x", "exclusive"),
            user("a"),
            end(),
            "begin -> x",
            "x -> a if missing > 1",
            "a -> done",
        )
    )

    _, last = _run(diagram, [{"complete": "a"}])

    assert (last["outcome"], last["code"], last["element"]) == ("incident", "variable_missing", "x")


def test_a_service_task_returns_what_the_script_says() -> None:
    diagram = a_diagram(a_process("p", start(), service("s"), end(), "begin -> s", "s -> done"))

    nodes, last = _run(diagram, [{"result": "s", "variables": {"digest": "x"}}])

    assert nodes == ["begin", "s", "done"]
    assert last["variables"]["p"]["digest"] == "x"


def test_an_error_nobody_catches_ends_as_failed_with_its_code() -> None:
    diagram = a_diagram(a_process("p", start(), service("s"), end(), "begin -> s", "s -> done"))

    _, last = _run(diagram, [{"error": "s", "code": "no_paper"}])

    assert (last["outcome"], last["code"]) == ("failed", "no_paper")


def test_messages_travel_between_processes() -> None:
    diagram = a_diagram(
        a_process(
            "sender",
            start(),
            '<intermediateThrowEvent id="send"><messageEventDefinition messageRef="m"/></intermediateThrowEvent>',
            end(),
            "begin -> send",
            "send -> done",
        ),
        a_process(
            "receiver",
            '<startEvent id="come"><messageEventDefinition messageRef="m"/></startEvent>',
            end("gone"),
            "come -> gone",
        ),
        head='<message id="m" name="hello"/>',
    )

    nodes, last = _run(diagram, processes=("sender",), variables={"who": "you"})

    assert nodes == ["begin", "send", "done", "come", "gone"]
    assert last["variables"]["receiver"] == {"who": "you"}


def test_a_diagram_that_cannot_run_is_refused_with_findings() -> None:
    _, last = _run(a_diagram(a_process("p", start(), user("a"), "begin -> nowhere")))

    assert last["outcome"] == "refused"
    assert last["findings"]


def test_findings_are_told_of_what_runs_too() -> None:
    _, last = _run(a_diagram(a_process("p", start(), "<serviceTask id='s'/>", end(), "begin -> s", "s -> done")))

    assert last["outcome"] == "completed"
    assert ("s", "service_without_operation") in {(one["element"], one["code"]) for one in last["findings"]}


def test_several_processes_need_a_choice() -> None:
    one, two = (a_process(key, start(f"begin_{key}"), end(f"end_{key}"), f"begin_{key} -> end_{key}") for key in "pq")

    assert _run(a_diagram(one, two))[1]["code"] == "choose_process"


def test_a_signal_of_one_pool_finds_the_other_one_waiting() -> None:
    sign = '<signalEventDefinition signalRef="s"/>'
    pools = "".join(f'<participant id="pool_{key}" processRef="{key}"/>' for key in "pq")
    throw = f'<intermediateThrowEvent id="tell">{sign}</intermediateThrowEvent>'
    catch = f'<intermediateCatchEvent id="hear">{sign}</intermediateCatchEvent>'
    diagram = a_diagram(
        a_process("p", start("a"), throw, end("b"), "a -> tell", "tell -> b"),
        a_process("q", start("c"), catch, end("d"), "c -> hear", "hear -> d"),
        head=f'<signal id="s" name="alarm"/><collaboration id="both">{pools}</collaboration>',
    )

    nodes, last = _run(diagram, processes=("p", "q"))

    assert (nodes, last["outcome"]) == (["c", "a", "tell", "b", "hear", "d"], "completed")
    assert _run(diagram)[1]["code"] == "choose_process"


@pytest.mark.parametrize(
    "loop",
    [
        ["begin -> a", "a -> again", "again -> a"],
        ["begin -> pause", "pause -> again", "again -> pause"],
    ],
)
def test_a_run_without_end_ends_by_the_limit(loop: list[str]) -> None:
    inner = user("a") if "a -> again" in loop else _pause("PT1S")
    diagram = a_diagram(a_process("p", start(), inner, gateway("again", "exclusive"), *loop))

    _, last = _run(diagram, limit=timedelta(seconds=5))

    assert (last["outcome"], last["code"]) == ("incident", "time_limit")
    assert last["element"] in {"begin", "a", "again", "pause"}


def test_a_loop_without_a_wait_is_an_incident() -> None:
    diagram = a_diagram(
        a_process(
            "p",
            start(),
            gateway("one", "exclusive"),
            gateway("two", "exclusive"),
            "begin -> one",
            "one -> two",
            "two -> one",
        )
    )

    assert _run(diagram)[1]["outcome"] == "incident"


def test_forms_are_not_needed() -> None:
    diagram = a_diagram(
        a_process("p", start(), user("a", more='parcelflow:form="elsewhere"'), end(), "begin -> a", "a -> done")
    )

    assert _run(diagram)[1]["outcome"] == "completed"


@pytest.mark.parametrize(
    "script",
    [
        "while True: pass",
        "x = 'a' * 10**10",
        "x = 9 ** 9 ** 9",
        "def f(): f()\nf()",
        "open('/etc/passwd')",
        "import os; os.system('true')",
    ],
)
def test_a_hostile_script_is_an_incident_in_time(script: str) -> None:
    task = f'<scriptTask id="s" scriptFormat="python"><script><![CDATA[{script}]]></script></scriptTask>'

    _, last = _run(a_diagram(a_process("p", start(), task, end(), "begin -> s", "s -> done")))

    assert last["outcome"] in ("incident", "refused")


ANOTHER = ('<startEvent id="in"/>', '<endEvent id="out"/>', "in -> out")


def test_a_global_task_does_not_begin_by_itself() -> None:
    caller = a_process("p", start(), '<callActivity id="c" calledElement="g"/>', end(), "begin -> c", "c -> done")
    pictures = a_diagram(caller, head='<globalTask id="g"/>').replace(b'isExecutable="true"', b'isExecutable="false"')

    assert _run(pictures)[1]["code"] == "no_executable_process"
    assert _run(pictures, processes=("p",))[1]["outcome"] == "completed"


def test_a_picture_that_another_picture_calls_does_not_begin_by_itself() -> None:
    caller = a_process("p", start(), '<callActivity id="c" calledElement="q"/>', end(), "begin -> c", "c -> done")
    called = a_process("q", *ANOTHER)
    pictures = a_diagram(caller, called).replace(b'isExecutable="true"', b'isExecutable="false"')

    assert _run(pictures)[1]["code"] == "no_executable_process"
    assert _run(pictures, processes=("p",))[0] == ["begin", "in", "out", "c", "done"]
    assert _run(pictures, processes=("q",))[0] == ["in", "out"]


CHOICE = (
    start(),
    gateway("way", "exclusive"),
    end(),
    end("other"),
    "begin -> way",
    "way -> done if a",
    "way -> other if b",
)


@pytest.mark.parametrize(
    ("diagram", "options", "code", "element", "sentence"),
    [
        (a_diagram(a_process("p", *CHOICE)), {}, "variable_missing", "way", "The variable “a” is not set."),
        (TIMED, {"script": [{"complete": "nobody"}]}, "script_step", None, "Nothing waits"),
        (
            a_diagram(a_process("p", start(), end(), "begin -> done"), a_process("q", *ANOTHER)),
            {},
            "choose_process",
            None,
            "p, q",
        ),
        (a_diagram(a_process("p", *CHOICE)), {"processes": ("q",)}, "unknown_process", None, "“q”"),
        (a_diagram(a_process("p")), {}, "unknown_start", None, "no start event"),
        (
            a_diagram(a_process("p", *CHOICE)).replace(b'"true"', b'"false"'),
            {},
            "no_executable_process",
            None,
            "name the one to start",
        ),
    ],
)
def test_a_sentence_says_why_a_run_could_not_go_on(
    diagram: bytes, options: dict[str, Any], code: str, element: str | None, sentence: str
) -> None:
    _, last = _run(diagram, **options)

    (told,) = [one for one in last["findings"] if (one["code"], one["severity"]) == (code, "error")]
    assert (told["file"], told["element"]) == ("try.bpmn", element)
    assert sentence in told["message"]


def test_two_files_with_one_process_are_refused_with_a_sentence() -> None:
    files = {name: a_diagram(a_process("p", start(), end(), "begin -> done")) for name in ("a.bpmn", "b.bpmn")}

    (last,) = dry_run(files, Options())

    assert (last["outcome"], last["code"], last["element"]) == ("refused", "id_not_unique", "p")
    assert "another of these files" in next(one["message"] for one in last["findings"] if one["code"] == last["code"])


def test_what_the_library_refuses_is_a_finding() -> None:
    assert issubclass(program.ValidationException, Exception)
