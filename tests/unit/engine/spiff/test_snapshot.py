"""An instance as bytes."""

from base64 import b85decode
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import msgpack
import pytest
import zstandard
from oracle.drawing import chain, end, gateway, script, start, subprocess, user
from oracle.play import NOW, Play, program_of

from engine.spiff import snapshot
from engine.spiff.execution import Execution, UnknownStart
from engine.spiff.faults import BadSnapshot, NoSuchWait
from engine.steps import ExecutionState
from storage.months import Months

BODY = (
    start()
    + gateway("parallel", "f", "j")
    + user("a", "b", "n")
    + end()
    + chain("st", "f", "a", "j", "n", "en")
    + chain("f", "b", "j")
)
MULTI = "<multiInstanceLoopCharacteristics><loopCardinality>3</loopCardinality></multiInstanceLoopCharacteristics>"
REPEATED = (
    start()
    + gateway("parallel", "f", "j")
    + subprocess("s", MULTI + start("si") + user("a") + end("ei") + chain("si", "a", "ei"))
    + user("b", inner=MULTI)
    + end()
    + chain("st", "f", "s", "j", "en")
    + chain("f", "b", "j")
)
EARLIER = (  # REPEATED in the format before, after a(x=1), b(y=2), b(z=[3])
    "P)1lWD77#BWUv5*2LSSmEiQ0NbygJ#Nm~)(Fp_fnX{BA>L(teXAzVtz*Eo%-s)J_zh^Rv~%37caYIo8O76J4uv<wJn7>8l8;e30x"
    "Kka0oCSaMX{h{I$+en+;N15S8WIqW-^^>+wEFT3GB7~EQi2+3GXr08;V~#trutBt>qNL!2@`KXGND9C0yTT3I>N4AbrG$&nc8bsI"
    "iPX_R7DnsdQpl^8Wh7`k7gqGwYvPsURrG9r_t6Us9tRHuP9*{u0ALF+2bPnv7GwfupjIecJTq*;unZOh-2<d(8P-Kz1_J|#JWZD#"
    "^Lr8PiCc^e1inyN0Lmj$X~6"
)
ORDER = {
    "number": "2026-000123",
    "customer": {"name": "Druckerei Müller & Söhne", "city": "Köln", "vat_id": "DE123456789"},
    "lines": [
        {"product": "Flyer A5", "paper": "135 g Bilderdruck", "run_length": 5000, "price": Decimal("412.50")}
        for _ in range(6)
    ],
    "wanted_on": date(2026, 12, 24),
    "received_at": datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
    "cut_off": time(12, 30),
    "margin": timedelta(days=2, seconds=1),
    "kept_for": Months(120),
    "notes": ["bitte falzen", None, True, 1.5, -(2**70)],
}


def test_a_plain_order_takes_at_most_two_kilobytes() -> None:
    play = Play(BODY, {"order": ORDER}).do("a", decision="ok", remark="passt")

    assert play.largest <= 2_000
    assert play.variables["order"] == ORDER


def test_a_finished_instance_keeps_its_variables() -> None:
    play = Play(BODY, {"x": Decimal("1.10")}).do("a").do("b").do("n")

    assert play.execution.state is ExecutionState.COMPLETED
    assert repr(play.execution.variables()) == repr({"x": Decimal("1.10")})


def test_an_instance_of_the_format_before_goes_on_to_the_same_end() -> None:
    play = Play(REPEATED, {"d": {"l": [1]}}).do("a", x=1).do("b", y=2).do("b", z=[3])

    play.execution = Execution.load(play.program, b85decode(EARLIER))

    assert Execution.is_older(b85decode(EARLIER))
    assert not Execution.is_older(play.execution.save())
    play.do("b").do("a").do("a")
    assert play.execution.state is ExecutionState.COMPLETED
    assert play.variables == {"d": {"l": [1]}, "x": 1, "y": 2, "z": [3]}


def test_branches_share_nothing_after_loading() -> None:
    play = Play(BODY, {"d": {"l": [1]}})
    play.do("a", d={"l": [1, 2]})

    assert play.execution.variables_at(play.wait("b").key) == {"d": {"l": [1]}}


@pytest.mark.parametrize("rubbish", [b"", b"PFX1", b"PFX1rubbish", b"\x80\x04K\x01.", b"PFX2" + b"\x00" * 40])
def test_only_our_own_format_is_loaded(rubbish: bytes) -> None:
    with pytest.raises(BadSnapshot):
        Execution.load(program_of(BODY), rubbish)


def test_every_damaged_byte_is_noticed() -> None:
    program = program_of(BODY)
    saved = Play(program).execution.save()

    for place in range(len(saved)):
        with pytest.raises(BadSnapshot):
            Execution.load(program, saved[:place] + bytes([saved[place] ^ 0xFF]) + saved[place + 1 :])


def test_well_formed_bytes_that_are_no_instance_are_refused() -> None:
    program = program_of(BODY)
    for written in (
        [],
        {},
        [1, snapshot.LIBRARY],
        [1, "1.0", 1, "p", None, False, None, [], []],
        [snapshot.FORMAT + 1, snapshot.LIBRARY, 1, "p", None, False, None, [], []],
    ):
        frame = zstandard.ZstdCompressor().compress(msgpack.packb(written))
        with pytest.raises(BadSnapshot):
            Execution.load(program, snapshot.MAGIC + frame)


def test_a_program_of_another_diagram_is_refused() -> None:
    saved = Play(BODY).execution.save()

    with pytest.raises(BadSnapshot, match="another version"):
        Execution.load(program_of(BODY + script("extra")), saved)


def test_what_cannot_be_kept_is_refused_with_its_name() -> None:
    execution = (
        Play(BODY, {"x": Path("a")}, reloads=False)
        if False
        else Execution.start(program_of(BODY), "p", {"x": Path("a")}, now=NOW)
    )

    with pytest.raises(BadSnapshot, match="Path"):
        execution.save()


def test_a_wait_that_is_over_is_refused() -> None:
    play = Play(BODY)
    key = play.wait("a").key
    play.do("a")

    for verb in (
        lambda: play.execution.complete(key, {}, NOW),
        lambda: play.execution.fire(key, NOW),
        lambda: play.execution.retry(key, NOW),
        lambda: play.execution.deliver("b", {}, NOW),
        lambda: play.execution.variables_at("nonsense:x"),
    ):
        with pytest.raises(NoSuchWait):
            verb()
    assert play.do("b").open == ["n"]


def test_keys_are_never_used_again() -> None:
    body = start() + gateway("exclusive", "m") + user("u") + chain("st", "m", "u", "m")
    play, seen = Play(body), set[str]()

    for _ in range(20):
        key = play.wait("u").key
        assert key not in seen
        seen.add(key)
        play.do("u")


def test_an_unknown_process_or_start_is_refused() -> None:
    program = program_of(BODY)
    for process, event in (("nobody", None), ("p", "nothing")):
        with pytest.raises(UnknownStart):
            Execution.start(program, process, {}, now=NOW, start_event=event)


def test_terminating_takes_everything_away() -> None:
    play = Play(BODY, {"x": 1}).do("a", y=2)

    play.took(play.execution.terminate(NOW))

    assert play.step.state is ExecutionState.TERMINATED
    assert (play.open, play.withdrawn, play.variables) == ([], ["b"], {"x": 1, "y": 2})
