"""Frames between us and a confined child: a kind, a length, a pickled value; the child's values are read with suspicion.

A child has looked at foreign bytes and may have been taken over. So what it sends is unpickled by a reader that makes
plain data, a few standard values, and the value and error classes of our own packages; anything else is refused.
"""

import io
import pickle
import socket
import struct
from collections.abc import Callable
from enum import StrEnum
from typing import Any

_HEAD = struct.Struct("=cQ")
_OWN_PACKAGES = frozenset({"capture", "confined", "engine", "storage", "web"})
_STANDARD = frozenset(
    {
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("builtins", "bytearray"),
        ("builtins", "complex"),
        ("datetime", "date"),
        ("datetime", "datetime"),
        ("datetime", "timedelta"),
        ("datetime", "timezone"),
        ("decimal", "Decimal"),
        ("copyreg", "_reconstructor"),
        ("builtins", "object"),
    }
)


class FrameKind(StrEnum):
    """What a frame carries."""

    CALL = "c"
    ITEM = "i"
    RESULT = "r"
    ERROR = "e"
    CRASH = "x"
    MEMORY = "m"


class BadFrame(Exception):
    """What came is no frame of ours."""


def send_frame(connection: socket.socket, kind: FrameKind, value: object) -> None:
    """Send `value`, pickled, as one frame."""
    body = pickle.dumps(value, protocol=pickle.HIGHEST_PROTOCOL)
    connection.sendall(_HEAD.pack(kind.encode(), len(body)))
    connection.sendall(body)


def receive_frame(read: Callable[[int], bytes], *, at_most: int, trusted: bool = False) -> tuple[FrameKind, Any]:
    """Read one frame by `read(size)`; raise EOFError at the end of the stream, BadFrame if it is not one of ours.

    Only what our own side has sent may be read as `trusted`.
    """
    kind, size = _HEAD.unpack(read(_HEAD.size))
    if size > at_most:
        raise BadFrame(f"a frame of {size} bytes is larger than {at_most}")
    body = read(size)
    try:
        loaded = pickle.loads(body) if trusted else _Suspicious(io.BytesIO(body)).load()  # noqa: S301 (our own side)
        return FrameKind(kind.decode()), loaded
    except (pickle.UnpicklingError, AttributeError, ImportError, TypeError, ValueError, IndexError) as error:
        raise BadFrame(f"a frame cannot be read: {error}") from error


class _Suspicious(pickle.Unpickler):
    """An unpickler that makes nothing but plain values and our own value and error classes."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the class called `name` of `module`; raise UnpicklingError when it is not on the list."""
        if (module, name) == ("builtins", "getattr"):
            return _member  # how Python up to 3.11.3 pickles members of enumerations
        if (module, name) in _STANDARD:
            return super().find_class(module, name)
        if module.partition(".")[0] in _OWN_PACKAGES and "." not in name:
            found = super().find_class(module, name)
            if isinstance(found, type) and found.__module__ == module and _is_value(found):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} may not come out of a confined child")


def _member(enumeration: object, name: object) -> StrEnum:
    """Return a member of one of our enumerations, and nothing else that could be reached by a name."""
    if isinstance(enumeration, type) and issubclass(enumeration, StrEnum) and name in enumeration.__members__:
        return enumeration.__members__[str(name)]
    raise pickle.UnpicklingError(f"{name} is no member of an enumeration of ours")


def _is_value(found: type) -> bool:
    return hasattr(found, "__dataclass_fields__") or issubclass(found, (StrEnum, Exception))
