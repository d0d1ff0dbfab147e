"""Walks a token through the shipped processes in memory: people answer by name, operations give what a scenario says."""

import csv
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from lxml import etree

from engine.decisions.decision import Decision, read_decisions
from engine.diagrams.normalise import normalise
from engine.diagrams.reader import read_diagram
from engine.spiff.execution import Execution
from engine.spiff.program import Program, compile_program
from engine.steps import ExecutionState, OperationWait, Step, SubscriptionWait, TimerWait, VisitKind, WorkWait

ORDER = Path(__file__).parents[1] / "workflows" / "order"
BERLIN = ZoneInfo("Europe/Berlin")
MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
BPMN = "{http://www.omg.org/spec/BPMN/20100524/MODEL}"
Result = Mapping[str, Any] | Exception
Answer = Result | Callable[[Mapping[str, Any]], Result]

FIELDS: dict[str, Any] = {
    "customer_number": "K-1001",
    "customer_name": "Galerie Ost",
    "customer_reference": "GO-2026-118",
    "product": "Flyer",
    "paper": "135 g silk",
    "format": "A5",
    "run_length": 5000,
    "colours": "4/4",
    "finishing": "folded",
    "wanted_on": date(2026, 3, 20),
    "remarks": None,
}


@cache
def decisions() -> Mapping[str, Decision]:
    """Read every table of the order process."""
    found: dict[str, Decision] = {}
    for path in sorted(ORDER.glob("*.dmn")):
        found |= read_decisions(path.read_bytes(), path.name)
    return found


@cache
def program() -> Program:
    """Compile all diagrams of the order process."""
    diagrams = [normalise(read_diagram(path.read_bytes(), path.name)) for path in sorted(ORDER.glob("*.bpmn"))]
    return compile_program(diagrams, decisions(), time_zone=BERLIN)


def drawn(tag: str) -> set[tuple[str, str]]:
    """Give (process, id) of every element of this tag that the diagrams draw."""
    found = set()
    for path in ORDER.glob("*.bpmn"):
        root = etree.parse(path).getroot()
        for process in root.iter(f"{BPMN}process"):
            found |= {(str(process.get("id")), str(element.get("id"))) for element in process.iter(f"{BPMN}{tag}")}
    return found


def statuses() -> list[str]:
    """Give the keys of the statuses that the process may set."""
    with (ORDER / "statuses.csv").open(newline="", encoding="utf-8") as file:
        return [row["status"] for row in csv.DictReader(file)]


def recognised(**changes: Any) -> dict[str, Any]:
    """Give what `recognise_parcel` returns for a well-read order: texts, dates as ISO text, empty where nothing was found."""
    return {
        "parcel_number": "P-2026-000001",
        "all_certain": True,
        "uncertain_fields": [],
        "document_kinds": ["purchase_order"],
        "fields": {name: "" if value is None else str(value) for name, value in FIELDS.items()},
    } | changes


class Walk:
    """One order on its way; records flows, statuses, operations and withdrawn nodes."""

    def __init__(self, start_event: str = "parcel_received", process: str = "order", **results: Answer) -> None:
        self.now = MORNING
        self.results: dict[str, Answer] = {**_RESULTS, **results}
        self.flows: list[str] = []
        self.statuses: list[str] = []
        self.operations: list[tuple[str, Mapping[str, Any]]] = []
        self.nodes: list[str] = []
        self.withdrawn: list[str] = []
        self.execution = Execution.start(program(), process, self._given(process), now=MORNING, start_event=start_event)
        self._go(self.execution.advance(self.now))

    @staticmethod
    def _given(process: str) -> dict[str, Any]:
        registered = {"order_number": "O-1", "is_new_customer": True, "days_until_wanted": 18, "agreed_price": None}
        return {} if process == "order" else FIELDS | registered

    @property
    def state(self) -> ExecutionState:
        """Tell whether the order is still on its way."""
        return self.execution.state

    @property
    def variables(self) -> Mapping[str, Any]:
        """Give the variables of the process."""
        return self.execution.variables()

    def work(self) -> dict[str, WorkWait]:
        """Give the open work items by flow node."""
        return {wait.node: wait for wait in self.execution.waits() if isinstance(wait, WorkWait)}

    def answer(self, node: str, **answers: Any) -> "Walk":
        """Let a person complete the work item of a node."""
        self._go(self.execution.complete(self.work()[node].key, answers, self.now))
        return self

    def send(self, message: str, **payload: Any) -> "Walk":
        """Deliver a message to the one that waits for it."""
        waits = [wait for wait in self.execution.waits() if isinstance(wait, SubscriptionWait)]
        (wait,) = [wait for wait in waits if wait.message == message]
        self._go(self.execution.deliver(wait.key, payload, self.now))
        return self

    def wait_until(self, moment: datetime) -> "Walk":
        """Let time pass, firing what comes due."""
        self.now = moment
        while due := [wait for wait in self._timers() if wait.due_at is not None and wait.due_at <= moment]:
            self._go(self.execution.fire(due[0].key, moment))
        return self

    def save_and_load(self) -> "Walk":
        """Go through the saved form, as between two transactions."""
        self.execution = Execution.load(program(), self.execution.save())
        return self

    def _timers(self) -> list[TimerWait]:
        return [wait for wait in self.execution.waits() if isinstance(wait, TimerWait)]

    def _go(self, step: Step) -> None:
        self._record(step)
        while operations := [wait for wait in self.execution.waits() if isinstance(wait, OperationWait)]:
            self._record(self._operate(operations[0]))

    def _operate(self, wait: OperationWait) -> Step:
        self.operations.append((wait.operation, wait.inputs))
        result = self.results[wait.operation]
        outcome = result(wait.inputs) if callable(result) else result
        if isinstance(outcome, Exception):
            return self.execution.throw_error(wait.key, getattr(outcome, "code", ""), str(outcome), self.now)
        return self.execution.complete(wait.key, outcome, self.now)

    def _record(self, step: Step) -> None:
        assert step.stuck == (), step.stuck
        self.flows += step.flows
        self.statuses += step.statuses
        self.nodes += [visit.node for visit in step.visits if visit.what is VisitKind.COMPLETED]
        self.withdrawn += [visit.node for visit in step.visits if visit.what is VisitKind.WITHDRAWN]


def registered(**changes: Any) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """Give what `register_order` returns for an order of a new customer, its inputs typed."""

    def register(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
        typed = {"run_length": int(inputs["run_length"]), "wanted_on": date.fromisoformat(str(inputs["wanted_on"]))}
        given = {
            "order_number": "O-1",
            "customer_name": "Galerie Ost",
            "is_new_customer": True,
            "days_until_wanted": 18,
        }
        return given | typed | changes

    return register


_RESULTS: dict[str, Answer] = {
    "recognise_parcel": recognised(),
    "register_order": registered(),
    "update_order": {"order_number": "O-1"},
    "write_letter": {"document_id": 7, "title": "A letter"},
    "send_mail": {"is_sent": True, "message_id": "<1@linden-press.example>"},
    "start_production": {"started_at": MORNING},
    "finish_production": {"finished_at": MORNING},
    "mark_delayed": {"late_step": "planning"},
    "cancel_order": {"order_number": "O-1"},
    "reject_parcel": {"parcel_number": "P-2026-000001"},
    "archive_parcel": {"manifest": "0" * 64, "retention_until": date(2036, 12, 31)},
}
