"""Columns that take little room on SQLite: hashes as bytes, and JSON deflated against a dictionary of what it usually says.

PostgreSQL keeps both as text. What is read may be either: rows are never written anew for the sake of their form.
"""

import zlib
from typing import Any

from sqlalchemy import Dialect, String
from sqlalchemy.types import TypeDecorator

from storage.base import Json, from_json

_FORM = b"\x01"  # which dictionary; a later one needs a number of its own, and this one stays
_USUAL = (
    b'"corrected":[],"on_behalf_of":"fields":["reason"],"failed"],"withdrawn"],"operation":"","reason":"'
    b'{"node":"","operation":"","visits":[["","completed"]]}'
    b'{"flows":["begin_to_","_to_"],"process":"order","version":1,'
    b'"visits":[["order","begin","entered"],["order","begin","completed"],["order","","entered"]]}'
    b'{"fields":[],"flows":["_to_"],"node":"","outcome":null,"visits":[["order","","completed"],["order","","entered"]]}'
)


class BriefJson(Json):
    """JSON as `Json` keeps it; deflated on SQLite."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        """Write the value."""
        text = super().process_bind_param(value, dialect)
        return text if text is None or dialect.name != "sqlite" else _FORM + _deflated(text.encode())

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        """Read the value, in whichever form it was written."""
        if isinstance(value, bytes):
            return _read(value)
        return super().process_result_value(value, dialect)


class Digest(TypeDecorator[str]):
    """A SHA-256 in hexadecimal digits; bytes on SQLite."""

    impl = String(64)
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:
        """Write the digest."""
        return value if value is None or dialect.name != "sqlite" else bytes.fromhex(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """Read the digest, in whichever form it was written."""
        return value.hex() if isinstance(value, bytes) else value


def _read(value: bytes) -> Any:
    inflate = zlib.decompressobj(-zlib.MAX_WBITS, _USUAL)
    try:
        return from_json(inflate.decompress(value.removeprefix(_FORM)).decode())
    except (zlib.error, ValueError):
        return {"unreadable": value.hex()}  # its hash tells that it was changed


def _deflated(data: bytes) -> bytes:
    deflate = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=_USUAL)
    return deflate.compress(data) + deflate.flush()
