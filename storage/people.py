"""People: users, groups and the roles they grant, substitutions, API tokens, and answers kept for repeated requests."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ForeignKey, Index, String, bindparam, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit, identity
from storage.errors import AlreadyExists, Invalid, NotFound, Refused
from storage.statements import Fixed

_NOT_PASSED_ON = frozenset({"administrator", "process_owner"})
_TOUCH_EVERY = timedelta(minutes=5)

NOBODY = "nobody"
"""The group that nobody is in: of a work item whose assignee is unknown, until an operator has it given to the person."""


class User(Base):
    """A person who signs in; `password_hash` is written and checked by the web."""

    __tablename__ = "user"

    id: Mapped[int] = identity()
    login: Mapped[str] = mapped_column(String(100), unique=True)
    display_name: Mapped[str]
    email: Mapped[str | None] = mapped_column(String(320), default=None)
    password_hash: Mapped[str | None] = mapped_column(default=None)
    session_key: Mapped[str] = mapped_column(String(64), default="", index=True)
    is_active: Mapped[bool] = mapped_column(default=True)
    customer_id: Mapped[int | None] = mapped_column(ForeignKey("party.id"), default=None)
    created_at: Mapped[datetime]
    last_seen_at: Mapped[datetime | None] = mapped_column(default=None)
    failed_sign_ins: Mapped[int] = mapped_column(default=0)
    locked_until: Mapped[datetime | None] = mapped_column(default=None)
    preferences: Mapped[dict[str, Any]] = mapped_column(default_factory=dict)


class Group(Base):
    """People who share a worklist; diagrams name groups by key."""

    __tablename__ = "group"

    id: Mapped[int] = identity()
    key: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]


class Role(Base):
    """What the access matrix grants rights to, by key."""

    __tablename__ = "role"

    id: Mapped[int] = identity()
    key: Mapped[str] = mapped_column(String(64), unique=True)
    name: Mapped[str]


class Membership(Base):
    """A person belongs to a group."""

    __tablename__ = "membership"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    group_id: Mapped[int] = mapped_column(ForeignKey("group.id"), primary_key=True, index=True)


class GroupRole(Base):
    """A group grants a role to its members."""

    __tablename__ = "group_role"

    group_id: Mapped[int] = mapped_column(ForeignKey("group.id"), primary_key=True)
    role_id: Mapped[int] = mapped_column(ForeignKey("role.id"), primary_key=True, index=True)


class Substitution(Base):
    """One person stands in for another from a time until a time."""

    __tablename__ = "substitution"
    __table_args__ = (Index("ix_substitution_substitute_id", "substitute_id", "ends_at"),)

    id: Mapped[int] = identity()
    absent_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    substitute_id: Mapped[int] = mapped_column(ForeignKey("user.id"))
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]


class ApiToken(Base):
    """A key to the REST API: found by its prefix, checked by its hash, limited by scopes and time."""

    __tablename__ = "api_token"

    id: Mapped[int] = identity()
    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), index=True)
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(String(32), unique=True)
    hash: Mapped[str] = mapped_column(String(128))
    scopes: Mapped[list[Any]] = mapped_column(default_factory=list)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None] = mapped_column(default=None)
    last_used_at: Mapped[datetime | None] = mapped_column(default=None)


class RequestKey(Base):
    """The first answer to a request with an Idempotency-Key, given again when the request is repeated."""

    __tablename__ = "request_key"

    user_id: Mapped[int] = mapped_column(ForeignKey("user.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    request: Mapped[str]
    status: Mapped[int]
    answer: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(index=True)


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person with all that gives rights; roles and groups include those of the people it stands in for."""

    user_id: int
    login: str
    name: str
    roles: frozenset[str]
    groups: frozenset[str]
    customer_id: int | None = None
    stands_for: frozenset[int] = frozenset()

    @property
    def user_ids(self) -> frozenset[int]:
        """Give the person's id and those of the people it stands in for."""
        return self.stands_for | {self.user_id}


