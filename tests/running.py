"""Small diagrams in a few lines, and an office that runs them: engine, people, groups, rights."""

import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from factories import a_parcel, a_user

from engine.deployment import ProgramCache, Surroundings, deploy
from engine.migration import Migrator
from engine.operating import Operator
from engine.reloading import reloader
from engine.runtime import Engine
from engine.worklist import Worklist
from storage.check import check
from storage.database import Database
from storage.people import Actor
from storage.work import WorkItem

BERLIN = ZoneInfo("Europe/Berlin")
EVERYTHING = "role,status,subject,level,scope\nclerk,*,order,act,all\nclerk,*,*,write,all\nguest,*,order,read,all\n"
_FLOW = re.compile(r"(\w+) -> (\w+)(?: if (.+))?")
_HEAD = (
    '<definitions xmlns="http://www.omg.org/spec/BPMN/20100524/MODEL" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:parcelflow="https://parcelflow.example/bpmn/1.0" id="definitions" targetNamespace="urn:test">'
)


def a_process(key: str, *parts: str) -> str:
    """Give a process of elements (`<…>`) and flows (`a -> b`, `a -> b if condition`)."""
    lines = [part if part.startswith("<") else _flow(part) for part in parts]
    return f'<process id="{key}" name="{key}" isExecutable="true">{"".join(lines)}</process>'


def a_diagram(*processes: str, head: str = "") -> bytes:
    """Give a diagram of processes; `head` holds messages, signals and errors."""
    return f"{_HEAD}{head}{''.join(processes)}</definitions>".encode()


def user(key: str, group: str = "clerks", more: str = "") -> str:
    """Give a user task."""
    return f'<userTask id="{key}" name="{key}" parcelflow:candidateGroups="{group}" {more}/>'


def service(key: str, operation: str = "work", more: str = "") -> str:
    """Give a service task."""
    return f'<serviceTask id="{key}" name="{key}" parcelflow:operation="{operation}" {more}/>'


def gateway(key: str, kind: str = "parallel", more: str = "") -> str:
    """Give a gateway."""
    return f'<{kind}Gateway id="{key}" name="{key}?" {more}/>'


def start(key: str = "begin", inside: str = "") -> str:
    """Give a start event."""
    return f'<startEvent id="{key}" name="{key}">{inside}</startEvent>'


def end(key: str = "done", inside: str = "") -> str:
    """Give an end event."""
    return f'<endEvent id="{key}" name="{key}">{inside}</endEvent>'


def _flow(text: str) -> str:
    matched = _FLOW.fullmatch(text)
    assert matched, text
    source, target, condition = matched.groups()
    inside = (
        condition and f'<conditionExpression xsi:type="tFormalExpression">{escape(condition)}</conditionExpression>'
    )
    key = quoteattr(f"{source}_to_{target}")
    return f'<sequenceFlow id={key} sourceRef="{source}" targetRef="{target}">{inside or ""}</sequenceFlow>'


class Office:
    """An engine with a deployed diagram, and one person per group that may do everything."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.programs = ProgramCache(BERLIN)
        self.engine = Engine(database, self.programs)
        self.operator = Operator(self.engine)
        self.migrator = Migrator(database, self.engine, self.programs)
        self.worklist = Worklist(database)
        self.people: dict[str, Actor] = {}

    def deploy(self, diagram: bytes, **files: bytes) -> dict[str, int]:
        """Deploy a diagram (and files named by keyword, `_` for the dot) and give the versions."""
        whole = {"diagram.bpmn": diagram, "access.csv": EVERYTHING.encode()}
        whole |= {name.replace("_", "."): data for name, data in files.items()}
        return dict(deploy(self.database, Surroundings(BERLIN), whole, login="owner").versions)

    def person(self, login: str, group: str = "clerks", role: str = "clerk") -> Actor:
        """Add a person to a group that grants a role."""
        with self.database.transaction() as tx:
            tx.people.put_group(group, group, [role])
            person = tx.people.add(a_user(login=login, display_name=login.title()), [group])
            self.people[login] = tx.people.actor(person.id)
        return self.people[login]

    def parcel(self, **values: Any) -> int:
        """Add a parcel and give its id."""
        with self.database.transaction() as tx:
            return tx.parcels.add(a_parcel(**values)).id

    def items(self, instance_id: int) -> dict[str, WorkItem]:
        """Give the open items of an instance by node."""
        with self.database.reading() as tx:
            return {item.node: item for item in tx.work.of_instance(instance_id, only_open=True)}

    def item(self, instance_id: int, node: str) -> int:
        """Give the id of an open item."""
        return self.items(instance_id)[node].id

    def do(self, instance_id: int, node: str, actor: Actor, **answers: Any) -> None:
        """Complete the open item of a node."""
        self.engine.complete(self.item(instance_id, node), actor, answers)

    def state(self, instance_id: int) -> str:
        """Give the state of an instance."""
        with self.database.reading() as tx:
            return tx.processes.one(instance_id).state.value

    def breaches(self) -> list[str]:
        """Give the broken promises about instances, jobs, timers and audit."""
        found = check(self.database, reload=reloader(self.database, self.programs))
        return [
            str(breach) for breach in found if breach.promise not in ("I1", "I2") and "no event" not in breach.message
        ]

    def trace(self, instance_id: int, parcel_id: int | None = None) -> list[str]:
        """Give the nodes completed so far, from the audit trail."""
        chain = f"instance:{instance_id}" if parcel_id is None else f"parcel:{parcel_id}"
        with self.database.transaction() as tx:
            visits = [visit for event in tx.audit.history(chain) for visit in event.details.get("visits", ())]
        return [node for _, node, what in visits if what == "completed"]

    def variables(self, instance_id: int) -> Mapping[str, Any]:
        """Give the variables of an instance."""
        return self.engine.variables(instance_id)
