"""What happened to a parcel, told in sentences; and, from the same events, the way its tokens took through the diagrams."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.access import Rights
from storage.audit import AuditEvent
from storage.database import Transaction
from storage.views import event_details
from web.words import label

_SENTENCES: Mapping[str, str] = {
    "parcel_received": "Received by {channel}",
    "parcel_opened": "Taken up",
    "parcel_divided": "Divided at its separator sheets",
    "parcel_attached": "Added to the order that its cover sheet names",
    "documents_attached": "Documents were added by a cover sheet",
    "parcel_rejected": "Rejected",
    "process.started": "Sent on its way: {process}, version {version}",
    "process.terminated": "{who} stopped the process",
    "process.suspended": "{who} let the process rest",
    "process.resumed": "{who} let the process go on",
    "process.deleted": "{who} deleted the process",
    "process.migrated": "{who} had it carried over to version {version}",
    "token.moved": "{who} moved “{node}” to “{to}”",
    "token.added": "{who} added “{node}”",
    "token.cancelled": "{who} cancelled “{node}”",
    "variables.changed": "{who} changed variables",
    "work.claimed": "{who} took “{node}”",
    "work.released": "{who} gave “{node}” back",
    "work.delegated": "{who} handed “{node}” over",
    "work.completed": "{who} completed “{node}”",
    "job.done": "{operation}",
    "job.refused": "{operation}: did not work out",
    "timer.fired": "A time came: {node}",
    "message.received": "A message arrived",
    "signal.received": "A signal arrived",
    "incident.retried": "{who} let it try again: {node}",
    "incident.given_up": "{who} gave up: {node}",
    "order_registered": "Order registered",
    "order_cancelled": "Cancelled",
    "order_cancellation_asked": "{who} asked to cancel the order",
    "letter_written": "Written: {document}",
    "order_updated": "Order brought up to date",
    "sealed": "Sealed and archived",
    "downloaded": "{who} downloaded the parcel",
    "quarantine_retried": "{who} had a file read again",
    "quarantine_attached": "{who} attached a file as it is",
    "quarantine_discarded": "{who} discarded a file",
    "fields_confirmed": "{who} confirmed the index fields",
}
_QUIET = frozenset(
    {"job.done", "order_updated", "timer.fired", "message.received", "signal.received", "work.claimed", "work.released"}
)


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when, in a sentence, and the reason given."""

    at: datetime
    sentence: str
    reason: str
    is_quiet: bool


@dataclass(frozen=True, slots=True)
class Visits:
    """Which flow nodes and flows of one process were passed, with when each flow node was last completed."""

    nodes: Mapping[str, datetime]
    flows: frozenset[str]
    entered: frozenset[str]


def happenings(tx: Transaction, rights: Rights, events: Sequence[AuditEvent]) -> list[Happening]:
    """Tell events in sentences, newest first, as far as the person may read what is in them."""
    names = _names(tx, {event.actor for event in events} | {event.on_behalf_of or "" for event in events})
    return [_tell(rights, event, names) for event in reversed(events)]


def visits(events: Iterable[AuditEvent], process_key: str) -> Visits:
    """Gather the way through one diagram."""
    nodes: dict[str, datetime] = {}
    entered: set[str] = set()
    flows: set[str] = set()
    for event in events:
        flows.update(event.details.get("flows", ()))
        for process, node, what in event.details.get("visits", ()):
            if process == process_key:
                entered.add(node)
                if what == "completed":
                    nodes[node] = event.at
    return Visits(nodes, frozenset(flows), frozenset(entered))


def _tell(rights: Rights, event: AuditEvent, names: Mapping[str, str]) -> Happening:
    details = event_details(rights, event)
    who = names.get(event.actor, label(event.actor.rpartition(":")[2]))
    if event.on_behalf_of:
        who = f"{who} for {names.get(event.on_behalf_of, event.on_behalf_of)}"
    words = {
        "who": who,
        "document": _document(rights, event),
        "channel": label(event.actor.rpartition(":")[2]).lower(),
        "node": label(event.details.get("node") or ""),
        "to": label(str(event.details.get("to") or "")),
        "operation": label(event.details.get("operation") or "A step"),
        "process": label(event.details.get("process") or "a process"),
        "version": event.details.get("version", ""),
    }
    sentence = _SENTENCES.get(event.action, label(event.action).replace(".", " ") + " ({who})").format(**words)
    outcome = details.get("outcome")
    if outcome and event.action == "work.completed":
        sentence += f": {label(outcome).lower()}"
    return Happening(event.at, sentence, _reason(details), event.action in _QUIET)


def _reason(details: Mapping[str, Any]) -> str:
    """Give the reason that somebody gave: `reason`, or a field named like `price_reason`."""
    named = (value for name, value in details.items() if name == "reason" or name.endswith("_reason"))
    return next((str(value) for value in named if value), "")


def _document(rights: Rights, event: AuditEvent) -> str:
    """Name the document of an event by its kind, to whom documents of that kind are open; others learn only that there is one."""
    kind = event.details.get("kind")
    return label(kind) if isinstance(kind, str) and rights.reads_document(kind) else "a document"


def _names(tx: Transaction, logins: Iterable[str]) -> dict[str, str]:
    found = ((login, tx.people.with_login(login)) for login in logins if login)
    return {login: user.display_name for login, user in found if user is not None}