ABSENT = select(Substitution.absent_id).where(
    Substitution.begins_at <= bindparam("now"), Substitution.ends_at > bindparam("now")
)
"""Those for whom somebody stands in now."""
ACTING = (
    select(
        User.id,
        User.login,
        User.display_name,
        User.is_active,
        User.customer_id,
        Group.key.label("group"),
        Role.key.label("role"),
    )
    .outerjoin(Membership, Membership.user_id == User.id)
    .outerjoin(Group, Group.id == Membership.group_id)
    .outerjoin(GroupRole, GroupRole.group_id == Group.id)
    .outerjoin(Role, Role.id == GroupRole.role_id)
)
"""People, once for each group and role."""
_ACTING_NOW = Fixed(
    ACTING.where(
        or_(
            User.id == bindparam("user"),
            User.id.in_(ABSENT.where(Substitution.substitute_id == bindparam("user"))),
        )
    )
)
"""A person, and those it stands in for."""
_TOKEN_IN_FORCE = select(ApiToken).where(
    ApiToken.prefix == bindparam("prefix"), ApiToken.revoked_at.is_(None), ApiToken.expires_at > bindparam("now")
)


def actor_of(rows: Sequence[Any], user: Any) -> Actor:
    """Make the actor from rows of `ACTING`, one of which is the person's own and the others are those it stands in for."""
    administering = {row.group for row in rows if row.role in _NOT_PASSED_ON}
    held = [row for row in rows if row.group and (row.id == user.id or row.group not in administering)]
    return Actor(
        user_id=user.id,
        login=user.login,
        name=user.display_name,
        roles=frozenset(row.role for row in held if row.role),
        groups=frozenset(row.group for row in held),
        customer_id=user.customer_id,
        stands_for=frozenset(row.id for row in rows if row.id != user.id),
    )


