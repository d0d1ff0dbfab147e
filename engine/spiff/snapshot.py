"""An instance as bytes: only what moves, in about a kilobyte.

The bytes are `PFX1` and a zstd frame with a checksum around msgpack. Inside stand format and library version, a counter, and each
net with its live tokens, parents first. Specifications are named by number, and a fingerprint refuses a program they do not
belong to. Variables are written as changes against the token above; the root of an inner net against the token that owns
it. Decimal, dates, times and durations are extension types written as text. Loading builds plain values and our own classes,
nothing else.
"""

import threading
import zlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from importlib.metadata import version
from typing import Any, Final

import msgpack  # type: ignore[import-untyped]  # it has no types
import zstandard

from engine.spiff.changes import Change, Deed, apply_changes, changes, shared
from engine.spiff.faults import BadSnapshot
from engine.spiff.instances import Instance
from engine.spiff.nets import InnerNet, Net
from engine.spiff.program import Program
from engine.spiff.scopes import Scope
from engine.spiff.tokens import READY, WAITING, Token
from engine.spiff.triggers import Condition
from engine.steps import Failure

MAGIC: Final = b"PFX1"
FORMAT: Final = 1
LIBRARY: Final = version("SpiffWorkflow")
MOST_BYTES: Final = 64 * 1024 * 1024

_LOCAL: Final = threading.local()

_WRITERS: Final[tuple[tuple[type, int, Callable[[Any], str]], ...]] = (
    (Decimal, 1, str),
    (datetime, 2, datetime.isoformat),
    (date, 3, date.isoformat),
    (time, 4, time.isoformat),
    (timedelta, 5, lambda value: f"{value.days} {value.seconds} {value.microseconds}"),
    (int, 6, str),
)
_READERS: Final[dict[int, Callable[[str], Any]]] = {
    1: Decimal,
    2: datetime.fromisoformat,
    3: date.fromisoformat,
    4: time.fromisoformat,
    5: lambda text: timedelta(*map(int, text.split())),
    6: int,
}


def pack(instance: Instance) -> bytes:
    """Write an instance down."""
    failure = instance.failure
    written = [
        FORMAT,
        LIBRARY,
        instance.number,
        instance.spec.name,
        None if failure is None else [failure.code, failure.node, failure.message],
        instance.was_terminated,
        instance.data if instance.completed else None,
        [] if instance.completed else [_written(net) for net in instance.nets()],
        [token.id for token in (*instance.urgent, *instance.queue) if token.state == READY],
    ]
    return MAGIC + _compressor().compress(msgpack.packb(written, default=_foreign, use_bin_type=True))


def unpack(program: Program, saved: bytes) -> Instance:
    """Build an instance from what `pack` wrote; raise BadSnapshot for anything else."""
    try:
        return _read(program, _decoded(saved))
    except (
        KeyError,
        IndexError,
        TypeError,
        ValueError,
        ArithmeticError,
        zstandard.ZstdError,
        msgpack.UnpackException,
    ) as wrong:
        raise BadSnapshot(
            f"The saved instance cannot be read ({type(wrong).__name__}); restore it from a backup."
        ) from wrong


def _decoded(saved: bytes) -> Any:
    if saved[: len(MAGIC)] != MAGIC:
        raise BadSnapshot("The bytes are no saved instance; restore them from a backup.")
    frame = saved[len(MAGIC) :]
    if not 0 < zstandard.get_frame_parameters(frame).content_size <= MOST_BYTES:
        raise BadSnapshot("The saved instance is larger than any that was written; restore it from a backup.")
    return msgpack.unpackb(_decompressor().decompress(frame), ext_hook=_known, raw=False, strict_map_key=False)


def _read(program: Program, written: Any) -> Instance:
    written_format, library, number, scope, failure, was_terminated, data, nets, queue = written
    if written_format != FORMAT or library != LIBRARY:
        raise BadSnapshot(
            f"The instance was saved in format {written_format} with library {library}; migrate it first."
        )
    instance = Instance(program, program.scopes[scope])
    instance.number = number
    instance.failure = None if failure is None else Failure(*failure)
    instance.was_terminated = was_terminated
    if data is not None:
        instance.completed, instance.data = True, data
        return instance
    tokens: dict[int, Token] = {}
    for index, row in enumerate(nets):
        net = instance if index == 0 else _inner(program, instance, tokens, row)
        _fill(net, row, tokens)
    for key in queue:
        instance.enqueue(tokens[key])
    instance.watching = any(isinstance(token.task_spec.trigger, Condition) for token in tokens.values())
    return instance


