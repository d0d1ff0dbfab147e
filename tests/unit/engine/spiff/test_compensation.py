"""What was completed is undone in the opposite order, once, and only if somebody throws."""

import pytest
from oracle.drawing import boundary, chain, end, gateway, none, script, start, subprocess, throwing, user, when
from oracle.play import Play

from engine.errors import DefinitionError
from engine.steps import ExecutionState

COMPENSATE = "<compensateEventDefinition/>"
CANCEL = "<cancelEventDefinition/>"


def undoable(key: str, inner: str = "") -> str:
    """Draw a script with a handler that undoes it."""
    return (
        script(key, f"v = '{key}'", inner)
        + boundary(f"b{key}", key, COMPENSATE)
        + f'<scriptTask id="c{key}" isForCompensation="true"><script>log.append("{key}")</script></scriptTask>'
        + f'<association id="as{key}" sourceRef="b{key}" targetRef="c{key}"/>'
    )


def test_handlers_run_newest_first_through_subprocesses() -> None:
    inner = start("ps") + undoable("a2") + undoable("a3") + chain("ps", "a2", "a3")
    body = start() + undoable("a1") + subprocess("sp", inner) + undoable("a4") + throwing("th", COMPENSATE) + none("z")

    play = Play(body + chain("st", "a1", "sp", "a4", "th", "z"), {"log": []})

    assert play.passed("ca1", "ca2", "ca3", "ca4", "th", "z") == ["ca4", "ca3", "ca2", "ca1", "th", "z"]
    assert play.variables["log"] == ["a4", "a3", "a2", "a1"]
    assert play.step.state is ExecutionState.COMPLETED


def test_nothing_is_undone_twice() -> None:
    body = start() + undoable("a1") + throwing("t1", COMPENSATE) + throwing("t2", COMPENSATE)

    assert Play(body + chain("st", "a1", "t1", "t2"), {"log": []}).passed("ca1", "t2") == ["ca1", "t2"]


def test_nothing_thrown_nothing_undone() -> None:
    body = start() + undoable("a1") + gateway("exclusive", "x", default="x_en") + throwing("th", COMPENSATE) + end()

    play = Play(body + chain("st", "a1", "x", "en") + when("x", "th", "False"), {"log": []})

    assert play.passed("ca1", "th") == []
    assert play.step.state is ExecutionState.COMPLETED


def test_one_activity_may_be_named() -> None:
    body = start() + undoable("a1") + undoable("a2") + throwing("th", '<compensateEventDefinition activityRef="a1"/>')
    body += throwing("rest", COMPENSATE)

    play = Play(body + chain("st", "a1", "a2", "th", "rest"), {"log": []})

    assert play.variables["log"] == ["a1", "a2"]


def test_a_handler_may_wait_for_a_person() -> None:
    body = (
        start() + none("a") + boundary("b", "a", COMPENSATE) + '<userTask id="h" isForCompensation="true"/>' + user("z")
    )
    body += '<association id="as" sourceRef="b" targetRef="h"/>' + throwing("th", COMPENSATE)
    play = Play(body + chain("st", "a", "th", "z"), {"x": 1})

    assert play.open == ["h"]
    play.do("h", refund=5)

    assert play.open == ["z"]
    assert play.variables == {"x": 1, "refund": 5}


def test_every_instance_is_undone_and_knows_its_number() -> None:
    loop = "<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics>"
    body = (
        start()
        + none("z")
        + f'<task id="a">{loop}</task>'
        + boundary("b", "a", COMPENSATE)
        + throwing("th", COMPENSATE)
    )
    body += '<scriptTask id="h" isForCompensation="true"><script>log.append(loopCounter)</script></scriptTask>'
    body += '<association id="as" sourceRef="b" targetRef="h"/>'

    play = Play(body + chain("st", "a", "th", "z"), {"log": []})

    assert play.variables == {"log": [2, 1, 0]}


TRANSACTION = (
    start("ps")
    + undoable("a2")
    + undoable("a3")
    + gateway("parallel", "f")
    + user("u", "o")
    + gateway("exclusive", "x", default="x_pe")
    + end("pe")
    + end("ce", CANCEL)
    + chain("ps", "a2", "a3", "f", "u", "x", "pe")
    + chain("f", "o")
    + when("x", "ce", "give_up")
)
AROUND = (
    start()
    + f'<transaction id="tp">{TRANSACTION}</transaction>'
    + boundary("cb", "tp", CANCEL)
    + none("given_up", "n")
    + chain("st", "tp", "n")
    + chain("cb", "given_up")
)


def test_a_cancelled_transaction_is_undone_and_left_by_its_cancel_event() -> None:
    play = Play(AROUND, {"log": []}).do("u", give_up=True)

    assert play.passed("ca2", "ca3", "ce", "given_up", "n") == ["ca3", "ca2", "ce", "given_up"]
    assert play.variables["log"] == ["a3", "a2"]
    assert (play.open, play.step.state) == ([], ExecutionState.COMPLETED)
    assert "o" in play.withdrawn


def test_a_transaction_that_ends_well_is_not_undone() -> None:
    play = Play(AROUND, {"log": []}).do("u", give_up=False).do("o")

    assert play.passed("ca2", "ca3", "given_up", "n") == ["n"]
    assert play.step.state is ExecutionState.COMPLETED


def test_a_subprocess_may_bring_its_own_way_of_being_undone() -> None:
    handler = start("hs", COMPENSATE) + script("h", "log.append('own')") + chain("hs", "h")
    inner = start("ps") + undoable("a2") + chain("ps", "a2") + subprocess("esp", handler, 'triggeredByEvent="true"')
    body = start() + subprocess("sp", inner) + throwing("th", COMPENSATE)

    play = Play(body + chain("st", "sp", "th"), {"log": []})

    assert play.variables["log"] == ["own"]
    silent = Play(start() + subprocess("sp", inner) + none("z") + chain("st", "sp", "z"), {"log": []})
    assert silent.variables["log"] == []


def test_its_own_way_may_undo_the_rest_as_well() -> None:
    handler = (
        start("hs", COMPENSATE)
        + script("h", "log.append('own')")
        + throwing("more", COMPENSATE)
        + chain("hs", "h", "more")
    )
    inner = start("ps") + undoable("a2") + chain("ps", "a2") + subprocess("esp", handler, 'triggeredByEvent="true"')

    play = Play(start() + subprocess("sp", inner) + throwing("th", COMPENSATE) + chain("st", "sp", "th"), {"log": []})

    assert play.variables["log"] == ["own", "a2"]


@pytest.mark.parametrize(
    "body", [end("x", CANCEL) + chain("st", "x"), user("u") + boundary("x", "u", CANCEL) + chain("st", "u")]
)
def test_cancelling_needs_a_transaction(body: str) -> None:
    from oracle.play import program_of  # noqa: PLC0415

    with pytest.raises(DefinitionError) as refused:
        program_of(start() + body)

    assert [finding.element for finding in refused.value.findings] == ["x"]
