"""The access matrix: who sees and does what, as rules, as one SQL condition, and as a mask over all that goes out.

A rule says: people with this *role* may, while the parcel is in this *status* (`*`: any), do with this *subject* what the
*level* says, for parcels in this *scope*. Rules only allow; what no rule allows is not there. A person's right is the union
over the roles.

- subject `order`: the parcel with its order as such. Level `read` lets see it, `write` see and change it, `act` see it and
  complete its work items. Without one of these nothing of the parcel exists for the person, whatever other rules say.
- subject a field's name, or `*` for every field: none < masked < read < write.
- subject `document:` and a document kind, or `document:*` for every kind: none < masked < read < write.
- scope `own`: parcels the person brought in; `customer`: parcels of the person's customer; `all`.

`AccessMatrix.visible` is the only door to queries, `AccessMatrix.view` (and `Rights`, for single values) the only door out.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from io import StringIO

from sqlalchemy import ColumnElement, Index, String, and_, delete, false, insert, or_, select
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit, identity
from storage.errors import NotFound
from storage.numbering import NumberSeries, next_number
from storage.parcels import Parcel
from storage.people import Actor

ANY = "*"
ORDER = "order"
DOCUMENT = "document:"
REVISION = "access revision"
_COLUMNS = ("role", "status", "subject", "level", "scope")


class Level(StrEnum):
    """What a rule allows."""

    NONE = "none"
    MASKED = "masked"
    READ = "read"
    WRITE = "write"
    ACT = "act"


class Scope(StrEnum):
    """Whose parcels a rule is about."""

    OWN = "own"
    CUSTOMER = "customer"
    ALL = "all"


_RANK = {level: rank for rank, level in enumerate((Level.NONE, Level.MASKED, Level.READ, Level.WRITE))}


class AccessRule(Base):
    """One allowance in force, as deployed with a process."""

    __tablename__ = "access_rule"
    __table_args__ = (Index("ix_access_rule_process_key", "process_key", "role"),)

    id: Mapped[int] = identity()
    process_key: Mapped[str] = mapped_column(String(64))
    role: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(100))
    level: Mapped[Level]
    scope: Mapped[Scope]


@dataclass(frozen=True, slots=True)
class Grant:
    """One line of `access.csv`."""

    role: str
    status: str
    subject: str
    level: Level
    scope: Scope


@dataclass(frozen=True, slots=True)
class Fault:
    """A line of `access.csv` (counted from 1) that cannot be used, and why."""

    line: int
    message: str


def read_grants(text: str) -> tuple[list[Grant], list[Fault]]:
    """Read `access.csv` (columns role, status, subject, level, scope); gives the rules and all faults found."""
    reader = csv.DictReader(StringIO(text, newline=""), skipinitialspace=True)
    if missing := [column for column in _COLUMNS if column not in (reader.fieldnames or ())]:
        return [], [Fault(1, f"The column {missing[0]} is missing; the columns are {', '.join(_COLUMNS)}.")]
    grants: list[Grant] = []
    faults: list[Fault] = []
    for row in reader:
        cells = {column: (row[column] or "").strip() for column in _COLUMNS}
        if message := _fault(cells):
            faults.append(Fault(reader.line_num, message))
        else:
            level, scope = Level(cells["level"]), Scope(cells["scope"])
            grants.append(Grant(cells["role"], cells["status"], cells["subject"], level, scope))
    return grants, faults


def _fault(cells: Mapping[str, str]) -> str | None:
    subject, level, scope = cells["subject"], cells["level"], cells["scope"]
    empty = [column for column in _COLUMNS if not cells[column]]
    checks = (
        (empty, f"The {empty[0] if empty else ''} is empty."),
        (level not in list(Level), f"The level {level} is unknown; use one of {', '.join(Level)}."),
        (scope not in list(Scope), f"The scope {scope} is unknown; use one of {', '.join(Scope)}."),
        (
            subject == ORDER and level == Level.MASKED,
            "An order is not masked as a whole; use read, write or act, and mask its fields.",
        ),
        (subject != ORDER and level == Level.ACT, "To act is a right on the order; use the subject order."),
        (subject == DOCUMENT, "The document kind is missing; write document:* for every kind."),
    )
    return next((message for is_wrong, message in checks if is_wrong), None)


@dataclass(frozen=True, slots=True)
class Rights:
    """What one person may do with one parcel."""

    order: frozenset[Level] = frozenset()
    subjects: Mapping[str, Level] = field(default_factory=dict)

    @property
    def is_visible(self) -> bool:
        """Tell whether the parcel exists for the person at all."""
        return bool(self.order)

    @property
    def may_act(self) -> bool:
        """Tell whether the person may complete the parcel's work items."""
        return Level.ACT in self.order

    @property
    def may_write(self) -> bool:
        """Tell whether the person may change the order itself."""
        return Level.WRITE in self.order

    def field(self, name: str) -> Level:
        """Give the level on a field."""
        return self._highest(name, ANY)

    def document(self, kind: str) -> Level:
        """Give the level on a document kind."""
        return self._highest(DOCUMENT + kind, DOCUMENT + ANY)

    def reads_field(self, name: str) -> bool:
        """Tell whether the field's value is shown."""
        return self.field(name) in (Level.READ, Level.WRITE)

    def reads_document(self, kind: str) -> bool:
        """Tell whether documents of this kind are shown."""
        return self.document(kind) in (Level.READ, Level.WRITE)

    def _highest(self, name: str, every: str) -> Level:
        if not self.order:
            return Level.NONE
        levels = (self.subjects.get(name, Level.NONE), self.subjects.get(every, Level.NONE))
        return max(levels, key=_RANK.__getitem__)