def _inner(program: Program, instance: Instance, tokens: dict[int, Token], row: Any) -> Net:
    owner = tokens[row[2]]
    net = InnerNet(program.scopes[row[0]], owner, instance)
    instance.subprocesses[owner.id] = net
    return net


# -- nets and tokens


def _written(net: Net) -> list[Any]:
    order = list(_parents_first(net))
    rows = {token.id: number for number, token in enumerate(order)}
    scope: Scope = net.spec
    owner = net.owner
    above: dict[str, Any] = order[0].data if owner is None else owner.data
    tokens = [_token_row(token, scope, rows, above) for token in order]
    return [
        scope.name,
        order[0].data if owner is None else None,
        None if owner is None else owner.id,
        net.process,
        net.log,
        _fingerprint(scope),
        tokens,
    ]


def _parents_first(net: Net) -> Iterator[Token]:
    todo = [net.task_tree]
    while todo:
        token = todo.pop()
        yield token
        todo.extend(reversed(token.kin))


def _token_row(token: Token, scope: Scope, rows: dict[int, int], above: dict[str, Any]) -> list[Any]:
    parent = token.parent
    spec = token.task_spec
    line = spec.lines.index(token.flow) if token.state == WAITING and token.flow in spec.lines else None
    mine = changes(above if parent is None else parent.data, token.data, makes=False)
    return [
        token.id,
        None if parent is None else rows[parent.id],
        token.state,
        scope.numbers[spec.name],
        [[*change.path, change.deed.value, change.value] for change in mine],
        token.facts or None,
        token.fault,
        line,
        token.host,
        token.order or None,
        token.is_left,
    ]


def _fill(net: Net, row: Any, tokens: dict[int, Token]) -> None:
    _, above, _, net.process, net.log, fingerprint, written = row
    scope: Scope = net.spec
    if fingerprint != _fingerprint(scope):
        raise BadSnapshot(f"The instance belongs to another version of {scope.name}; load it with that version.")
    if net.owner is not None:
        above = net.owner.data
    made: list[Token] = []
    for key, parent, state, number, change_rows, *rest in written:
        token = Token(net, scope.task_specs[scope.names[number]], None if parent is None else made[parent], key, state)
        token.data = shared(above if parent is None else made[parent].data)
        apply_changes(token.data, [Change(tuple(path), Deed(deed), value) for *path, deed, value in change_rows])
        _recall(token, rest)
        made.append(token)
        tokens[key] = token
    net.task_tree = made[0]


def _recall(token: Token, rest: list[Any]) -> None:
    facts, fault, line, host, order, token.is_left = rest
    token.facts, token.fault = facts or {}, fault
    token.flow = None if line is None else token.task_spec.lines[line]
    token.host, token.order = host, order or 0


def _fingerprint(scope: Scope) -> int:
    found = scope.__dict__.get("fingerprint")
    if found is None:
        found = scope.__dict__["fingerprint"] = zlib.crc32("\n".join(scope.names).encode())
    return int(found)


# -- values


def _foreign(value: Any) -> msgpack.ExtType:
    for kind, code, write in _WRITERS:
        if isinstance(value, kind):
            return msgpack.ExtType(code, write(value).encode())
    raise BadSnapshot(
        f"A variable holds {type(value).__name__}, which cannot be kept; use texts, numbers, dates and lists."
    )


def _known(code: int, written: bytes) -> Any:
    return _READERS[code](written.decode())


def _compressor() -> zstandard.ZstdCompressor:
    if not hasattr(_LOCAL, "compressor"):
        _LOCAL.compressor = zstandard.ZstdCompressor(level=3, write_checksum=True, write_content_size=True)
    found: zstandard.ZstdCompressor = _LOCAL.compressor
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_LOCAL, "decompressor"):
        _LOCAL.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _LOCAL.decompressor
    return found