class People:
    """The people of one transaction."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit

    def add(self, user: User, groups: Sequence[str] = ()) -> User:
        """Store a new person as member of the groups (by key); raises `AlreadyExists`, and `NotFound` for an unknown group."""
        if self.with_login(user.login) is not None:
            raise AlreadyExists(f"{user.login} is in use already; choose another name.")
        self._unit.add(user)
        self.set_groups(user.id, groups)
        return user

    def one(self, user_id: int) -> User:
        """Give the person by id; raises `NotFound`."""
        user = self._unit.session.get(User, user_id)
        if user is None:
            raise NotFound("There is no such person.")
        return user

    def actor(self, user_id: int) -> Actor:
        """Give the person with the groups and roles of today; raises `Refused` for one who may not sign in any more.

        Who stands in for somebody has that person's groups and roles too, except administration.
        """
        self._unit.session.flush()
        rows = _ACTING_NOW.all(self._unit.connection, {"user": user_id, "now": self._unit.now})
        user = next((row for row in rows if row.id == user_id), None)
        if user is None:
            raise NotFound("There is no such person.")
        if not user.is_active:
            raise Refused("This account is closed; ask an administrator.")
        return actor_of(rows, user)

    def with_login(self, login: str) -> User | None:
        """Give the person with this login (any case)."""
        return self._unit.session.scalar(select(User).where(func.lower(User.login) == login.lower()))

    def all(self) -> Sequence[User]:
        """Give everybody by display name."""
        return self._unit.session.scalars(select(User).order_by(User.display_name, User.id)).all()

    def names(self, user_ids: Sequence[int]) -> dict[int, str]:
        """Give the display names of these people by id."""
        rows = self._unit.session.execute(select(User.id, User.display_name).where(User.id.in_(user_ids)))
        return {row.id: row.display_name for row in rows}

    def put_group(self, key: str, name: str, roles: Sequence[str] = ()) -> Group:
        """Make or rename a group and let it grant exactly these roles (by key), made where they are missing."""
        if key == NOBODY:
            raise Invalid(f"“{NOBODY}” stands for the group that nobody is in; choose another key.")
        session = self._unit.session
        group = session.scalar(select(Group).where(Group.key == key)) or Group(key=key, name=name)
        group.name = name
        self._unit.add(group)
        session.execute(delete(GroupRole).where(GroupRole.group_id == group.id))
        self._unit.add(*(GroupRole(group_id=group.id, role_id=self.put_role(role).id) for role in dict.fromkeys(roles)))
        return group

    def put_role(self, key: str, name: str | None = None) -> Role:
        """Make a role, or rename it when a name is given."""
        role = self._unit.session.scalar(select(Role).where(Role.key == key))
        role = role or Role(key=key, name=name or key.replace("_", " ").capitalize())
        role.name = name or role.name
        self._unit.add(role)
        return role

    def groups(self) -> Sequence[Group]:
        """Give all groups by name."""
        return self._unit.session.scalars(select(Group).order_by(Group.name)).all()

    def roles(self) -> Sequence[Role]:
        """Give all roles by name."""
        return self._unit.session.scalars(select(Role).order_by(Role.name)).all()

    def set_groups(self, user_id: int, keys: Sequence[str]) -> None:
        """Make the person a member of exactly these groups; raises `NotFound` for an unknown one."""
        wanted = dict.fromkeys(keys)
        found = self._unit.session.scalars(select(Group).where(Group.key.in_(wanted))).all()
        if unknown := set(wanted) - {group.key for group in found}:
            raise NotFound(f"There is no group {min(unknown)}; make it first.")
        self._unit.session.execute(delete(Membership).where(Membership.user_id == user_id))
        self._unit.add(*(Membership(user_id=user_id, group_id=group.id) for group in found))

    def groups_of(self, user_id: int) -> frozenset[str]:
        """Give the keys of the person's groups."""
        statement = select(Group.key).join(Membership).where(Membership.user_id == user_id)
        return frozenset(self._unit.session.scalars(statement))

    def roles_of_group(self, group_id: int) -> frozenset[str]:
        """Give the keys of the roles that a group grants."""
        statement = select(Role.key).join(GroupRole).where(GroupRole.group_id == group_id)
        return frozenset(self._unit.session.scalars(statement))

    def members(self, group_key: str) -> Sequence[User]:
        """Give the active members of a group by display name."""
        statement = (
            select(User)
            .join(Membership, Membership.user_id == User.id)
            .join(Group, Group.id == Membership.group_id)
            .where(Group.key == group_key, User.is_active)
            .order_by(User.display_name)
        )
        return self._unit.session.scalars(statement).all()

    def substitute(self, substitution: Substitution) -> Substitution:
        """Let one person stand in for another."""
        self._unit.add(substitution)
        return substitution

    def substitutions(self) -> Sequence[Substitution]:
        """Give the substitutions that have not ended, soonest end first."""
        statement = select(Substitution).where(Substitution.ends_at > self._unit.now).order_by(Substitution.ends_at)
        return self._unit.session.scalars(statement).all()

    def add_token(self, token: ApiToken) -> ApiToken:
        """Store a token (its hash, never itself)."""
        self._unit.add(token)
        return token

    def token(self, prefix: str) -> ApiToken | None:
        """Give the token with this prefix while it is in force."""
        return self._unit.session.scalar(_TOKEN_IN_FORCE, {"prefix": prefix, "now": self._unit.now})

    def is_touch_due(self, token: ApiToken) -> bool:
        """Tell whether the last use that is on record lies so far back that this one is recorded."""
        return token.last_used_at is None or token.last_used_at < self._unit.now - _TOUCH_EVERY

    def touch_token(self, token_id: int) -> None:
        """Record that the token is in use."""
        self._unit.session.execute(update(ApiToken).where(ApiToken.id == token_id).values(last_used_at=self._unit.now))

    def tokens(self, user_id: int) -> Sequence[ApiToken]:
        """Give the person's tokens, newest first."""
        statement = select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())
        return self._unit.session.scalars(statement).all()

    def revoke_token(self, token_id: int, user_id: int) -> None:
        """Take one of the person's tokens out of force; raises `NotFound`."""
        statement = (
            update(ApiToken)
            .where(ApiToken.id == token_id, ApiToken.user_id == user_id, ApiToken.revoked_at.is_(None))
            .values(revoked_at=self._unit.now)
            .returning(ApiToken.id)
        )
        if self._unit.session.execute(statement).scalar() is None:
            raise NotFound("There is no such token in force.")

    def first_answer(self, user_id: int, key: str) -> RequestKey | None:
        """Give the first answer to the request with this key, if it came before."""
        return self._unit.session.get(RequestKey, (user_id, key))

    def keep_answer(self, answer: RequestKey) -> None:
        """Keep the answer to a request; raises `AlreadyExists` at the end when the same key came in the meantime."""
        self._unit.add(answer)

    def forget_answers(self, older_than: timedelta) -> int:
        """Drop answers kept longer than this; gives their number."""
        statement = (
            delete(RequestKey).where(RequestKey.created_at < self._unit.now - older_than).returning(RequestKey.key)
        )
        return len(self._unit.session.execute(statement).all())
