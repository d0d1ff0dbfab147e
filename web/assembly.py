"""The composition root: the only place that reads settings, chooses classes and joins them."""

import os
import secrets
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from zoneinfo import ZoneInfo

from capture.intake import Intake
from engine.business_time.calendars import STANDARD, Calendars, read_calendars
from engine.deployment import ProgramCache, Surroundings
from engine.forms.cache import FormCache
from engine.incident_desk import IncidentDesk
from engine.message_desk import MessageDesk
from engine.migration import OPERATION, Migrator, migrating_operation
from engine.operating import Operator
from engine.operations.call import Operation
from engine.operations.letters import check_letter
from engine.reloading import reloader
from engine.runtime import Engine
from engine.worklist import Worklist
from storage.check import Reload
from storage.database import Database, Transaction
from storage.documents import DocumentStore
from storage.errors import Invalid
from storage.jobs import JobKind, NewJob
from storage.parcels import Parcel, QuarantineState
from web.operations import OPEN_PARCEL, operations_of
from web.settings import Settings

Clock = Callable[[], datetime]
PROCESS_OF_PROFILE = MappingProxyType({"order": "order"})
FORM = "form"


@dataclass(frozen=True, slots=True)
class System:
    """Everything a running Parcelflow is made of."""

    settings: Settings
    clock: Clock
    documents: DocumentStore
    database: Database
    programs: ProgramCache
    forms: FormCache
    engine: Engine
    operator: Operator
    message_desk: MessageDesk
    incident_desk: IncidentDesk
    migrator: Migrator
    worklist: Worklist
    operations: Mapping[str, Operation]
    intake: Intake
    secret_key: str

    @property
    def zone(self) -> ZoneInfo:
        """Give the zone in which the business lives."""
        return self.settings.zone

    def surroundings(self) -> Surroundings:
        """Tell what this installation offers to processes, for checking a deployment."""
        with self.database.reading() as tx:
            groups = {group.key for group in tx.people.groups()}
        return Surroundings(
            self.zone, frozenset(self.operations) - {OPERATION}, groups or None, check_letter, self.programs.calendars
        )

    def reload(self) -> Reload:
        """Give the function that loads a saved state for a check."""
        return reloader(self.database, self.programs)

    def close(self) -> None:
        """Give back what is held open."""
        self.database.close()


def system_clock() -> datetime:
    """Tell the time; the only place that asks the machine."""
    return datetime.now(UTC)


def assemble(settings: Settings, *, clock: Clock = system_clock) -> System:
    """Choose and join the parts as the settings say; opens the database, starts nothing."""
    settings.data_folder.mkdir(parents=True, exist_ok=True)
    documents = DocumentStore(settings.documents)
    database = Database(settings.database_address, clock=clock, documents=documents)
    return join(settings, clock, documents, database)


def join(settings: Settings, clock: Clock, documents: DocumentStore, database: Database) -> System:
    """Join the parts around a database that is open already."""
    programs = ProgramCache(settings.zone, _calendars(settings))
    engine = Engine(database, programs)
    migrator = Migrator(database, engine, programs)
    operations = operations_of(settings, database, begin_process, open_parcel_later)
    return System(
        settings=settings,
        clock=clock,
        documents=documents,
        database=database,
        programs=programs,
        forms=FormCache(),
        engine=engine,
        operator=Operator(engine),
        message_desk=MessageDesk(engine),
        incident_desk=IncidentDesk(engine),
        migrator=migrator,
        worklist=Worklist(database),
        operations={**operations, OPERATION: migrating_operation(migrator)},
        intake=Intake(database, PROCESS_OF_PROFILE, open_parcel_later),
        secret_key=_secret_key(settings),
    )


def open_parcel_later(tx: Transaction, parcel: Parcel) -> None:
    """Owe the job that opens the parcel; each time that a file is to be read again, it is a job of its own."""
    retried = sum(entry.state is QuarantineState.RETRIED for entry in tx.parcels.quarantined_of(parcel.id))
    tx.jobs.add(NewJob(f"open:{parcel.id}:{retried}", OPEN_PARCEL, JobKind.TASK), parcel_id=parcel.id)


def begin_process(tx: Transaction, parcel: Parcel) -> None:
    """Owe the start of the parcel's process: at the event that waits for arrivals, or the plain one for a filled-in form."""
    message = {"message": None} if parcel.channel == FORM else {}
    tx.jobs.start_process(parcel.process_key, parcel.id, **message)


def _calendars(settings: Settings) -> Calendars:
    """Read the calendars of the installation; raises `Invalid` when a line cannot be read."""
    if settings.calendar_file is None:
        return STANDARD
    try:
        text = settings.place(settings.calendar_file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise Invalid(f"The calendar {settings.calendar_file} cannot be read: {error}.") from error
    calendars, faults = read_calendars(text)
    if faults:
        raise Invalid(f"{settings.calendar_file}, line {faults[0].line}: {faults[0].message}")
    return calendars.over(STANDARD)


def _secret_key(settings: Settings) -> str:
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    return _kept_key(settings.data_folder / "secret_key")


def _kept_key(path: Path) -> str:
    """Read the key made at the first start, or make it whole at once; only the owner may read the file."""
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    return path.read_text(encoding="ascii").strip()
