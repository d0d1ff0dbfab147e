"""Runs a function in a forked process that dies where a failpoint says so; whole programs are armed by PARCELFLOW_FAILPOINTS.

The function must open databases by itself: connections cannot be shared with a fork.
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable

from storage import failpoints

KILLED = -signal.SIGKILL


def run_until(failpoint: str, function: Callable[..., object], *arguments: object) -> int:
    """Call the function in a fork with `failpoint` set to die; give KILLED when it was reached, 0 when it was not."""
    return run_armed(f"{failpoint}=die" if failpoint else "", function, *arguments)


def run_armed(specification: str, function: Callable[..., object], *arguments: object) -> int:
    """Call the function in a fork with failpoints armed as the text says; give KILLED when it died of them, 0 when not."""
    return ended(begin(specification, function, *arguments))


def begin(specification: str, function: Callable[..., object], *arguments: object) -> int:
    """Let a fork call the function with failpoints armed as the text says, and give its process id."""
    child = os.fork()
    if child == 0:
        _end_with(specification, function, arguments)
    return child


def ended(child: int) -> int:
    """Wait for a fork to end, and give KILLED or 0."""
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, KILLED), "the function failed before the failpoint; see its traceback"
    return code


def _end_with(specification: str, function: Callable[..., object], arguments: tuple[object, ...]) -> None:
    try:
        failpoints.arm(specification)
        function(*arguments)
    except BaseException:  # noqa: BLE001 - a fork must never return into the test run
        traceback.print_exc()
        sys.stderr.flush()
        os._exit(1)
    os._exit(0)
