"""Built scripts and styles by the name of their source, as the manifest tells them."""

import json
from functools import cache
from pathlib import Path
from typing import TypedDict

from flask import Flask, url_for
from markupsafe import Markup

_DIST = Path(__file__).parent / "static" / "dist"


def tell_assets(app: Flask) -> None:
    """Give the templates `style(name)` and `script(name)`."""
    app.jinja_env.globals.update(style=style, script=script)


class _Entry(TypedDict, total=False):
    js: str
    css: list[str]


def style(name: str) -> Markup:
    """Give the links to the styles of an entry."""
    link = Markup('<link rel="stylesheet" href="{}">')
    return Markup("").join(link.format(_address(file)) for file in _manifest()[name].get("css", ()))


def script(name: str) -> Markup:
    """Give the tag of an entry's script, with its styles before it."""
    tag = Markup('<script type="module" src="{}"></script>').format(_address(_manifest()[name]["js"]))
    return style(name) + tag


def _address(file: str) -> str:
    return url_for("static", filename=f"dist/{file}")


@cache
def _manifest() -> dict[str, _Entry]:
    loaded: dict[str, _Entry] = json.loads((_DIST / "manifest.json").read_text(encoding="utf-8"))
    return loaded
