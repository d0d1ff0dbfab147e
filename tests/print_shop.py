"""The print shop of the tests: the shipped process in force, one person a group, the real operations, no threads."""

import email
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from factories import a_parcel, a_party, a_user
from fakes import FakeClock
from order_walk import FIELDS, ORDER, recognised

from engine.deployment import Deployed, ProgramCache, Surroundings, deploy, read_folder
from engine.forms.form import read_form
from engine.operating import Operator
from engine.operations.archive import Archivist, archive_operations
from engine.operations.call import Call, Operation
from engine.operations.letters import LetterOffice, LetterPage, check_letter, letter_operations
from engine.operations.mail import MailRoom, OutboxFolder, mail_operations
from engine.operations.orders import order_operations
from engine.runtime import Engine
from engine.worker import Worker
from engine.worklist import Worklist
from storage.database import Database
from storage.jobs import PARCEL_RECEIVED
from storage.orders import Order
from storage.parcels import Document, Parcel
from storage.people import Actor
from storage.work import WorkItem

BERLIN = ZoneInfo("Europe/Berlin")
GROUPS = {
    "manager": "manager",
    "accounting": "accountant",
    "qa": "quality",
    "planning": "planner",
    "production": "production",
}
ACCEPTED = {"price_decision": "accept"}
VALID = {"quality_decision": "accept"}
ADJUSTED = {name: str(FIELDS[name]) for name in ("product", "paper", "format", "run_length", "colours", "finishing")}


def quick_pdf(content: bytes, _suffix: str) -> bytes:
    """Give what begins like a PDF file."""
    return b"%PDF-1.7 " + str(len(content)).encode()


def one_page(pdf: bytes) -> Sequence[LetterPage]:
    """Give one page with a text."""
    assert pdf.startswith(b"%PDF")
    return [LetterPage(1240, 1754, 150, "as printed")]


class Printer:
    """The print shop: the shipped process deployed, one person a group, the real operations, a worker without threads."""

    def __init__(self, database: Database, folder: Path, clock: FakeClock, pdf: Any) -> None:
        self.database, self.clock, self.outbox = database, clock, folder / "outbox"
        operations = self.operations(pdf)
        self.deployed = self._deploy(operations)
        self.programs = ProgramCache(BERLIN)
        self.engine = Engine(database, self.programs)
        self.operator = Operator(self.engine)
        self.worklist = Worklist(database)
        self.worker = Worker(database, self.engine, operations, node="desk")
        self.people = self._staff()
        self.recognised = recognised()

    def _staff(self) -> dict[str, Actor]:
        """Give one person a group; they and the customer are added where they are not there yet."""
        with self.database.transaction() as tx:
            if tx.people.with_login("manager") is None:
                tx.orders.add_party(a_party(number="K-1001", name="Galerie Ost", email="k.ost@galerie-ost.example"))
                for group, role in GROUPS.items():
                    tx.people.put_group(group, group.title(), [role])
                    tx.people.add(a_user(login=group), [group])
            people = {group: tx.people.with_login(group) for group in GROUPS}
            return {group: tx.people.actor(person.id) for group, person in people.items() if person is not None}

    def operations(self, pdf: Any) -> dict[str, Operation]:
        """Give the operations by name."""
        mails = MailRoom(self.database, OutboxFolder(self.outbox), "orders@linden-press.example", BERLIN)
        return {
            "recognise_parcel": self._recognise,
            **order_operations(self.database, BERLIN),
            **letter_operations(LetterOffice(self.database, pdf, one_page, BERLIN)),
            **mail_operations(mails),
            **archive_operations(Archivist(self.database, lambda _parcel_id: None, BERLIN)),
        }

    def _deploy(self, operations: Mapping[str, Operation]) -> Deployed:
        surroundings = Surroundings(BERLIN, set(operations), set(GROUPS), check_letter)
        return deploy(self.database, surroundings, read_folder(ORDER), login="owner")

    def _recognise(self, _call: Call) -> Mapping[str, Any]:
        return self.recognised

    def receive(self, message: str | None = PARCEL_RECEIVED) -> tuple[int, int]:
        """Let a parcel arrive; gives its id and that of its instance."""
        with self.database.transaction() as tx:
            parcel_id = tx.parcels.add(a_parcel()).id
            tx.jobs.start_process("order", parcel_id, message=message)
        self.work()
        with self.database.reading() as tx:
            (instance,) = tx.processes.of_parcel(parcel_id)
        return parcel_id, instance.id

    def work(self) -> None:
        """Let the worker do all that is due."""
        for _ in range(30):
            self.worker.tick()
            with self.database.reading() as tx:
                if not tx.jobs.waiting() and not tx.timers.due():
                    return
        raise AssertionError("the worker does not come to rest")

    def items(self, instance_id: int) -> dict[str, WorkItem]:
        """Give the open work items by node."""
        with self.database.reading() as tx:
            return {item.node: item for item in tx.work.of_instance(instance_id, only_open=True)}

    def answer(self, instance_id: int, node: str, group: str, **answers: Any) -> None:
        """Let a person of the group fill in the form and complete the item, then let the worker work."""
        item = self.items(instance_id)[node]
        file = f"forms/{item.form}.form"
        seen = self.engine.variables_at(item.id)
        checked = read_form((ORDER / file).read_bytes(), file).validate(answers, seen)
        assert checked.errors == {}
        self.engine.complete(item.id, self.people[group], checked.values)
        self.work()

    def see(self, parcel_id: int) -> tuple[Parcel, Order, Sequence[Document]]:
        """Give the parcel, its order and its documents."""
        with self.database.reading() as tx:
            order = tx.orders.of_parcel(parcel_id)
            assert order is not None
            return tx.parcels.one(parcel_id), order, tx.parcels.documents(parcel_id)

    def mails(self) -> list[str]:
        """Give the subjects of the mails sent, sorted."""
        files = self.outbox.glob("*.eml")
        return sorted(
            email.message_from_bytes(file.read_bytes(), policy=email.policy.default)["Subject"] for file in files
        )
