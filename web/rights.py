"""Which right a route needs, and which roles have it; a route that declares none is closed.

Roles that an installation makes for itself open the doors of everyday work: the worklist, orders and parcels, bringing in.

These rights open doors of the house: pages and actions. What lies behind a door, which parcels, fields and documents, is
decided row by row by the access matrix. Both must allow.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import TypeVar

View = TypeVar("View", bound=Callable[..., object])
_MARK = "declared_right"


class Right(StrEnum):
    """What a route may ask for."""

    PUBLIC = "public"
    SIGNED_IN = "signed_in"
    WORK = "work"
    LOOK_UP = "look_up"
    ORDER = "order"
    BRING_IN = "bring_in"
    CANCEL = "cancel"
    QUARANTINE = "quarantine"
    OPERATE = "operate"
    REPORT = "report"
    DRAW = "draw"
    ADMINISTER = "administer"
    PORTAL = "portal"


_CLERKS = frozenset({"manager", "accountant", "quality", "planner", "production"})
_STAFF = _CLERKS | {"administrator", "process_owner"}

ROLES: Mapping[Right, frozenset[str]] = MappingProxyType(
    {
        Right.WORK: _STAFF,
        Right.LOOK_UP: _STAFF,
        Right.ORDER: frozenset({"manager", "customer"}),
        Right.BRING_IN: _CLERKS | {"administrator"},
        Right.CANCEL: frozenset({"manager"}),
        Right.QUARANTINE: frozenset({"manager", "administrator"}),
        Right.OPERATE: frozenset({"administrator", "process_owner"}),
        Right.REPORT: frozenset({"manager", "administrator"}),
        Right.DRAW: frozenset({"process_owner"}),
        Right.ADMINISTER: frozenset({"administrator"}),
        Right.PORTAL: frozenset({"customer"}),
    }
)

SHIPPED_ROLES = frozenset[str]().union(*ROLES.values())
OF_OTHER_ROLES = frozenset({Right.WORK, Right.LOOK_UP, Right.BRING_IN})
"""What roles may do that Parcelflow does not know; what they find there is decided by the access matrix."""


def needs(right: Right) -> Callable[[View], View]:
    """Declare the right that a route needs; put it nearest to the function."""

    def declare(view: View) -> View:
        setattr(view, _MARK, right)
        return view

    return declare


def declared(view: Callable[..., object]) -> Right | None:
    """Give the right that a route declared, or None: then it is closed."""
    return getattr(view, _MARK, None)


def allows(right: Right, roles: frozenset[str] | None) -> bool:
    """Tell whether somebody with these roles has the right; `None` is somebody who has not signed in."""
    if right is Right.PUBLIC:
        return True
    if roles is None:
        return False
    return (
        right is Right.SIGNED_IN
        or bool(ROLES[right] & roles)
        or (right in OF_OTHER_ROLES and bool(roles - SHIPPED_ROLES))
    )
