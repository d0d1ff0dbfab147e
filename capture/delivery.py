"""What a channel hands over: a delivery with its enclosures, not stored yet; and what a channel is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from threading import Event
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Enclosure:
    """One file within a delivery.

    `fault` names why the channel itself could not take the file apart (a code of `capture.pages`, or `unreadable_part`);
    such an enclosure goes to quarantine while the rest of the delivery goes on.
    """

    file_name: str
    media_type: str
    content: bytes
    fault: str | None = None
    fault_message: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What arrived together.

    `source_key` is the identity at the source (account, UIDVALIDITY and UID; Message-ID and digest; claimed file; request
    key): the same identity again is the same parcel. `received_at` is aware UTC. `raw` is the delivery as it came, where
    it has such a form (a mail), and is kept beside the enclosures. `customer_id` is given where the sender has signed in for a
    customer, who may see the parcel from the first moment.
    """

    channel: str
    source_key: str
    received_at: datetime
    enclosures: tuple[Enclosure, ...]
    profile: str = "order"
    sender: str | None = None
    subject: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: Enclosure | None = None
    submitted_by: int | None = None
    customer_id: int | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a delivery."""

    parcel_id: int
    parcel_number: str
    is_repeat: bool
    quarantined: int


Receive = Callable[[Delivery], Receipt]


class Channel(Protocol):
    """A way in. It calls `receive` with each delivery and acknowledges at its source only after the return."""

    name: str

    def run(self, receive: Receive, stop: Event) -> None:
        """Take in deliveries until `stop` is set; one bad delivery never ends the loop."""
