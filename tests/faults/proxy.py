"""A misbehaving proxy before PostgreSQL: now and then it cuts the connection just before a COMMIT, or just after it."""

import selectors
import socket
import threading
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

_COMMIT = b"COMMIT\x00"
_PIECE = 1 << 16


@dataclass
class Proxy:
    """Listens on loopback, talks to the server's socket; cuts each `every`-th commit, before and after it by turns."""

    socket_path: Path
    every: int
    cuts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._commits = 0
        self._lock = threading.Lock()
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        server = socket.socket(socket.AF_UNIX)
        with client, server, suppress(OSError):
            server.connect(str(self.socket_path))
            while self._carry_once(client, server):
                pass

    def _carry_once(self, client: socket.socket, server: socket.socket) -> bool:
        with selectors.DefaultSelector() as ready:
            ready.register(client, selectors.EVENT_READ, server)
            ready.register(server, selectors.EVENT_READ, client)
            return all([self._pass_on(key.fileobj, key.data, client) for key, _ in ready.select()])  # noqa: C419 - each in turn

    def _pass_on(self, source: "socket.socket", target: socket.socket, client: socket.socket) -> bool:
        piece = source.recv(_PIECE)
        cut = self._cut() if source is client and _COMMIT in piece else None
        if not piece or cut == "before":
            return False
        target.sendall(piece)
        if cut == "after":
            target.recv(_PIECE)  # the server has answered, and nobody hears it
            return False
        return True

    def _cut(self) -> str | None:
        with self._lock:
            self._commits += 1
            if self._commits % self.every:
                return None
            place = "before" if self._commits // self.every % 2 else "after"
            self.cuts[place] += 1
            return place
