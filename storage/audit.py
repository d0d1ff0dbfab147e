"""The audit trail: who did what when to which thing, as hash chains that are only ever appended to.

There is one chain for each parcel and one called `system` (deployments, people, settings). Each event holds the hash of the
one before it: `hash = SHA-256(previous hash + canonical JSON of the event)`. SQLite keeps hashes as bytes and details deflated
(`storage.brief`); what earlier versions wrote stays as it was written.

Events recorded in a transaction are written just before it commits, in as few statements as possible: the head is read, and the
first event is inserted under the unique number that follows it. Whoever finds that number taken reads the head again; whoever got
it owns the chain until the commit.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import String, UniqueConstraint, bindparam, func, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, mapped_column

from storage.base import Base, Unit, WrittenJson, clean_text, identity, to_json
from storage.brief import BriefJson, Digest
from storage.errors import Conflict
from storage.statements import Batch, Fixed, given_lists

SYSTEM_CHAIN = "system"
_GENESIS = "0" * 64
_ATTEMPTS = 50
_LONGEST_SUBJECT, _LONGEST_NAME = 200, 100


def parcel_chain(parcel_id: int) -> str:
    """Give the name of a parcel's chain."""
    return f"parcel:{parcel_id}"


class AuditEvent(Base):
    """Who did what when to which thing; never changed."""

    __tablename__ = "audit_event"
    __table_args__ = (UniqueConstraint("chain", "number"),)

    id: Mapped[int] = identity()
    chain: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(_LONGEST_NAME))
    on_behalf_of: Mapped[str | None] = mapped_column(String(100), default=None)
    action: Mapped[str] = mapped_column(String(64))
    subject: Mapped[str] = mapped_column(String(_LONGEST_SUBJECT))
    details: Mapped[dict[str, Any]] = mapped_column(BriefJson(), default_factory=dict)
    previous: Mapped[str] = mapped_column(String(64), default="")
    """Empty, since the event before has it; earlier versions wrote it here too."""
    hash: Mapped[str] = mapped_column(Digest())


@dataclass(frozen=True, slots=True)
class _Head:
    number: int
    hash: str


_NOTHING = _Head(0, _GENESIS)


@dataclass(frozen=True, slots=True)
class _Entry:
    chain: str
    at: datetime
    actor: str
    on_behalf_of: str | None
    action: str
    subject: str
    details: Mapping[str, Any]

    def after(self, head: _Head) -> dict[str, Any]:
        details = WrittenJson(to_json(self.details))
        row = {name: getattr(self, name) for name in self.__slots__} | {
            "number": head.number + 1,
            "previous": "",
            "details": details,
        }
        return row | {"hash": _digest(row, details, head.hash)}


@dataclass(frozen=True, slots=True)
class BrokenChain:
    """The first event of a chain that does not fit: its number, and why."""

    chain: str
    number: int
    reason: str


