"""The nursery: a warm process that never touches foreign bytes and forks one confined child for each call.

It runs as `python -m confined.nursery CONTROL`, where CONTROL is the number of an inherited socket. Life cycle of a call:

1. The caller sends the names of the function's module, and of others to be warm, with two descriptors:
   the call's socket and a status pipe.
2. The nursery imports the module (once; that is what makes later calls cheap), forks, and goes on. A module may hold a
   function `warm_up()`, run once before the first fork.
3. The child, in a session of its own, reads the call, takes on its limits, answers in frames, and ends.
4. The nursery reaps it, kills what is left of its session, and writes exit status and peak memory to the status pipe.

When the caller closes the status pipe early, the child's whole session is killed; when the caller dies, the control
socket ends, and all children and the nursery with it. No child outlives its call, and none has a network.
"""

import contextlib
import ctypes
import gc
import importlib
import os
import select
import signal
import socket
import struct
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from confined.frames import FrameKind, receive_frame, send_frame
from confined.limits import Limits, impose, renew_cpu
from confined.network import forbid_network

_prepared: set[str] = set()
STATUS = struct.Struct("=iQ")
LARGEST_CALL = 1 << 30
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_OWN_PACKAGES = ("capture", "confined", "engine", "storage", "web")


class _Nursery:
    """Forks children, watches them and their callers, and tidies up after them."""

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._statuses: dict[int, int] = {}
        self._bell, self._bell_end = socket.socketpair()
        self._bell.setblocking(False)
        self._bell_end.setblocking(False)
        self._poll = select.poll()

    def run(self) -> None:
        """Serve until the caller is gone."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._bell_end.fileno(), warn_on_full_buffer=False)
        self._poll.register(self._control, select.POLLIN)
        self._poll.register(self._bell, select.POLLIN)
        while True:
            rung = {descriptor for descriptor, _ in self._poll.poll()}
            for status in rung & set(self._statuses.values()):
                self._abandon(status)
            if self._bell.fileno() in rung:
                self._reap()
            if self._control.fileno() in rung and not self._accept():
                return

    def close(self) -> None:
        """Kill every child; the bell is taken down first, since children may end when it is gone."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for pid in self._statuses:
            _kill(pid)

    def _accept(self) -> bool:
        modules, descriptors, _, _ = socket.recv_fds(self._control, 1024, 2)
        if not modules:
            return False
        call, status = descriptors
        for module in modules.decode().split():
            _prepare(module)
        pid = os.fork()
        if pid == 0:
            self._become_child(call, status)
        os.close(call)
        self._statuses[pid] = status
        self._poll.register(status, 0)
        return True

    def _become_child(self, call: int, status: int) -> NoReturn:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        for descriptor in (status, self._control.fileno(), self._bell.fileno(), *self._statuses.values()):
            os.close(descriptor)
        _serve(socket.socket(fileno=call))

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)
        while True:
            try:
                pid, code, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._report(pid, code, usage.ru_maxrss * 1024)

    def _report(self, pid: int, code: int, peak: int) -> None:
        status = self._statuses.pop(pid, None)
        if status is None:
            return
        _kill_group(pid)
        self._kill_strays()
        with contextlib.suppress(KeyError):
            self._poll.unregister(status)
        with contextlib.suppress(BrokenPipeError):
            os.write(status, STATUS.pack(os.waitstatus_to_exitcode(code), peak))
        os.close(status)

    def _abandon(self, status: int) -> None:
        """Kill the child whose caller no longer listens; it is reaped like any other."""
        self._poll.unregister(status)
        for pid in [pid for pid, held in self._statuses.items() if held == status]:
            _kill(pid)

    def _kill_strays(self) -> None:
        """Kill processes that left their session and were handed to us when their parent died."""
        children = Path(f"/proc/self/task/{os.getpid()}/children")
        if children.exists():
            for pid in map(int, children.read_text(encoding="ascii").split()):
                if pid not in self._statuses:
                    _kill(pid)


def _kill(pid: int) -> None:
    """Kill a child that is not reaped yet, and its process group."""
    _kill_group(pid)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def _prepare(module: str) -> None:
    """Import `module` before the fork; what cannot be imported is noticed again, and reported, by the child."""
    if module in _prepared or module.partition(".")[0] not in _OWN_PACKAGES:
        return
    _prepared.add(module)
    with contextlib.suppress(ImportError):
        warm_up = getattr(importlib.import_module(module), "warm_up", None)
        if warm_up is not None:
            warm_up()
    gc.collect()
    gc.freeze()


def _serve(connection: socket.socket) -> NoReturn:
    """Answer one call and end the process."""
    try:
        _answer(connection)
    except MemoryError:
        _try_to_send(connection, FrameKind.MEMORY, None)
    except BaseException as error:  # noqa: BLE001 (the edge of the child: everything must reach the caller)
        _try_to_send(connection, *_told(error))
    os._exit(0)


def _answer(connection: socket.socket) -> None:
    reader = connection.makefile("rb")
    _, (function, args, limits) = receive_frame(_exactly(reader), at_most=LARGEST_CALL, trusted=True)
    impose(limits)
    result = function(*args)
    if isinstance(result, Iterator):
        for item in result:
            send_frame(connection, FrameKind.ITEM, item)
            renew_cpu(limits)
        result = None
    send_frame(connection, FrameKind.RESULT, result)


def _exactly(reader: Any) -> Any:
    def read(size: int) -> bytes:
        found: bytes = reader.read(size)
        if len(found) < size:
            raise EOFError
        return found

    return read


def _told(error: BaseException) -> tuple[FrameKind, object]:
    if type(error).__module__.partition(".")[0] in _OWN_PACKAGES and isinstance(error, Exception):
        return FrameKind.ERROR, error
    return FrameKind.CRASH, (f"{type(error).__name__}: {error}", traceback.format_exc())


def _try_to_send(connection: socket.socket, kind: FrameKind, value: object) -> None:
    with contextlib.suppress(OSError, MemoryError):
        send_frame(connection, kind, value)


def main() -> None:
    """Run the nursery on the inherited control socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    forbid_network()
    nursery = _Nursery(control)
    try:
        nursery.run()
    finally:
        nursery.close()


__all__ = ["LARGEST_CALL", "STATUS", "Limits", "main"]

if __name__ == "__main__":
    main()
