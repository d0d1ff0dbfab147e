"""The codes on separator and cover sheets: a prefix, a role, what it names, and a check character (ISO/IEC 7064, MOD 37,36).

`PK1:SEP:PARCEL:7` begins a new parcel, `PK1:SEP:DOCUMENT:4` a new document, `PK1:COV:<order number>:K` is the cover of an
order. A code without its right check character, or in any other spelling, is no sheet code and means nothing.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

_CODE = re.compile(r"PK1:(SEP|COV):([0-9A-Z][0-9A-Z./-]{0,39}):([0-9A-Z])\Z")
_UNCHECKED = re.compile(r"[^0-9A-Z]")
PATTERN = "PK1:(SEP|COV):[0-9A-Z][0-9A-Z./-]{0,39}:[0-9A-Z]"
ORDER_NUMBER = "order_number"
"""The index field of a parcel whose cover sheet names an order."""
ATTACHED = "attached"
"""The status of a parcel whose documents were added to that order."""


class SheetRole(StrEnum):
    """What a sheet with a code does."""

    SEPARATOR = "SEP"
    COVER = "COV"


class Separates(StrEnum):
    """What begins after a separator sheet."""

    PARCEL = "PARCEL"
    DOCUMENT = "DOCUMENT"


@dataclass(frozen=True, slots=True)
class SheetCode:
    """What a sheet's code says: its role, and the order number or what is separated."""

    role: SheetRole
    payload: str

    def __str__(self) -> str:
        return f"PK1:{self.role}:{self.payload}:{_check_character(self.role, self.payload)}"


def separator_code(separates: Separates) -> SheetCode:
    """Return the code of a separator sheet."""
    return SheetCode(SheetRole.SEPARATOR, separates.value)


def cover_code(order_number: str) -> SheetCode:
    """Return the code of the cover sheet of an order; raise ValueError when the number has characters that it can't carry."""
    code = SheetCode(SheetRole.COVER, order_number.upper())
    if _CODE.match(str(code)) is None:
        raise ValueError(f"An order number of capitals, digits, '.', '/' and '-' is needed, not {order_number!r}.")
    return code


def read_sheet_code(text: str) -> SheetCode | None:
    """Return what `text` says if it is a sheet code to the letter, else None."""
    match = _CODE.match(text)
    if match is None:
        return None
    code = SheetCode(SheetRole(match[1]), match[2])
    if code.role is SheetRole.SEPARATOR and match[2] not in set(Separates):
        return None
    return code if str(code) == text else None


def _check_character(role: SheetRole, payload: str) -> str:
    try:
        return str(mod_37_36.calc_check_digit(_UNCHECKED.sub("", f"PK1{role}{payload}")))
    except (ValidationError, ValueError) as error:
        raise ValueError(f"{payload!r} cannot be put into a sheet code.") from error
