"""Places where a test may let the program die, fail or wait; armed by the environment alone.

`PARCELFLOW_FAILPOINTS` holds items `name=action` or `name=action@n` (only the n-th time), separated by commas.
Actions: `die` ends the process as by kill -9, `raise` raises `FailpointReached`, `sleep` waits for ten minutes, `stop` stops the
process as by kill -STOP, until somebody lets it continue.
Without the variable a failpoint costs one look at a dictionary.
"""

import os
import signal
import time
from collections import Counter

from storage.errors import ParcelflowError

_SLEEP_SECONDS = 600


class FailpointReached(ParcelflowError):
    """A fault was asked for at this place by the environment; unset PARCELFLOW_FAILPOINTS."""

    code = "failpoint"


_armed: dict[str, tuple[str, int]] = {}
_passed: Counter[str] = Counter()


def arm(specification: str) -> None:
    """Arm the failpoints named in a text like that of the environment, and no others."""
    _armed.clear()
    _passed.clear()
    for item in filter(None, specification.split(",")):
        name, _, action = item.partition("=")
        action, _, count = action.partition("@")
        _armed[name] = (action, int(count or 0))


def failpoint(name: str) -> None:
    """Let the process fail here if the environment asks for it."""
    if name not in _armed:
        return
    _passed[name] += 1
    action, count = _armed[name]
    if count and _passed[name] != count:
        return
    if action == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "raise":
        raise FailpointReached(f"The failpoint {name} was reached.")
    elif action == "sleep":
        time.sleep(_SLEEP_SECONDS)


arm(os.environ.get("PARCELFLOW_FAILPOINTS", ""))