class AuditTrail:
    """The audit trail of one transaction: append and read, nothing else."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._pending: list[_Entry] = []
        self._heads: dict[str, _Head] = {}
        unit.before_commit.append(self.write)

    def record(
        self,
        chain: str,
        actor: str,
        action: str,
        subject: str,
        details: Mapping[str, Any] | None = None,
        *,
        on_behalf_of: str | None = None,
    ) -> None:
        """Append an event to a chain; it is written when the transaction commits."""
        subject, actor = clean_text(subject)[:_LONGEST_SUBJECT], clean_text(actor)[:_LONGEST_NAME]
        self._pending.append(_Entry(chain, self._unit.now, actor, on_behalf_of, action, subject, dict(details or {})))

    def know_head(self, chain: str, number: int | None, digest: str | None) -> None:
        """Take the head of a chain as read in this transaction, which spares reading it; a wrong one is found and read again.

        A chain without events has none.
        """
        head = _NOTHING if number is None or digest is None else _Head(number, digest)
        self._heads.setdefault(chain, head)

    def write(self) -> None:
        """Write what was recorded so far."""
        pending, self._pending = sorted(self._pending, key=attrgetter("chain")), []
        for chain, entries in groupby(pending, key=attrgetter("chain")):
            self._append(chain, list(entries))

    def write_with(self, batch: Batch) -> None:
        """Let a batch write what was recorded so far; only what is recorded alone in chains whose heads are known."""
        chains = Counter(entry.chain for entry in self._pending)
        alone = [entry for entry in self._pending if chains[entry.chain] == 1 and entry.chain in self._heads]
        self._pending = [e for e in self._pending if chains[e.chain] > 1 or e.chain not in self._heads]
        rows = [entry.after(self._heads[entry.chain]) for entry in alone]
        batch.add(_CLAIMS[self._kind], *rows, check=partial(self._claimed, alone, rows))

    def _claimed(self, entries: Sequence[_Entry], rows: Sequence[Mapping[str, Any]], written: int) -> None:
        """Know the heads that were written; record once more, behind those of whoever was faster, what was not."""
        heads = {row["chain"]: _Head(row["number"], row["hash"]) for row in rows}
        ours = set(heads) if written == len(rows) else self._found(heads) if written else set[str]()
        self._heads |= {chain: heads[chain] for chain in ours}
        again = [entry for entry in entries if entry.chain not in ours]
        for entry in again:
            self._heads.pop(entry.chain, None)
        self._pending[:0] = again

    def _found(self, heads: Mapping[str, _Head]) -> set[str]:
        """Tell in which chains these events are on record."""
        event = AuditEvent.__table__.c
        wanted = [(chain, head.number) for chain, head in heads.items()]
        statement = select(event.chain, event.hash).where(tuple_(event.chain, event.number).in_(wanted))
        rows = self._unit.connection.execute(statement)
        return {row.chain for row in rows if row.hash == heads[row.chain].hash}

    def history(self, chain: str) -> Sequence[AuditEvent]:
        """Give all events of a chain in order."""
        self.write()
        return self._unit.session.scalars(
            select(AuditEvent).where(AuditEvent.chain == chain).order_by(AuditEvent.number)
        ).all()

    def latest(self, chain: str, limit: int = 50, before: int | None = None) -> Sequence[AuditEvent]:
        """Give the latest events of a chain, newest first; `before` is the number to go on from."""
        self.write()
        statement = select(AuditEvent).where(AuditEvent.chain == chain)
        if before is not None:
            statement = statement.where(AuditEvent.number < before)
        return self._unit.session.scalars(statement.order_by(AuditEvent.number.desc()).limit(limit)).all()

    def after(self, event_id: int) -> Sequence[AuditEvent]:
        """Give the events of all chains that were written after this one (by id), in order."""
        self.write()
        statement = select(AuditEvent).where(AuditEvent.id > event_id).order_by(AuditEvent.id)
        return self._unit.session.scalars(statement).all()

    def heads(self) -> Mapping[str, str]:
        """Give the hash of each chain's last event; kept elsewhere, it shows what was cut off later."""
        self.write()
        last = select(func.max(AuditEvent.id)).group_by(AuditEvent.chain)
        rows = self._unit.connection.execute(select(AuditEvent.chain, AuditEvent.hash).where(AuditEvent.id.in_(last)))
        return {row.chain: row.hash for row in rows}

    def verify(self, anchors: Mapping[str, str] | None = None) -> Iterator[BrokenChain]:
        """Check every chain and name the first bad number of each broken one.

        `anchors` are heads taken earlier (see `heads`): each must still be found in its chain, which shows a tail cut off, a
        chain written anew, and an old copy put back.
        """
        self.write()
        missing = dict(anchors or {})
        for chain, rows in groupby(self._rows(), key=attrgetter("chain")):
            broken, seen = _verify_chain(chain, rows, missing.get(chain))
            if seen:
                missing.pop(chain, None)
            if broken is not None:
                missing.pop(chain, None)
                yield broken
        for chain in missing:
            yield BrokenChain(chain, 0, "the anchored head is no longer part of the chain")

    def _rows(self) -> Iterator[Any]:
        columns = AuditEvent.__table__.c
        statement = select(*columns).order_by(columns.chain, columns.number).execution_options(yield_per=1000)
        return iter(self._unit.connection.execute(statement))

    def _append(self, chain: str, entries: Sequence[_Entry]) -> None:
        for _ in range(_ATTEMPTS):
            rows = list(_chained(entries, self._heads.get(chain) or self._read_head(chain)))
            if self._claim(rows[0]):
                break
            self._heads.pop(chain, None)
        else:
            raise Conflict(f"Too many are writing to {chain} at once; try again.")
        if rows[1:]:
            self._unit.connection.execute(insert(AuditEvent), rows[1:])
        self._heads[chain] = _Head(rows[-1]["number"], rows[-1]["hash"])

    def _claim(self, row: Mapping[str, Any]) -> bool:
        taken: list[int] = []
        batch = Batch(self._unit.connection)
        batch.add(_CLAIMS[self._kind], row, check=taken.append)
        batch.send()
        return taken == [1]

    @property
    def _kind(self) -> str:
        return "postgresql" if self._unit.is_postgresql else "sqlite"

    def _read_head(self, chain: str) -> _Head:
        statement = (
            select(AuditEvent.number, AuditEvent.hash)
            .where(AuditEvent.chain == chain)
            .order_by(AuditEvent.number.desc())
            .limit(1)
        )
        row = self._unit.connection.execute(statement).first()
        return _Head(row.number, row.hash) if row else _NOTHING


