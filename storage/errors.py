"""The root of all our errors, and those of storage.

ParcelflowError
├── NotFound                 it does not exist, or the asking person may not know that it does
├── Refused                  the request is understood and not permitted
│   └── Sealed               what lies in the archive is not changed any more
├── Conflict                 somebody else was faster, or the thing is no longer in the state it was in
│   ├── AlreadyTaken         a work item went to another person
│   ├── Suspended            the process instance rests until somebody lets it go on
│   ├── AlreadyExists        a unique name or number is in use
│   └── StaleVersion         the row was changed since it was read; load again and repeat
├── Invalid                  a value cannot be stored as it is
├── Damaged                  stored bytes are not what they were, or are gone
└── Unavailable              database or disk does not answer; later again
"""

from datetime import datetime
from typing import ClassVar


class ParcelflowError(Exception):
    """Something went wrong; the message says what, and what to do."""

    code: ClassVar[str] = "error"

    @property
    def message(self) -> str:
        """Tell what went wrong in one sentence."""
        return str(self) or (self.__doc__ or self.code)


class NotFound(ParcelflowError):
    """There is no such thing, or you may not see it; look for it in the list."""

    code = "not_found"


class Refused(ParcelflowError):
    """You may not do this; ask an administrator for the right."""

    code = "refused"


class Sealed(Refused):
    """The parcel lies in the archive and is not changed any more; make a new parcel instead."""

    code = "sealed"


class Conflict(ParcelflowError):
    """Somebody else was faster; load the page again and look."""

    code = "conflict"


class AlreadyTaken(Conflict):
    """Another person has taken the work item; choose another one."""

    code = "already_taken"

    def __init__(self, who: str, when: datetime) -> None:
        super().__init__(f"{who} took this at {when:%Y-%m-%d %H:%M} UTC; choose another one.")
        self.who = who
        self.when = when


class Suspended(Conflict):
    """The process instance rests; an administrator or the process owner can let it go on."""

    code = "suspended"


class AlreadyExists(Conflict):
    """The name or number is in use; choose another one."""

    code = "already_exists"


class StaleVersion(Conflict):
    """The thing was changed since you read it; load it again and repeat."""

    code = "stale_version"


class Invalid(ParcelflowError):
    """The value cannot be stored; correct it."""

    code = "invalid"


class Damaged(ParcelflowError):
    """Stored bytes are damaged or missing; restore them from a backup."""

    code = "damaged"


class Unavailable(ParcelflowError):
    """The database or the disk does not answer; try again in a moment."""

    code = "unavailable"


def told_to_all(error: Exception) -> str:
    """Give what may be read of an error by whoever sees no order: the text of one that is not ours may hold its data."""
    return (
        error.message
        if isinstance(error, ParcelflowError)
        else f"an error of the kind {type(error).__name__}; see the log"
    )