class Matrix:
    """All rules in force, held in memory; answers are kept, since there are few different ones."""

    def __init__(self, grants: Iterable[tuple[str, Grant]]) -> None:
        self._grants = tuple((process, grant) for process, grant in grants if grant.level is not Level.NONE)
        self._answers: dict[tuple[object, ...], Rights] = {}

    def rights(self, roles: frozenset[str], process_key: str, status: str, scopes: frozenset[Scope]) -> Rights:
        """Give the union of what the roles allow on a parcel that lies within these scopes."""
        question = (roles, process_key, status, scopes)
        if question not in self._answers:
            self._answers[question] = _union(
                grant
                for process, grant in self._grants
                if process == process_key
                and grant.role in roles
                and grant.status in (status, ANY)
                and grant.scope in scopes
            )
        return self._answers[question]

    def condition(self, actor: Actor, allows: Callable[[Grant], bool]) -> ColumnElement[bool]:
        """Give the condition over `Parcel` that one of the actor's rules for which `allows` holds applies."""
        places = (_place(process, grant) for process, grant in self._of(actor) if allows(grant))
        return _applying(actor, places)

    def readings(self, actor: Actor) -> Sequence[tuple[Sequence[str], ColumnElement[bool]]]:
        """Give the subjects that the actor may read somewhere, each group with the condition over `Parcel` for where."""
        where: dict[str, set[_Place]] = {}
        for process, grant in self._of(actor):
            if _reads(grant):
                where.setdefault(grant.subject, set()).add(_place(process, grant))
        groups: dict[frozenset[_Place], list[str]] = {}
        for subject, places in sorted(where.items()):
            groups.setdefault(frozenset(places), []).append(subject)
        return [(subjects, _applying(actor, places)) for places, subjects in groups.items()]

    def _of(self, actor: Actor) -> Iterator[tuple[str, Grant]]:
        return ((process, grant) for process, grant in self._grants if grant.role in actor.roles)


_Place = tuple[str, Scope, str]
"""Where a rule applies: process, scope, status."""


def _place(process_key: str, grant: Grant) -> _Place:
    return process_key, grant.scope, grant.status


def _applying(actor: Actor, places: Iterable[_Place]) -> ColumnElement[bool]:
    statuses: dict[tuple[str, Scope], set[str]] = {}
    for process, scope, status in places:
        statuses.setdefault((process, scope), set()).add(status)
    return or_(
        false(), *(_applies(actor, process, scope, names) for (process, scope), names in sorted(statuses.items()))
    )


def _union(grants: Iterable[Grant]) -> Rights:
    order: set[Level] = set()
    subjects: dict[str, Level] = {}
    for grant in grants:
        if grant.subject == ORDER:
            order.add(grant.level)
        else:
            known = subjects.get(grant.subject, Level.NONE)
            subjects[grant.subject] = max(known, grant.level, key=_RANK.__getitem__)
    return Rights(frozenset(order), subjects)


def _applies(actor: Actor, process_key: str, scope: Scope, statuses: set[str]) -> ColumnElement[bool]:
    conditions = [Parcel.process_key == process_key]
    if ANY not in statuses:
        conditions.append(Parcel.status.in_(sorted(statuses)))
    if scope is Scope.OWN:
        conditions.append(Parcel.owner_id.in_(sorted(actor.user_ids)))
    elif scope is Scope.CUSTOMER:
        conditions.append(false() if actor.customer_id is None else Parcel.customer_id == actor.customer_id)
    return and_(*conditions)


