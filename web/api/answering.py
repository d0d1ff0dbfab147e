"""Answers to programs: shapes as JSON, and the address of the next page of a list."""

from typing import Any

from flask import Response, request, url_for
from pydantic import BaseModel

from storage.months import Months


def answer(shape: BaseModel, status: int = 200, location: str | None = None) -> Response:
    """Give a shape as JSON."""
    made = Response(shape.model_dump_json(fallback=_written), status, mimetype="application/json")
    if location is not None:
        made.headers["Location"] = location
    return made


def _written(value: Any) -> str:
    """Write the one kind of variable that pydantic does not know, a duration of years and months, as ISO 8601."""
    if isinstance(value, Months):
        return str(value)
    raise TypeError(f"A {type(value).__name__} cannot be written as JSON.")


def next_page(after: object | None) -> str | None:
    """Give the address of the page that begins after something, with the same filters; None at the end."""
    if after is None:
        return None
    kept: dict[str, Any] = {**request.args.to_dict(), "after": after}
    return url_for(str(request.endpoint), **kept)
