"""Confined children: results, errors, limits, and nothing left behind."""

import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from confined.child import (
    ChildCrashed,
    ChildFailed,
    ChildOutOfMemory,
    ChildTimedOut,
    Limits,
    run_confined,
    stream_confined,
)
from confined.errors import ChildFailed as Root
from confined.programs import Finished, ProgramMissing, run_program


def _sum_up(count: int) -> int:
    return sum(range(count))


def _count_then_die(count: int) -> Iterator[int]:
    yield from range(count)
    os.kill(os.getpid(), signal.SIGSEGV)


def _count_slowly(count: int) -> Iterator[int]:
    for number in range(count):
        time.sleep(0.3)
        yield number


def _burn() -> None:
    while True:
        pass


def _hoard() -> int:
    return len([bytearray(1 << 24) for _ in range(10_000)])


def _open_socket(family: int) -> str:
    import socket  # noqa: PLC0415 (only the child needs it)

    with socket.socket(family):
        return "opened"


def _expected_error() -> None:
    raise ProgramMissing("as foreseen")


class _Evil:
    """What a child that was taken over might send."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch /tmp/taken-over",)


def _send_evil() -> object:
    return _Evil()


def test_a_child_brings_the_functions_result() -> None:
    assert run_confined(_sum_up, 10) == 45


def test_a_stream_yields_items_in_order_and_renews_its_wall_time() -> None:
    run_confined(_sum_up, 1)

    assert list(stream_confined(_count_slowly, 5, limits=Limits(wall_seconds=1.2))) == [0, 1, 2, 3, 4]


def test_items_before_a_crash_arrive_and_then_the_crash_is_raised() -> None:
    stream = stream_confined(_count_then_die, 3)

    assert [next(stream) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ChildCrashed, match="SIGSEGV"):
        next(stream)


def test_a_child_that_sleeps_is_killed_at_the_wall_limit() -> None:
    started = time.monotonic()

    with pytest.raises(ChildTimedOut):
        run_confined(time.sleep, 60, limits=Limits(wall_seconds=0.2))

    assert time.monotonic() - started < 5


def test_a_child_that_computes_for_ever_is_killed_at_the_processor_limit() -> None:
    with pytest.raises(ChildTimedOut, match="processor"):
        run_confined(_burn, limits=Limits(cpu_seconds=0.5))


def test_a_child_cannot_have_more_memory_than_its_limit() -> None:
    with pytest.raises(ChildOutOfMemory):
        run_confined(_hoard, limits=Limits(memory_bytes=200 << 20))


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK"])
def test_a_child_has_no_network(family: str) -> None:
    import socket  # noqa: PLC0415 (only this test needs it)

    with pytest.raises(ChildCrashed, match="PermissionError"):
        run_confined(_open_socket, int(getattr(socket, family)))


def test_local_sockets_stay_possible_in_a_child() -> None:
    import socket  # noqa: PLC0415 (only this test needs it)

    assert run_confined(_open_socket, int(socket.AF_UNIX)) == "opened"


def test_errors_of_our_own_pass_through_and_others_are_crashes() -> None:
    with pytest.raises(ProgramMissing, match="as foreseen"):
        run_confined(_expected_error)
    with pytest.raises(ChildCrashed, match="ZeroDivisionError"):
        run_confined(divmod, 1, 0)


def test_a_pickle_that_would_run_something_is_refused(tmp_path: Path) -> None:
    assert b"system" in pickle.dumps(_Evil())

    with pytest.raises(ChildCrashed, match="may not come out"):
        run_confined(_send_evil)


def test_many_threads_may_call_at_once() -> None:
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(run_confined(_sum_up, 100))) for _ in range(12)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert results == [4950] * 12


def test_a_killed_nursery_is_replaced() -> None:
    from confined.child import _nursery  # noqa: PLC0415 (the test reaches inside)

    run_confined(_sum_up, 3)
    assert _nursery.process is not None
    _nursery.process.kill()
    _nursery.process.wait()

    assert run_confined(_sum_up, 3) == 3


_CLOSED_NURSERY = """
import os, signal, socket
from confined.nursery import _Nursery

caller, control = socket.socketpair()
nursery = _Nursery(control)
caller.close()
nursery.run()
nursery.close()
del nursery
os.kill(os.getpid(), signal.SIGCHLD)
"""


def test_a_child_that_ends_after_its_nursery_has_closed_is_not_complained_about() -> None:
    ended = subprocess.run([sys.executable, "-c", _CLOSED_NURSERY], capture_output=True, check=True, timeout=60)

    assert ended.stderr == b""


def test_closing_a_stream_early_ends_its_child() -> None:
    stream = stream_confined(_pids_for_ever)
    pid = next(stream)

    stream.close()

    assert _has_gone(pid)


def _pids_for_ever() -> Iterator[int]:
    while True:
        yield os.getpid()


def test_a_program_is_killed_with_all_it_started(tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path}/pid; sleep 60"

    with pytest.raises(ChildTimedOut):
        run_program(["sh", "-c", script], limits=Limits(wall_seconds=0.5))

    assert _has_gone(int((tmp_path / "pid").read_text(encoding="ascii")))


def test_a_program_brings_its_output_and_exit_code() -> None:
    assert run_program(["sh", "-c", "cat; exit 3"], data=b"through") == Finished(3, b"through", b"")


def test_a_missing_program_is_named() -> None:
    with pytest.raises(ProgramMissing, match="no-such-program"):
        run_program(["no-such-program"])


def test_every_way_to_fail_has_its_own_code() -> None:
    kinds = [ChildFailed, ChildCrashed, ChildTimedOut, ChildOutOfMemory, ProgramMissing]

    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(issubclass(kind, Root) for kind in kinds)


def _has_gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
