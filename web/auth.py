"""Signing in and out: argon2id, a throttle in our own table, and sessions that the server can end."""

import hashlib
import secrets
from datetime import datetime, timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Flask, g, session

from storage.audit import SYSTEM_CHAIN
from storage.database import Transaction
from storage.errors import Invalid, Refused
from storage.people import Actor, User
from web.assembly import System
from web.context import person_or_none, system

_ACCOUNT_FREE, _ADDRESS_FREE = 5, 20
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
_SHORTEST, _LONGEST = 12, 256
_LOGIN_LONGEST = 100
_KEY = "_user_id"  # in the session cookie


class SignInRefused(Refused):
    """The name or the password is not right."""

    code = "sign_in_refused"


class TooManyTries(Refused):
    """Too many tries; wait a while and try again."""

    code = "too_many_tries"

    def __init__(self, until: datetime, now: datetime) -> None:
        minutes = max(1, round((until - now).total_seconds() / 60))
        super().__init__(f"Too many tries. Wait {minutes} min and try again.")
        self.seconds = max(1, int((until - now).total_seconds()))


def guard(app: Flask) -> None:
    """Let the application know who asks."""
    app.before_request(_recognise)


def hash_password(password: str) -> str:
    """Hash a new password with argon2id; raises `Invalid` when it is too short or too long."""
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise Invalid(f"A password has {_SHORTEST} to {_LONGEST} characters; choose another one.")
    return _hasher().hash(password)


def check_password(stored: str | None, given: str) -> bool:
    """Compare a password with its hash; takes as long when there is none."""
    try:
        return _hasher().verify(stored or _dummy(), given[:_LONGEST]) and stored is not None
    except (VerificationError, InvalidHashError):
        return False


def sign_in(login: str, password: str, address: str) -> None:
    """Begin a new session for the person; raises `SignInRefused` or `TooManyTries`."""
    home = system()
    login = login.strip()[:_LOGIN_LONGEST]
    _count(home, login, address)
    with home.database.reading() as tx:
        user = tx.people.with_login(login)
    is_right = check_password(user.password_hash if user else None, password)
    if user is None or not is_right or not user.is_active:
        raise SignInRefused("The name or the password is not right. Check both and try again.")
    key = secrets.token_urlsafe(32)
    with home.database.transaction() as tx:
        tx.sign_ins.forgive(_account(login))
        tx.sign_ins.take_back(_place(address))
        tx.sign_ins.open(user.id, _digest(key), timedelta(hours=home.settings.web.session_hours))
        _refresh_hash(tx, user, password)
        tx.audit.record(SYSTEM_CHAIN, user.login, "signed_in", f"person {user.login}")
        person = tx.people.actor(user.id)
    session.clear()
    session[_KEY] = key
    g.person = person


def sign_out() -> None:
    """End the session here and on the server."""
    person = person_or_none()
    if person is not None and _KEY in session:
        with system().database.transaction() as tx:
            tx.sign_ins.close(_digest(session[_KEY]))
            tx.audit.record(SYSTEM_CHAIN, person.login, "signed_out", f"person {person.login}")
    session.clear()


def set_password(tx: Transaction, user_id: int, password: str, actor: str) -> None:
    """Give a person a new password and end all their sessions."""
    user = tx.people.one(user_id)
    user.password_hash = hash_password(password)
    tx.sign_ins.close_all(user_id)
    tx.audit.record(SYSTEM_CHAIN, actor, "password_set", f"person {user.login}")


def _recognise() -> None:
    key = session.get(_KEY)
    g.person = None if key is None else _holder(key)


def _holder(key: str) -> Actor | None:
    """Give the person of a session in force, looked up anew for each request: what was taken away is gone at the next one."""
    home = system()
    with home.database.glance() as tx:
        found = tx.sign_ins.person(_digest(key), timedelta(minutes=home.settings.web.session_idle_minutes))
        if found is None:
            return None
    person, is_touch_due = found
    if is_touch_due:
        with home.database.transaction() as tx:
            tx.sign_ins.touch(_digest(key))
    return person


def _count(home: System, login: str, address: str) -> None:
    """Count the try before it is checked, so that many at once do not slip through."""
    with home.database.transaction() as tx:
        pause = {"first": _FIRST_PAUSE, "longest": _LONGEST_PAUSE}
        until = tx.sign_ins.attempt(_place(address), free=_ADDRESS_FREE, **pause)
        until = until or tx.sign_ins.attempt(_account(login), free=_ACCOUNT_FREE, **pause)
        now = tx.now
    if until is not None:
        raise TooManyTries(until, now)


def _account(login: str) -> str:
    return f"account {login.lower()}"


def _place(address: str) -> str:
    return f"address {address}"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _refresh_hash(tx: Transaction, user: User, password: str) -> None:
    if user.password_hash is not None and _hasher().check_needs_rehash(user.password_hash):
        tx.people.one(user.id).password_hash = _hasher().hash(password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _dummy() -> str:
    """Give a hash that no password fits, so that unknown names take as long as known ones."""
    return _hasher().hash(secrets.token_hex(16))
