"""Run a function in a confined child process: limited in time and memory, without network, killed with all its kin.

`run_confined` brings one result, `stream_confined` the items of a generator one by one, each with the limits anew. Both
may be called from any thread. The function must be importable by name; arguments and results are plain values or value
classes of our own packages. Errors of our own packages pass through as they are; anything else is a `ChildFailed`.
"""

import atexit
import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import ParamSpec, Self, TypeVar

from confined.errors import ChildCrashed, ChildFailed, ChildOutOfMemory, ChildTimedOut
from confined.frames import BadFrame, FrameKind, receive_frame, send_frame
from confined.limits import Limits
from confined.nursery import STATUS

__all__ = [
    "ChildCrashed",
    "ChildFailed",
    "ChildOutOfMemory",
    "ChildTimedOut",
    "Limits",
    "run_confined",
    "stream_confined",
]

P = ParamSpec("P")
T = TypeVar("T")

_LARGEST_ANSWER = 1 << 30
_NEAR_THE_LIMIT = 0.8
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TESSDATA_PREFIX", "TMPDIR", "COVERAGE_PROCESS_START", "COVERAGE_RUN")
_ONE_THREAD = {"OMP_THREAD_LIMIT": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def run_confined(
    function: Callable[..., T], *args: object, limits: Limits | None = None, warm: tuple[str, ...] = ()
) -> T:
    """Return `function(*args)`, called in a confined child; raise ChildFailed when the child brings no result.

    `warm` names modules of ours that are loaded, and their `warm_up()` called, once for all later children.
    """
    with _Call(function, args, limits or Limits(), warm) as call:
        kind, value = call.next_frame()
        if kind is not FrameKind.RESULT:
            raise ChildCrashed("The confined child streamed where one result was expected; use stream_confined.")
        result: T = value  # type: ignore[assignment]  # what the child sends is what the function returns
        return result


def stream_confined(
    function: Callable[..., Iterator[T]],
    *args: object,
    limits: Limits | None = None,
    warm: tuple[str, ...] = (),
    until: float = inf,
) -> Generator[T]:
    """Yield the items of the generator `function(*args)` as a confined child makes them; each item has `limits` anew.

    `until`, a time of `time.monotonic()`, ends the whole stream with ChildTimedOut. Closing the iterator early ends the child.
    Items that came before an error count: the error is raised after them.
    """
    with _Call(function, args, limits or Limits(), warm, until) as call:
        while True:
            kind, value = call.next_frame()
            if kind is FrameKind.RESULT:
                return
            item: T = value  # type: ignore[assignment]  # what the child sends is what the function yields
            yield item


@dataclass(slots=True)
class _Nursery:
    """Our side of the nursery process; started at need, started anew in a forked process or when it died."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    process: subprocess.Popen[bytes] | None = None
    control: socket.socket | None = None
    owner: int = 0

    def open_call(self, modules: str) -> tuple[socket.socket, int]:
        """Have a child forked that knows `modules` (separated by blanks); return its socket and its status pipe."""
        ours, theirs = socket.socketpair()
        status, status_end = os.pipe()
        try:
            with self.lock:
                self._send(modules, [theirs.fileno(), status_end])
        except BaseException:
            ours.close()
            os.close(status)
            raise
        finally:
            theirs.close()
            os.close(status_end)
        return ours, status

    def close(self) -> None:
        """End the nursery and every child."""
        if self.control is not None and self.owner == os.getpid():
            self.control.close()
        if self.process is not None and self.owner == os.getpid():
            self.process.wait()
        self.control = self.process = None

    def _send(self, modules: str, descriptors: list[int]) -> None:
        if self.control is None or self.owner != os.getpid():
            self._start()
        try:
            self._hand_over(modules, descriptors)
        except (BrokenPipeError, ConnectionResetError):
            self.close()
            self._start()
            self._hand_over(modules, descriptors)

    def _hand_over(self, modules: str, descriptors: list[int]) -> None:
        if self.control is not None:
            socket.send_fds(self.control, [modules.encode()], descriptors)

    def _start(self) -> None:
        self.control, inherited = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment |= _ONE_THREAD | {"PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        with inherited:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "confined.nursery", str(inherited.fileno())],
                pass_fds=[inherited.fileno()],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                start_new_session=True,
            )
        self.owner = os.getpid()


_nursery = _Nursery()
atexit.register(_nursery.close)


class _Call:
    """One call to a confined child, from the request to the end of the child."""

    def __init__(
        self,
        function: Callable[..., object],
        args: tuple[object, ...],
        limits: Limits,
        warm: tuple[str, ...],
        until: float = inf,
    ) -> None:
        self._limits = limits
        self._until = until
        self._deadline = self._next_deadline()
        self._socket, self._status = _nursery.open_call(" ".join((function.__module__, *warm)))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # its end tells more, see next_frame
            self._socket.settimeout(limits.wall_seconds)
            send_frame(self._socket, FrameKind.CALL, (function, args, limits))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        os.close(self._status)

    def next_frame(self) -> tuple[FrameKind, object]:
        """Wait for an item or the result; raise what the child raised, or how it ended."""
        self._deadline = self._next_deadline()
        try:
            kind, value = receive_frame(self._read, at_most=_LARGEST_ANSWER)
        except (EOFError, ConnectionResetError):
            raise self._how_it_ended() from None
        except BadFrame as error:
            raise ChildCrashed(f"The confined child sent something unreadable: {error}") from error
        if kind in {FrameKind.ITEM, FrameKind.RESULT}:
            return kind, value
        raise self._error_in(kind, value)

    def _next_deadline(self) -> float:
        return min(time.monotonic() + self._limits.wall_seconds, self._until)

    def _read(self, size: int) -> bytes:
        found = bytearray()
        while len(found) < size:
            self._socket.settimeout(max(self._deadline - time.monotonic(), 0.001))
            try:
                chunk = self._socket.recv(min(size - len(found), 1 << 20))
            except TimeoutError:
                raise ChildTimedOut("The confined child did not come to an end in time.") from None
            if not chunk:
                raise EOFError
            found += chunk
        return bytes(found)

    def _error_in(self, kind: FrameKind, value: object) -> Exception:
        if kind is FrameKind.MEMORY:
            return ChildOutOfMemory(f"More than {self._limits.memory_bytes >> 20} MB of memory were needed.")
        if kind is FrameKind.ERROR and isinstance(value, Exception):
            return value
        message, trace = value if isinstance(value, tuple) else (str(value), "")
        crash = ChildCrashed(f"The confined child failed: {message}")
        crash.add_note(str(trace))
        return crash

    def _how_it_ended(self) -> ChildFailed:
        ready, _, _ = select.select([self._status], [], [], max(self._deadline - time.monotonic(), 1))
        told = os.read(self._status, STATUS.size) if ready else b""
        if len(told) < STATUS.size:
            return ChildCrashed("The confined child vanished.")
        code, peak = STATUS.unpack(told)
        if code == -signal.SIGXCPU:
            return ChildTimedOut(f"More than {self._limits.cpu_seconds:g} seconds of processor time were needed.")
        if peak > _NEAR_THE_LIMIT * self._limits.memory_bytes:
            return ChildOutOfMemory(f"More than {self._limits.memory_bytes >> 20} MB of memory were needed.")
        return ChildCrashed(f"The confined child ended with {_reason(code)}.")


def _reason(code: int) -> str:
    if code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"
