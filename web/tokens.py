"""Tokens of the REST interface: made by people, shown once, kept as hashes; none gives more than its person has.

A token is `pf_`, its prefix and its secret. The prefix finds the row, the hash of the whole text is compared in constant time;
the secret has 256 random bits, so that a plain SHA-256 cannot be reversed.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType

from flask import g, request

from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.errors import Invalid, Refused
from storage.people import Actor, ApiToken
from web.context import scopes_or_none, system
from web.rights import Right, View, allows

INTERFACE = "/api/v1"
LONGEST_LIFE_DAYS = 366
_LONGEST_NAME = 100
_MOST = 50
_TEXT = re.compile(r"pf_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_SCHEME = "bearer "
_MARK = "declared_scope"


class Scope(StrEnum):
    """What a token may be used for."""

    PARCELS_READ = "parcels:read"
    PARCELS_WRITE = "parcels:write"
    ORDERS_READ = "orders:read"
    WORK_READ = "work:read"
    WORK_WRITE = "work:write"
    DEPLOYMENTS_READ = "deployments:read"
    DEPLOYMENTS_WRITE = "deployments:write"
    INSTANCES_READ = "instances:read"
    INSTANCES_WRITE = "instances:write"


NEEDED: Mapping[Scope, Right] = MappingProxyType(
    {
        Scope.PARCELS_READ: Right.LOOK_UP,
        Scope.PARCELS_WRITE: Right.BRING_IN,
        Scope.ORDERS_READ: Right.LOOK_UP,
        Scope.WORK_READ: Right.WORK,
        Scope.WORK_WRITE: Right.WORK,
        Scope.DEPLOYMENTS_READ: Right.DRAW,
        Scope.DEPLOYMENTS_WRITE: Right.DRAW,
        Scope.INSTANCES_READ: Right.OPERATE,
        Scope.INSTANCES_WRITE: Right.OPERATE,
    }
)
"""The right that a person needs for a scope to be of any use."""


class TokenRefused(Refused):
    """The token is unknown, revoked or has expired; make a new one."""

    code = "token_refused"


class ScopeMissing(Refused):
    """The token was not made for this; make one with the scope that is missing."""

    code = "scope_missing"

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"The token does not have the scope {scope}; make one that has.")


def useful_scopes(person: Actor) -> list[Scope]:
    """Give the scopes that let the person do something."""
    return [scope for scope, right in NEEDED.items() if allows(right, person.roles)]


def issue(
    tx: Transaction, user_id: int, *, name: str, scopes: Sequence[str], days: int, actor: str
) -> tuple[str, ApiToken]:
    """Make a token for a person and give its text, which is kept nowhere, with its row; raises `Invalid`."""
    _check(tx, user_id, name, scopes, days)
    prefix = secrets.token_hex(6)
    text = f"pf_{prefix}_{secrets.token_urlsafe(32)}"
    token = tx.people.add_token(
        ApiToken(
            user_id=user_id,
            name=name.strip(),
            prefix=prefix,
            hash=_hash(text),
            scopes=sorted(set(scopes)),
            created_at=tx.now,
            expires_at=tx.now + timedelta(days=days),
        )
    )
    details = {"prefix": prefix, "name": token.name, "scopes": token.scopes, "days": days}
    tx.audit.record(SYSTEM_CHAIN, actor, "token_made", f"person {tx.people.one(user_id).login}", details)
    return text, token


def revoke(tx: Transaction, token_id: int, user_id: int, *, actor: str) -> None:
    """Take a token of a person out of force; raises `NotFound`."""
    tx.people.revoke_token(token_id, user_id)
    prefix = next(token.prefix for token in tx.people.tokens(user_id) if token.id == token_id)
    subject = f"person {tx.people.one(user_id).login}"
    tx.audit.record(SYSTEM_CHAIN, actor, "token_revoked", subject, {"prefix": prefix})


def recognise() -> None:
    """Let a request to the REST interface that carries a token be its person's, whatever cookies it has.

    Raises `TokenRefused`. Elsewhere tokens open nothing.
    """
    given = request.headers.get("Authorization", "")
    if not request.path.startswith(f"{INTERFACE}/") or not given.lower().startswith(_SCHEME):
        return
    g.person, g.scopes = None, frozenset()
    g.person, g.scopes = _holder(given[len(_SCHEME) :].strip())


def scoped(scope: Scope) -> Callable[[View], View]:
    """Declare the scope that a token needs for a route."""

    def declare(view: View) -> View:
        setattr(view, _MARK, scope)
        return view

    return declare


def declared_scope(view: Callable[..., object]) -> Scope | None:
    """Give the scope that a route declared."""
    return getattr(view, _MARK, None)


def check_scope(view: Callable[..., object]) -> None:
    """Check that the token, where the request came with one, was made for this route; raises `ScopeMissing`."""
    held, needed = scopes_or_none(), declared_scope(view)
    if held is not None and needed is not None and needed not in held:
        raise ScopeMissing(needed)


def _holder(text: str) -> tuple[Actor, frozenset[str]]:
    found = _TEXT.fullmatch(text)
    if found is None:
        raise TokenRefused
    with system().database.reading() as tx:
        token = tx.people.token(found.group(1))
        stored = token.hash if token is not None else _hash("")
        if not hmac.compare_digest(stored, _hash(text)) or token is None:
            raise TokenRefused
        person, scopes, is_touch_due = _person(tx, token), frozenset(token.scopes), tx.people.is_touch_due(token)
    if is_touch_due:
        with system().database.transaction() as tx:
            tx.people.touch_token(token.id)
    return person, scopes


def _person(tx: Transaction, token: ApiToken) -> Actor:
    with suppress(Refused):
        return tx.people.actor(token.user_id)
    raise TokenRefused


def _check(tx: Transaction, user_id: int, name: str, scopes: Sequence[str], days: int) -> None:
    unknown = set(scopes) - set(Scope)
    if unknown:
        raise Invalid(f"There is no scope {min(unknown)}; choose among {', '.join(Scope)}.")
    if not scopes:
        raise Invalid(f"Choose at least one scope: {', '.join(Scope)}.")
    if not 1 <= days <= LONGEST_LIFE_DAYS:
        raise Invalid(f"A token is in force for 1 to {LONGEST_LIFE_DAYS} days.")
    if not 1 <= len(name.strip()) <= _LONGEST_NAME:
        raise Invalid(f"Say in 1 to {_LONGEST_NAME} characters what the token is for.")
    in_force = [one for one in tx.people.tokens(user_id) if one.revoked_at is None and one.expires_at > tx.now]
    if len(in_force) >= _MOST:
        raise Invalid(f"There are {_MOST} tokens in force already; revoke one first.")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
