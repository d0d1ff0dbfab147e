"""A plain model of a small order process in several versions: where each order is, and what can be seen of it from outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from running import BERLIN, a_diagram, a_process, end, gateway, service, start, user

LUGGAGE = "a claim", "a draft", "a timer", "an operation", "an incident", "a halt", "an arrival at the join"
ITEMS = frozenset({"enter", "look", "finish"})


@dataclass(frozen=True)
class Shape:
    """What is different about a version: what it calls some flow nodes, and how long a look may take."""

    names: Mapping[str, str]
    patience: timedelta | None

    def name(self, node: str) -> str:
        """Give the name that this version has for a flow node."""
        return self.names.get(node, node)

    def late_at(self, now: datetime) -> datetime | None:
        """Give when a look that begins now is late: an hour by the clock, or a day by the calendar."""
        if self.patience is None:
            return None
        zone = BERLIN if self.patience >= timedelta(days=1) else UTC
        return (now.astimezone(zone) + self.patience).astimezone(UTC)

    @property
    def xml(self) -> bytes:
        """Draw it."""
        look, finish = self.name("look"), self.name("finish")
        return a_diagram(
            a_process(
                "order",
                start(),
                user("enter"),
                service("write"),
                '<boundaryEvent id="refused" attachedToRef="write"><errorEventDefinition errorRef="bad"/></boundaryEvent>',
                gateway("divide"),
                user(look),
                *self._late(look),
                '<intermediateCatchEvent id="payment" parcelflow:correlationKey="number">'
                '<messageEventDefinition messageRef="paid"/></intermediateCatchEvent>',
                gateway("unite"),
                user(finish),
                end(),
                "begin -> enter",
                "enter -> write",
                "write -> divide",
                "refused -> enter",
                f"divide -> {look}",
                "divide -> payment",
                f"{look} -> unite",
                "payment -> unite",
                f"unite -> {finish}",
                f"{finish} -> done",
            ),
            head='<message id="paid" name="paid"/><error id="bad" errorCode="bad"/>',
        )

    def _late(self, look: str) -> tuple[str, ...]:
        if self.patience is None:
            return ()
        text = "P1D" if self.patience >= timedelta(days=1) else "PT1H"
        event = f'<boundaryEvent id="late" attachedToRef="{look}" cancelActivity="false">'
        timer = f"<timerEventDefinition><timeDuration>{text}</timeDuration></timerEventDefinition></boundaryEvent>"
        return event + timer, end("reminded"), "late -> reminded"


SHAPES = (
    Shape({}, timedelta(hours=1)),
    Shape({"look": "inspect"}, timedelta(days=1)),
    Shape({"finish": "close"}, None),
)


def mapping_to(shape: Shape) -> dict[str, str]:
    """Map every other name that a flow node has in some version to the one it has in this."""
    named = {node: {other.name(node) for other in SHAPES} for node in ("look", "finish")}
    return {name: shape.name(node) for node, names in named.items() for name in names - {shape.name(node)}}


@dataclass
class Order:
    """What the model knows of one order: where its tokens are, and the rest that can be seen from outside."""

    number: str
    instance: int
    version: int
    shape: Shape
    waits: set[str] = field(default_factory=lambda: {"enter"})
    due_at: datetime | None = None
    owed_at: datetime | None = None
    paid_early: int = 0
    tries: int = 0
    interruptions: int = 0
    is_stopped: bool = False
    is_suspended: bool = False
    is_over: bool = False
    claimed: dict[str, str] = field(default_factory=dict)
    drafts: dict[tuple[str, str], int] = field(default_factory=dict)
    known_items: dict[str, int] = field(default_factory=dict)

    @property
    def can_move(self) -> bool:
        return not self.is_over and not self.is_suspended

    @property
    def state(self) -> str:
        return "over" if self.is_over else "suspended" if self.is_suspended else "active"

    @property
    def luggage(self) -> list[str]:
        """Name what is carried over with the order."""
        has = self.claimed, self.drafts, self.due_at, self.owed_at, self.is_stopped, self.is_suspended
        return [what for what, there in zip(LUGGAGE, (*has, "looked" in self.waits), strict=True) if there]

    @property
    def items(self) -> set[str]:
        return self.waits & ITEMS

    def owes_at(self, now: datetime) -> bool:
        """Whether its operation is to be tried now."""
        return self.can_move and not self.is_stopped and self.owed_at is not None and self.owed_at <= now

    def complete(self, node: str, now: datetime) -> None:
        self.leave(node)
        if node == "enter":
            self.waits, self.is_stopped, self.owed_at = {"write"}, False, now
            self.tries = self.interruptions = 0
        elif node == "look":
            self.arrive("looked")
        else:
            self.end()

    def written(self, now: datetime) -> None:
        self.waits, self.due_at, self.owed_at = {"look", "payment"}, self.shape.late_at(now), None
        self.take_early_payment()

    def refused(self) -> None:
        self.waits, self.owed_at = {"enter"}, None

    def retried(self, now: datetime) -> None:
        self.is_stopped, self.owed_at = False, now
        self.tries = self.interruptions = 0

    def pay(self) -> None:
        if self.can_move and "payment" in self.waits:
            self.waits.discard("payment")
            self.arrive("paid")
        else:
            self.paid_early += 1

    def moved(self, origin: str, node: str) -> None:
        self.leave(origin)
        self.waits.add(node)

    def take_early_payment(self) -> None:
        """What came while the order rested is handed over later, by the worker."""
        if self.can_move and self.paid_early and "payment" in self.waits:
            self.paid_early -= 1
            self.pay()

    def end(self) -> None:
        self.is_over, self.due_at, self.owed_at, self.is_stopped = True, None, None, False
        for kept in (self.waits, self.claimed, self.drafts, self.known_items):
            kept.clear()

    def leave(self, node: str) -> None:
        self.waits.discard(node)
        self.claimed.pop(node, None)
        self.known_items.pop(node, None)
        self.drafts = {key: draft for key, draft in self.drafts.items() if key[0] != node}
        if node == "look":
            self.due_at = None

    def arrive(self, by: str) -> None:
        self.waits.add(by)
        if {"looked", "paid"} <= self.waits:
            self.waits = {"finish"}

    def can_be_carried_to(self, shape: Shape, mapping: Mapping[str, str]) -> bool:
        """Whether all that waits, or has come to the join, has its place there."""
        places = {"look" if place == "looked" else place for place in self.waits - {"paid"}}
        names = {place: self.shape.name(place) for place in places}
        return all(mapping.get(name, name) == shape.name(place) for place, name in names.items())

    def carried_to(self, version: int, shape: Shape, now: datetime) -> None:
        """Go on in another version: what waits goes on waiting, and what that has in addition begins to."""
        if "look" in self.waits and (self.shape.patience is None or shape.patience is None):
            self.due_at = shape.late_at(now)
        self.version, self.shape = version, shape
