"""The address of the page one is on, with other choices: how the viewer's links page and zoom."""

from typing import Any

from flask import request, url_for


def here_with(**change: object) -> str:
    """Give the address that shows this page with some choices changed, also when the page answered a form."""
    kept = {
        name: value for name, value in request.args.items() if name in {"document", "page", "zoom", "view", "story"}
    }
    arguments: dict[str, Any] = {**(request.view_args or {}), **kept, **change}
    return url_for(".show", **arguments) + "#sheet"
