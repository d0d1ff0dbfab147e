"""The raw limit: the rows of a completion or a start, written through SQLAlchemy Core with ready values and no engine."""

import time
from typing import Any
from uuid import uuid4

from sqlalchemy import bindparam, insert, select, update

from bench import clocks
from bench.orders import Place, Run
from storage.audit import AuditEvent
from storage.base import Base
from storage.jobs import Job
from storage.parcels import Parcel, ParcelState, StatusChange
from storage.processes import MessageSubscription, ProcessInstance
from storage.timers import Timer
from storage.work import WorkItem, WorkState

_STEP = (
    update(ProcessInstance)
    .where(ProcessInstance.id == bindparam("instance"), ProcessInstance.version == bindparam("seen"))
    .values(version=bindparam("next"), snapshot=bindparam("bytes"))
)
_COMPLETE = (
    update(WorkItem).where(WorkItem.id == bindparam("item")).values(state=WorkState.COMPLETED, completed_by_id=1)
)
_ADD_ITEM = insert(WorkItem.__table__).returning(WorkItem.__table__.c.id)
_ADD_EVENT = insert(AuditEvent.__table__)
_ADD_INSTANCE = insert(ProcessInstance.__table__).returning(ProcessInstance.__table__.c.id)
_ROUTE = (
    update(Parcel)
    .where(Parcel.id == bindparam("parcel"))
    .values(state=ParcelState.ROUTED, status=bindparam("entered"), version=Parcel.version + 1)
)
_OF_INSTANCE: tuple[type[Base], ...] = (WorkItem, Timer, MessageSubscription, Job)


def completions(place: Place, count: int) -> Run:
    """Write the rows of so many completions: state, completed item, new item, audit event."""
    instance, run = place.start(), Run()
    with place.database.reading() as tx:
        state = tx.processes.one(instance).snapshot
        [item] = tx.work.of_instance(instance)
        row, told = _values(item), _values(tx.audit.history(f"parcel:{item.parcel_id}")[-1])
    item_id, told["chain"] = item.id, f"raw:{uuid4().hex[:30]}"
    here, server = clocks.own(), clocks.of_family(place.server)
    with place.database.engine.connect() as connection:
        for number in range(1, count + 1):
            begun = time.perf_counter()
            with connection.begin():
                connection.execute(_STEP, {"seen": number, "instance": instance, "next": number + 1, "bytes": state})
                connection.execute(_COMPLETE, {"item": item_id})
                item_id = connection.execute(_ADD_ITEM, row | {"key": f"raw:{number}"}).scalar_one()
                connection.execute(_ADD_EVENT, told | {"number": number})
            run.seconds.append(time.perf_counter() - begun)
    run.here, run.server = clocks.own() - here, clocks.of_family(place.server) - server
    return run


def starts(place: Place, like: int, parcels: list[int]) -> Run:
    """Write the rows that the start of the instance `like` has left, once for each of the parcels."""
    run, left = Run(), _left_by(place, like)
    with place.database.engine.connect() as connection:
        for parcel in parcels:
            begun = time.perf_counter()
            with connection.begin():
                _write_start(connection, left, parcel)
            run.seconds.append(time.perf_counter() - begun)
    return run


def _left_by(place: Place, like: int) -> dict[type[Base], list[dict[str, Any]]]:
    with place.database.reading() as tx:
        instance = tx.processes.one(like)
        parcel = instance.parcel_id
        left = {kind: _rows(tx, select(kind).where(kind.instance_id == like)) for kind in _OF_INSTANCE}  # type: ignore[attr-defined]  # all have it
        left[StatusChange] = _rows(tx, select(StatusChange).where(StatusChange.parcel_id == parcel))
        left[AuditEvent] = _rows(
            tx, select(AuditEvent).where(AuditEvent.chain == f"parcel:{parcel}", AuditEvent.number > 1)
        )
        return {ProcessInstance: [_values(instance)], **left}


def _rows(tx: Any, statement: Any) -> list[dict[str, Any]]:
    return [_values(row) for row in tx.session.scalars(statement)]


def _write_start(connection: Any, left: dict[type[Base], list[dict[str, Any]]], parcel: int) -> None:
    [instance] = left[ProcessInstance]
    number = connection.execute(_ADD_INSTANCE, instance | {"parcel_id": parcel, "request_key": None}).scalar_one()
    connection.execute(
        _ROUTE, {"parcel": parcel, "entered": left[StatusChange][-1]["status"] if left[StatusChange] else "received"}
    )
    owner = {"instance_id": number, "parcel_id": parcel, "chain": f"parcel:{parcel}"}
    for kind, rows in left.items():
        if rows and kind is not ProcessInstance:
            mine = {name: value for name, value in owner.items() if name in rows[0]}
            connection.execute(insert(kind.__table__), [row | mine for row in rows])


def _values(row: Base) -> dict[str, Any]:
    return {column.name: getattr(row, column.key) for column in row.__table__.columns if column.name != "id"}