def _unless_taken(statement: Any) -> Any:
    return statement.on_conflict_do_nothing(index_elements=["chain", "number"])


_KINDS = {name: AuditEvent.__table__.c[name] for name in (*_Entry.__slots__, "number", "previous", "hash")}
_COLUMNS = {name: bindparam(name, type_=column.type) for name, column in _KINDS.items()}
_CLAIMS = {
    "sqlite": Fixed(_unless_taken(sqlite.insert(AuditEvent).inline().values(_COLUMNS))),
    "postgresql": Fixed(
        _unless_taken(postgresql.insert(AuditEvent).inline().values(_COLUMNS)),
        _unless_taken(postgresql.insert(AuditEvent).from_select([*_COLUMNS], select(*given_lists(_KINDS)))),
    ),
}


def _digest(row: Mapping[str, Any], details: str, previous: str) -> str:
    """Give the hash of an event; its details, the last of its canonical JSON, are given as written."""
    fields = ("chain", "number", "at", "actor", "on_behalf_of", "action", "subject")
    canonical = f"{to_json([row[name] for name in fields])[:-1]},{details}]"
    return hashlib.sha256((previous + canonical).encode()).hexdigest()


def _chained(entries: Sequence[_Entry], head: _Head) -> Iterator[dict[str, Any]]:
    for entry in entries:
        row = entry.after(head)
        head = _Head(row["number"], row["hash"])
        yield row


def _verify_chain(chain: str, rows: Iterator[Any], anchor: str | None) -> tuple[BrokenChain | None, bool]:
    head, anchored = _Head(0, _GENESIS), anchor is None
    for row in rows:
        event = row._asdict()
        if row.number != head.number + 1:
            return BrokenChain(chain, head.number + 1, "an event is missing, or stands in the wrong place"), anchored
        if row.previous not in ("", head.hash):
            return BrokenChain(chain, row.number, "the event does not follow the one before it"), anchored
        if row.hash != _digest(event, to_json(row.details), head.hash):
            return BrokenChain(chain, row.number, "the event was changed"), anchored
        head = _Head(row.number, row.hash)
        anchored = anchored or row.hash == anchor
    if not anchored:
        return BrokenChain(chain, head.number + 1, "the anchored head is no longer part of the chain"), True
    return None, True
