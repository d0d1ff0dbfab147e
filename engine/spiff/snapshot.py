# ruff: noqa: SLF001 - the library hands its own members to subclasses under private names
"""An instance as bytes: only what moves, in about a kilobyte.

The bytes are `PFX1` and a zstd frame with a checksum around msgpack. Inside stand format and library version, a counter, and each
net with its live tokens, parents first. Specifications are named by number, and a fingerprint refuses a program they do not
belong to. Variables are written as changes against the token above (for the instances of a parallel repetition: against what it
began with); the root of an inner net against the token that owns it. Decimal, dates, times and durations are extension types
written as text. Loading builds plain values and our own classes, nothing else.

The instances of a parallel repetition are written down anew only when they were stirred, so that one that moves among a
thousand that rest costs no more than one among ten.
"""

import threading
import zlib
from collections.abc import Callable
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
from storage.months import Months

MAGIC: Final = b"PFX1"
FORMAT: Final = 2
PARENTS_BY_ROW: Final = 1  # the format before: parents by row, all changes against the token above
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
    (Months, 7, lambda value: str(value.number)),
)
_READERS: Final[dict[int, Callable[[str], Any]]] = {
    1: Decimal,
    2: datetime.fromisoformat,
    3: date.fromisoformat,
    4: time.fromisoformat,
    5: lambda text: timedelta(*map(int, text.split())),
    6: int,
    7: lambda text: Months(int(text)),
}


def pack(instance: Instance) -> bytes:
    """Write an instance down."""
    failure = instance.failure
    head = [
        FORMAT,
        LIBRARY,
        instance.number,
        instance.spec.name,
        None if failure is None else [failure.code, failure.node, failure.message],
        instance.was_terminated,
        instance.data if instance.completed else None,
    ]
    nets = [] if instance.completed else [_written(net) for net in instance.nets()]
    queue = [token.id for token in (*instance.urgent, *instance.queue) if token.state == READY]
    whole = _joined([*(_packed(part) for part in head), _joined(nets), _packed(queue)])
    return MAGIC + _compressor().compress(whole)


def _packed(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value, default=_foreign, use_bin_type=True)
    return packed


def _joined(parts: list[bytes]) -> bytes:
    """Give the list of what was packed already."""
    header: bytes = msgpack.Packer().pack_array_header(len(parts))
    return header + b"".join(parts)


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


def is_older(saved: bytes) -> bool:
    """Tell whether an instance was written in a format before the present one, which `pack` does not write any more."""
    return bool(_decoded(saved)[0] < FORMAT)


def _decoded(saved: bytes) -> Any:
    if saved[: len(MAGIC)] != MAGIC:
        raise BadSnapshot("The bytes are no saved instance; restore them from a backup.")
    frame = saved[len(MAGIC) :]
    if not 0 < zstandard.get_frame_parameters(frame).content_size <= MOST_BYTES:
        raise BadSnapshot("The saved instance is larger than any that was written; restore it from a backup.")
    return msgpack.unpackb(_decompressor().decompress(frame), ext_hook=_known, raw=False, strict_map_key=False)


def _read(program: Program, written: Any) -> Instance:
    written_format, library, number, scope, failure, was_terminated, data, nets, queue = written
    if written_format not in {FORMAT, PARENTS_BY_ROW} or library != LIBRARY:
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
        _fill(net, row, tokens, by_row=written_format == PARENTS_BY_ROW)
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


def _written(net: Net) -> bytes:
    scope: Scope = net.spec
    owner = net.owner
    root = net.task_tree.data
    head = [
        scope.name,
        root if owner is None else None,
        None if owner is None else owner.id,
        net.process,
        net.log,
        _fingerprint(scope),
    ]
    above: dict[str, Any] = root if owner is None else owner.data
    return _joined([*(_packed(part) for part in head), _joined(_tokens_written(net, above))])


def _tokens_written(net: Net, above: dict[str, Any]) -> list[bytes]:
    """Write the tokens down, parents first; of a thousand side by side, those that were written before in one go."""
    scope: Scope = net.spec
    written, todo = list[bytes](), [_Kin([net.task_tree])]
    while todo:
        kin = todo[-1]
        kept, token = kin.up_to_next()
        written += kept
        if token is None:
            todo.pop()
            continue
        written.append(_token_written(token, scope, above))
        if token._children:
            todo.append(_Kin(token.kin))
    return written


class _Kin:
    """Tokens side by side, with what is kept of each as it was last written; gone through once."""

    def __init__(self, tokens: list[Token]) -> None:
        self._tokens: list[Token | None] = [*tokens, None]
        self._kept = [*[token.written for token in tokens], None]
        self._place = 0

    def up_to_next(self) -> tuple[list[bytes], Token | None]:
        """Give what is kept up to the next token that has to be written, and that token, or None at the end."""
        begin, end = self._place, self._kept.index(None, self._place)
        self._place = end + 1
        kept: Any = self._kept[begin:end]
        return kept, self._tokens[end]


def _token_written(token: Token, scope: Scope, above: dict[str, Any]) -> bytes:
    written = _packed(_token_row(token, scope, above))
    if token.is_inner and not token._children and "base" in token.parent.facts:
        token.written = written
    return written


def _token_row(token: Token, scope: Scope, above: dict[str, Any]) -> list[Any]:
    spec, base = token.task_spec, token.start_of_changes
    line = spec.lines.index(token.flow) if token.state == WAITING and token.flow in spec.lines else None
    mine = changes(above if base is None else base, token.data, makes=False)
    return [
        token.id,
        None if token.parent is None else token.parent.id,
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


def _fill(net: Net, row: Any, tokens: dict[int, Token], *, by_row: bool) -> None:
    _, above, _, net.process, net.log, fingerprint, written = row
    scope: Scope = net.spec
    if fingerprint != _fingerprint(scope):
        raise BadSnapshot(f"The instance belongs to another version of {scope.name}; load it with that version.")
    if net.owner is not None:
        above = net.owner.data
    made: list[Token] = []
    for key, parent_key, state, number, change_rows, *rest in written:
        parent = None if parent_key is None else made[parent_key] if by_row else net.tasks[parent_key]
        token = Token(net, scope.task_specs[scope.names[number]], parent, key, state)
        base = parent.data if by_row and parent is not None else token.start_of_changes
        token.data = shared(above if base is None else base)
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
        _LOCAL.compressor = zstandard.ZstdCompressor(level=1, write_checksum=True, write_content_size=True)
    found: zstandard.ZstdCompressor = _LOCAL.compressor
    return found


def _decompressor() -> zstandard.ZstdDecompressor:
    if not hasattr(_LOCAL, "decompressor"):
        _LOCAL.decompressor = zstandard.ZstdDecompressor()
    found: zstandard.ZstdDecompressor = _LOCAL.decompressor
    return found
