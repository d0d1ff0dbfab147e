"""Why a file cannot be read: one class for each reason, with the code under which it lies in quarantine.

Unreadable
├── Missing           not there, no file, or not ours to read
├── Empty             no bytes
├── PasswordNeeded    protected by a password
├── DamagedFile       not what its first bytes promise, or broken beyond repair
├── TooBig            more pixels, pages or memory than the limits allow
├── Unsupported       a kind of file that is not read
├── TookTooLong       more time than the limits allow
└── ToolMissing       a program that is needed is not installed
"""

from storage.errors import ParcelflowError


class Unreadable(ParcelflowError):
    """The file cannot be read; look at it, then attach it as it is or discard it."""

    code = "unreadable"


class Missing(Unreadable):
    """There is no such file that may be read; look at its name and its rights."""

    code = "missing"


class Empty(Unreadable):
    """The file is empty; ask the sender to send it again."""

    code = "empty"


class PasswordNeeded(Unreadable):
    """The file is protected by a password; ask the sender for it or for an open copy."""

    code = "password"


class DamagedFile(Unreadable):
    """The file is damaged and could not be repaired; ask the sender to send it again."""

    code = "damaged"


class TooBig(Unreadable):
    """The file is larger than the limits allow; ask for it in parts or raise the limit."""

    code = "too_big"


class Unsupported(Unreadable):
    """Files of this kind are not read; attach it as it is or ask for a PDF."""

    code = "unsupported"


class TookTooLong(Unreadable):
    """Reading the file took longer than the limits allow; look at it before you try again."""

    code = "timeout"


class ToolMissing(Unreadable):
    """A program that is needed to read this file is not installed; `parcelflow doctor` tells which."""

    code = "tool_missing"
