"""The last step: make the documents searchable, seal the parcel, set how long it is kept."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from engine.operations.call import Call, Operation
from engine.operations.orders import ACTOR
from storage.archive import check_settled, retention_end, seal
from storage.database import Database
from storage.parcels import Parcel


@dataclass(frozen=True, slots=True)
class Archivist:
    """What parcels are archived with: `make_searchable` gives every document of a parcel its searchable PDF, once."""

    database: Database
    make_searchable: Callable[[int], None]
    zone: ZoneInfo
    years: int = 10


def archive_operations(archivist: Archivist) -> dict[str, Operation]:
    """Bind the operation that archives parcels."""
    return {"archive_parcel": partial(archive_parcel, archivist)}


def archive_parcel(archivist: Archivist, call: Call) -> Mapping[str, Any]:
    """Seal the parcel with a manifest of all digests; gives `manifest` (its digest) and `retention_until`.

    A parcel that is sealed already stays as it is. Raises `Damaged` when stored bytes do not fit their digest,
    `FilesWait` while a file of it is unread or waits in quarantine: after the last try an operator is told.
    """
    with archivist.database.reading() as tx:
        parcel = tx.parcels.one(call.parcel)
        if parcel.sealed_at is not None:
            return _answer(parcel)
        check_settled(tx, parcel)
    archivist.make_searchable(call.parcel)
    with archivist.database.transaction() as tx:
        parcel = tx.parcels.locked(call.parcel)
        if parcel.sealed_at is None:
            until = retention_end(tx.now.astimezone(archivist.zone).date(), archivist.years)
            seal(tx, parcel.id, retention_until=until, actor=ACTOR)
        return _answer(parcel)


def _answer(parcel: Parcel) -> Mapping[str, Any]:
    return {"manifest": parcel.manifest_sha256, "retention_until": parcel.retention_until}
