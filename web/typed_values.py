"""Values of variables as people type them into a form: a text, or anything else as JSON."""

from typing import Any

from flask import request

from storage.errors import Invalid
from web.api import exact_json

REMOVE = "remove"


def variable_name() -> str:
    """Give the name that was typed; raises `Invalid` where it is none."""
    name = request.form.get("name", "").strip()
    if not name.isidentifier():
        raise Invalid("A variable's name has letters, digits and _, and begins with a letter.")
    return name


def variable_value() -> Any:
    """Give the value that was typed, of the kind that was chosen; raises `Invalid` where it cannot be read."""
    text = request.form.get("value", "")
    if request.form.get("kind", "text") == "text":
        return text
    try:
        return exact_json.loads(text)
    except ValueError as error:
        raise Invalid(f"The value cannot be read ({error}); write 12.50, true, null, [1, 2] or {{}}.") from error
