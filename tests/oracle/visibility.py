"""Says from the lines of `access.csv` alone what somebody may see of a parcel: a plain loop, to compare the product with."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from io import StringIO

RANKS = ("none", "masked", "read", "write")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a parcel stands to a person: its status, and whether it is of the person's customer, or brought in by the person."""

    status: str
    is_customers: bool
    is_own: bool


class Oracle:
    """Answers for people by their roles."""

    def __init__(self, rules: str) -> None:
        self._rules = list(csv.DictReader(StringIO(rules)))

    def _applying(self, roles: frozenset[str], parcel: Standing) -> Iterator[tuple[str, str]]:
        scopes = {"all": True, "customer": parcel.is_customers, "own": parcel.is_own}
        for rule in self._rules:
            if rule["role"] in roles and rule["status"] in ("*", parcel.status) and scopes[rule["scope"]]:
                yield rule["subject"], rule["level"]

    def sees(self, roles: frozenset[str], parcel: Standing) -> bool:
        """Tell whether the parcel exists for the person at all."""
        return any(subject == "order" and level != "none" for subject, level in self._applying(roles, parcel))

    def reads(self, roles: frozenset[str], parcel: Standing, subject: str) -> bool:
        """Tell whether the person reads the subject: `order`, a field, `*`, or `document:` and a kind."""
        every = "document:*" if subject.startswith("document:") else "*"
        wanted = {subject} if subject == "order" else {subject, every}
        levels = [level for named, level in self._applying(roles, parcel) if named in wanted]
        is_read = (
            bool(levels) if subject == "order" else max(map(RANKS.index, levels), default=0) >= RANKS.index("read")
        )
        return is_read and self.sees(roles, parcel)