def _reads(grant: Grant) -> bool:
    return grant.subject == ORDER or grant.level in (Level.READ, Level.WRITE)


class RuleCache:
    """Keeps the matrix of the latest revision for all transactions of a database."""

    def __init__(self) -> None:
        self._kept: tuple[int, Matrix] | None = None

    def at(self, revision: int) -> Matrix | None:
        """Give the matrix of this revision if it is the one kept."""
        kept = self._kept
        return kept[1] if kept and kept[0] == revision else None

    def keep(self, revision: int, matrix: Matrix) -> None:
        """Keep a matrix in place of the earlier one."""
        self._kept = (revision, matrix)


class AccessMatrix:
    """The access matrix of one transaction."""

    def __init__(self, unit: Unit, cache: RuleCache) -> None:
        self._unit = unit
        self._cache = cache
        self._matrix: Matrix | None = None
        self._is_changed = False

    def replace(self, process_key: str, grants: Sequence[Grant]) -> None:
        """Put rules in force for a process, in place of all earlier ones; they hold from the next request on."""
        self._unit.session.execute(delete(AccessRule).where(AccessRule.process_key == process_key))
        rows = [
            {"process_key": process_key} | {column: getattr(grant, column) for column in _COLUMNS}
            for grant in dict.fromkeys(grants)
        ]
        if rows:
            self._unit.connection.execute(insert(AccessRule), rows)
        next_number(self._unit, REVISION)
        self._matrix, self._is_changed = None, True

    def at(self, revision: int) -> Matrix:
        """Give all rules in force, where their revision was read already in this transaction."""
        if self._matrix is None:
            self._matrix = self._cache.at(revision)
        return self.matrix

    def rules(self, process_key: str) -> Sequence[AccessRule]:
        """Give the rules in force for a process as they were deployed."""
        statement = select(AccessRule).where(AccessRule.process_key == process_key).order_by(AccessRule.id)
        return self._unit.session.scalars(statement).all()

    def visible(self, actor: Actor) -> ColumnElement[bool]:
        """Give the condition over `Parcel` for what the person may see: the only door to queries."""
        return self.matrix.condition(actor, lambda grant: grant.subject == ORDER)

    def actionable(self, actor: Actor) -> ColumnElement[bool]:
        """Give the condition over `Parcel` for where the person may complete work items."""
        return self.matrix.condition(actor, lambda grant: grant.subject == ORDER and grant.level is Level.ACT)

    def readable(self, actor: Actor, subject: ColumnElement[str], every: ColumnElement[str]) -> ColumnElement[bool]:
        """Give the condition over `Parcel` and two columns that the person may read the subject in the one.

        `every` holds what stands for all subjects of its sort: `*` for fields, `document:*` for documents.
        """
        return or_(
            false(),
            *(
                and_(or_(subject.in_(names), every.in_(names)), condition)
                for names, condition in self.matrix.readings(actor)
            ),
        )

    def rights(self, actor: Actor, parcel: Parcel) -> Rights:
        """Give what the person may do with the parcel."""
        scopes = {Scope.ALL}
        if parcel.owner_id is not None and parcel.owner_id in actor.user_ids:
            scopes.add(Scope.OWN)
        if parcel.customer_id is not None and parcel.customer_id == actor.customer_id:
            scopes.add(Scope.CUSTOMER)
        return self.matrix.rights(actor.roles, parcel.process_key, parcel.status, frozenset(scopes))

    def parcel(self, actor: Actor, number: str) -> Parcel:
        """Give the parcel by number if the person may see it; raises `NotFound` otherwise, as if it did not exist."""
        statement = select(Parcel).where(Parcel.number == number, self.visible(actor))
        parcel = self._unit.session.scalar(statement)
        if parcel is None:
            raise NotFound(f"There is no parcel {number}; look for it in the list.")
        return parcel

    @property
    def matrix(self) -> Matrix:
        """All rules in force."""
        if self._matrix is None:
            self._matrix = self._load()
        return self._matrix

    def _load(self) -> Matrix:
        connection = self._unit.connection
        statement = select(NumberSeries.last).where(NumberSeries.name == REVISION)
        revision = connection.execute(statement).scalar() or 0
        kept = None if self._is_changed else self._cache.at(revision)
        if kept is not None:
            return kept
        columns = (AccessRule.process_key, *(getattr(AccessRule, column) for column in _COLUMNS))
        rows = connection.execute(select(*columns).order_by(AccessRule.id))
        matrix = Matrix((row[0], Grant(*row[1:])) for row in rows)
        if not self._is_changed:
            self._cache.keep(revision, matrix)
        return matrix
