"""Who is signed in where, and how often somebody tried in vain: browser sessions and the throttle before them."""

from datetime import datetime, timedelta

from sqlalchemy import ForeignKey, String, bindparam, delete, or_, select, true, union_all, update
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit
from storage.people import ABSENT, ACTING, Actor, Substitution, User, actor_of
from storage.statements import Fixed

_TOUCH_EVERY = timedelta(minutes=5)
_FORGOTTEN_AFTER = timedelta(days=1)


class BrowserSession(Base):
    """A browser in which a person has signed in; found by the hash of the key that the browser holds."""

    __tablename__ = "browser_session"

    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class SignInThrottle(Base):
    """Tries in vain for one account or from one address, and until when no more are taken."""

    __tablename__ = "sign_in_throttle"

    subject: Mapped[str] = mapped_column(String(400), primary_key=True)
    failures: Mapped[int]
    failed_at: Mapped[datetime]
    blocked_until: Mapped[datetime | None] = mapped_column(default=None)


_IN_FORCE = (
    select(BrowserSession.user_id, BrowserSession.seen_at)
    .where(
        BrowserSession.key_hash == bindparam("key"),
        BrowserSession.expires_at > bindparam("now"),
        BrowserSession.seen_at > bindparam("still_in_use"),
    )
    .cte("in_force")
)
_SIGNED_IN = Fixed(
    ACTING.add_columns(_IN_FORCE.c.user_id.label("own_id"), _IN_FORCE.c.seen_at)
    .join(_IN_FORCE, true())
    .where(
        User.id.in_(
            union_all(
                select(_IN_FORCE.c.user_id),
                ABSENT.join(_IN_FORCE, Substitution.substitute_id == _IN_FORCE.c.user_id),
            )
        )
    )
)
"""The person of a session in force, and those it stands in for."""


class SignIns:
    """Sessions and tries of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def attempt(self, subject: str, *, free: int, first: timedelta, longest: timedelta) -> datetime | None:
        """Count one try for the subject before it is checked; give until when it is blocked, or None when it may be checked.

        After `free` tries each further one doubles the pause, from `first` up to `longest`; a day without tries forgets them.
        """
        now = self._unit.now
        row = self._throttle(subject)
        if row.blocked_until is not None and row.blocked_until > now:
            return row.blocked_until
        if row.failed_at < now - _FORGOTTEN_AFTER:
            row.failures = 0
        row.failures += 1
        row.failed_at = now
        over = row.failures - free
        row.blocked_until = None if over < 0 else now + min(longest, first * 2 ** min(over, 20))
        self._unit.session.flush()
        return None

    def _throttle(self, subject: str) -> SignInThrottle:
        insert = self._unit.insert(SignInThrottle).values(subject=subject, failures=0, failed_at=self._unit.now)
        self._unit.session.execute(insert.on_conflict_do_nothing())
        return self._unit.session.get_one(SignInThrottle, subject, with_for_update=True)

    def forgive(self, subject: str) -> None:
        """Forget the tries for a subject, after the right password."""
        self._unit.session.execute(delete(SignInThrottle).where(SignInThrottle.subject == subject))

    def take_back(self, subject: str) -> None:
        """Forget one try for a subject, after the right password: those of others there stay counted."""
        counted = update(SignInThrottle).where(SignInThrottle.subject == subject, SignInThrottle.failures > 0)
        self._unit.session.execute(counted.values(failures=SignInThrottle.failures - 1, blocked_until=None))

    def sweep(self) -> int:
        """Forget the tries of subjects that have not tried for a day; gives how many subjects."""
        now = self._unit.now
        old = delete(SignInThrottle).where(
            SignInThrottle.failed_at < now - _FORGOTTEN_AFTER,
            or_(SignInThrottle.blocked_until.is_(None), SignInThrottle.blocked_until <= now),
        )
        return len(self._unit.session.scalars(old.returning(SignInThrottle.subject)).all())

    def open(self, user_id: int, key_hash: str, lifetime: timedelta) -> None:
        """Begin a session; those that are over are swept on the way."""
        now = self._unit.now
        self._unit.session.execute(delete(BrowserSession).where(BrowserSession.expires_at <= now))
        self._unit.add(
            BrowserSession(key_hash=key_hash, user_id=user_id, created_at=now, seen_at=now, expires_at=now + lifetime)
        )

    def person(self, key_hash: str, idle: timedelta) -> tuple[Actor, bool] | None:
        """Give the active person of a session in force, and whether `touch` is due; None when there is no such session."""
        now = self._unit.now
        values = {"key": key_hash, "now": now, "still_in_use": now - idle}
        rows = _SIGNED_IN.all(self._unit.connection, values)
        own = next((row for row in rows if row.id == row.own_id), None)
        if own is None or not own.is_active:
            return None
        return actor_of(rows, own), own.seen_at < now - _TOUCH_EVERY

    def touch(self, key_hash: str) -> None:
        """Record that the session is in use."""
        statement = update(BrowserSession).where(BrowserSession.key_hash == key_hash).values(seen_at=self._unit.now)
        self._unit.session.execute(statement)

    def close(self, key_hash: str) -> None:
        """End a session."""
        self._unit.session.execute(delete(BrowserSession).where(BrowserSession.key_hash == key_hash))

    def close_all(self, user_id: int) -> None:
        """End all sessions of a person: after a new password, other groups, or the end of the account."""
        self._unit.session.execute(delete(BrowserSession).where(BrowserSession.user_id == user_id))
