"""What a request knows: the system and the person who asks."""

from typing import cast

from flask import current_app, g

from storage.errors import NotFound
from storage.people import Actor
from web.assembly import System

EXTENSION = "parcelflow"


def system() -> System:
    """Give the system this application serves."""
    return cast("System", current_app.extensions[EXTENSION])


def person_or_none() -> Actor | None:
    """Give who is signed in, if anybody."""
    return cast("Actor | None", g.get("person"))


def person() -> Actor:
    """Give who is signed in; raises `NotFound` where nobody is (no route that needs one is reached so)."""
    found = person_or_none()
    if found is None:
        raise NotFound("There is no such page.")
    return found


def scopes_or_none() -> frozenset[str] | None:
    """Give the scopes of the token that the request came with, or None when it came without."""
    return cast("frozenset[str] | None", g.get("scopes"))
