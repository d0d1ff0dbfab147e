"""Deployed files and definitions, drafts, and what starts a definition."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, delete, func, select, update

from storage.base import Unit
from storage.documents import DocumentStore
from storage.errors import NotFound, StaleVersion
from storage.processes import (
    Deployment,
    DeploymentFile,
    Draft,
    DraftFile,
    MessageSubscription,
    ProcessDefinition,
    SignalCopy,
    Startable,
)
from storage.statements import Fixed
from storage.steps import NewSubscription, NewTimer
from storage.timers import Timer

_HEARS_NOTHING = ""
"""The name in a subscription that is over: no message and no signal has it."""
_d = ProcessDefinition.__table__.c
_STARTABLE = select(_d.id, _d.key, _d.version, _d.deployment_id)
_TO_START = Fixed(_STARTABLE.where(_d.id == bindparam("definition")))
_NEWEST_TO_START = Fixed(_STARTABLE.where(_d.key == bindparam("process")).order_by(_d.version.desc()).limit(1))


class Deployments:
    """The deployments, definitions and drafts of one transaction."""

    def __init__(self, unit: Unit, documents: DocumentStore) -> None:
        self._unit = unit
        self._documents = documents

    def add(self, name: str, files: Mapping[str, bytes], login: str, note: str) -> Deployment:
        """Keep a set of files (by path) byte for byte."""
        now = self._unit.now
        deployment = Deployment(name=name, note=note, deployed_by=login, deployed_at=now)
        self._unit.add(deployment)
        for path, content in sorted(files.items()):
            stored = self._documents.put(content)
            self._unit.add(
                DeploymentFile(deployment_id=deployment.id, path=path, sha256=stored.sha256, size=stored.size)
            )
        return deployment

    def define(
        self, deployment: Deployment, key: str, *, file: str, name: str, is_executable: bool
    ) -> ProcessDefinition:
        """Put a diagram of the deployment in force as the next version of its key."""
        newest = self._unit.session.scalar(
            select(func.max(ProcessDefinition.version)).where(ProcessDefinition.key == key)
        )
        definition = ProcessDefinition(
            key=key,
            version=(newest or 0) + 1,
            deployment_id=deployment.id,
            file=file,
            name=name,
            is_executable=is_executable,
        )
        self._unit.add(definition)
        return definition

    def start_by(
        self,
        definition: ProcessDefinition,
        subscriptions: Sequence[NewSubscription],
        timers: Sequence[NewTimer],
    ) -> None:
        """Let messages, signals and timers start this definition from now on, and no earlier version of its key.

        A signal that is on its way to a start, and a time that is due, still start it once.
        """
        earlier = select(ProcessDefinition.id).where(ProcessDefinition.key == definition.key)
        self._listen(definition, earlier, subscriptions)
        self._await_times(definition, earlier, timers)

    def _await_times(self, definition: ProcessDefinition, earlier: Select[int], timers: Sequence[NewTimer]) -> None:
        """Take over the times of earlier versions that are due and the cycles that are the same; what is past does not begin."""
        now, drawn = self._unit.now, {timer.key: timer for timer in timers}
        set_before = select(Timer).where(Timer.definition_id.in_(earlier), Timer.instance_id.is_(None))
        for timer in self._unit.session.scalars(set_before.with_for_update()):
            new = drawn.get(timer.key)
            goes_on = (
                new is not None
                and _cycle(timer.schedule) is not None
                and _cycle(timer.schedule) == _cycle(new.schedule)
            )
            if not goes_on and timer.due_at > now:
                self._unit.session.delete(timer)
                continue
            if new is not None:
                timer.definition_id = definition.id
            if goes_on:
                del drawn[timer.key]
            else:
                timer.schedule = {**(timer.schedule or {}), "rule": None, "repetitions": 1}
        for begun in drawn.values():
            if begun.due_at >= now:
                self._unit.add(_start(definition, begun))

    def _listen(
        self, definition: ProcessDefinition, earlier: Select[int], subscriptions: Sequence[NewSubscription]
    ) -> None:
        """Take over what earlier versions listened to, with the signals that are on their way to it.

        What is not listened to any more hears nothing new, and is kept while a signal is on its way to the earlier version.
        """
        of_earlier = MessageSubscription.definition_id.in_(earlier), MessageSubscription.instance_id.is_(None)
        left = list(self._unit.session.scalars(select(MessageSubscription).where(*of_earlier).with_for_update()))
        drawn = {one.key for one in subscriptions}
        for one in subscriptions:
            same = [row for row in left if (row.kind, row.name) == (one.kind, one.name)]
            fitting = [row for row in same if row.key == one.key] or [row for row in same if row.key not in drawn]
            if fitting:
                left.remove(fitting[0])
                fitting[0].key, fitting[0].definition_id = one.key, definition.id
            else:
                self._unit.add(_subscription(definition, one, self._unit.now))
        numbers = [row.id for row in left]
        awaited = select(SignalCopy.subscription_id).where(SignalCopy.subscription_id.in_(numbers))
        is_left = MessageSubscription.id.in_(numbers)
        self._unit.session.execute(delete(MessageSubscription).where(is_left, MessageSubscription.id.not_in(awaited)))
        self._unit.session.execute(update(MessageSubscription).where(is_left).values(name=_HEARS_NOTHING))

    def definition(self, definition_id: int) -> ProcessDefinition:
        """Give the definition by id; raises `NotFound`."""
        definition = self._unit.session.get(ProcessDefinition, definition_id)
        if definition is None:
            raise NotFound("There is no such process definition.")
        return definition

    def latest(self, key: str) -> ProcessDefinition:
        """Give the version of a process that is in force; raises `NotFound`."""
        statement = (
            select(ProcessDefinition)
            .where(ProcessDefinition.key == key)
            .order_by(ProcessDefinition.version.desc())
            .limit(1)
        )
        definition = self._unit.session.scalar(statement)
        if definition is None:
            raise _unknown(key)
        return definition

    def to_start(self, definition_id: int) -> Startable:
        """Give a definition for a start of it; raises `NotFound`."""
        row = _TO_START.first(self._unit.connection, {"definition": definition_id})
        if row is None:
            raise NotFound("There is no such process definition.")
        return Startable(*row)

    def latest_to_start(self, key: str) -> Startable:
        """Give the version of a process that is in force for a start of it; raises `NotFound`."""
        row = _NEWEST_TO_START.first(self._unit.connection, {"process": key})
        if row is None:
            raise _unknown(key)
        return Startable(*row)

    def version(self, key: str, version: int) -> ProcessDefinition:
        """Give one version of a process; raises `NotFound`."""
        statement = select(ProcessDefinition).where(ProcessDefinition.key == key, ProcessDefinition.version == version)
        definition = self._unit.session.scalar(statement)
        if definition is None:
            raise NotFound(f"There is no version {version} of the process {key}.")
        return definition

    def versions(self, key: str) -> Sequence[ProcessDefinition]:
        """Give all versions of a process, the newest first."""
        statement = (
            select(ProcessDefinition).where(ProcessDefinition.key == key).order_by(ProcessDefinition.version.desc())
        )
        return self._unit.session.scalars(statement).all()

    def in_force(self) -> Sequence[ProcessDefinition]:
        """Give the newest version of every process by key."""
        newest = (
            select(ProcessDefinition.key, func.max(ProcessDefinition.version).label("version"))
            .group_by(ProcessDefinition.key)
            .subquery()
        )
        statement = (
            select(ProcessDefinition)
            .join(newest, (newest.c.key == ProcessDefinition.key) & (newest.c.version == ProcessDefinition.version))
            .order_by(ProcessDefinition.key)
        )
        return self._unit.session.scalars(statement).all()

    def one(self, deployment_id: int) -> Deployment:
        """Give the deployment by id; raises `NotFound`."""
        deployment = self._unit.session.get(Deployment, deployment_id)
        if deployment is None:
            raise NotFound("There is no such deployment.")
        return deployment

    def all(self) -> Sequence[Deployment]:
        """Give all deployments, the newest first."""
        return self._unit.session.scalars(select(Deployment).order_by(Deployment.id.desc())).all()

    def page(self, after: int | None = None, limit: int = 50) -> Sequence[Deployment]:
        """Give some deployments, the newest first, from the one after `after` on."""
        statement = select(Deployment).order_by(Deployment.id.desc()).limit(limit)
        if after is not None:
            statement = statement.where(Deployment.id < after)
        return self._unit.session.scalars(statement).all()

    def definitions_of(self, deployment_id: int) -> Sequence[ProcessDefinition]:
        """Give the definitions of a deployment by key."""
        statement = select(ProcessDefinition).where(ProcessDefinition.deployment_id == deployment_id)
        return self._unit.session.scalars(statement.order_by(ProcessDefinition.key)).all()

    def digests(self, deployment_id: int) -> dict[str, str]:
        """Give the digests of a deployment's files by path."""
        statement = select(DeploymentFile.path, DeploymentFile.sha256).where(
            DeploymentFile.deployment_id == deployment_id
        )
        return {row.path: row.sha256 for row in self._unit.connection.execute(statement)}

    def files(self, deployment_id: int) -> dict[str, bytes]:
        """Give the files of a deployment by path; raises `NotFound`."""
        rows = self._unit.session.scalars(
            select(DeploymentFile).where(DeploymentFile.deployment_id == deployment_id).order_by(DeploymentFile.path)
        ).all()
        if not rows:
            raise NotFound("There is no such deployment.")
        return {row.path: self._documents.read(row.sha256) for row in rows}

    def file(self, deployment_id: int, path: str) -> bytes:
        """Give one file of a deployment; raises `NotFound`."""
        row = self._unit.session.get(DeploymentFile, (deployment_id, path))
        if row is None:
            raise NotFound(f"The deployment has no file {path}; add it and deploy again.")
        return self._documents.read(row.sha256)

    def drafts(self) -> Sequence[Draft]:
        """Give all drafts by name."""
        return self._unit.session.scalars(select(Draft).order_by(Draft.name)).all()

    def draft(self, draft_id: int) -> Draft:
        """Give the draft by id; raises `NotFound`."""
        draft = self._unit.session.get(Draft, draft_id)
        if draft is None:
            raise NotFound("There is no such draft.")
        return draft

    def add_draft(self, name: str, files: Mapping[str, bytes], login: str, based_on_id: int | None = None) -> Draft:
        """Begin a draft with these files; raises `AlreadyExists` at the end when the name is in use."""
        now = self._unit.now
        draft = Draft(name=name, based_on_id=based_on_id, changed_by=login, changed_at=now, version=1)
        self._unit.add(draft)
        for path, content in files.items():
            self._put(draft.id, path, content)
        return draft

    def put_draft_file(self, draft_id: int, path: str, content: bytes | None, login: str, version: int) -> int:
        """Change, add or (without content) remove a file of a draft; gives the draft's new version.

        Raises `StaleVersion` when somebody has changed the draft since `version`.
        """
        changed = self._unit.session.execute(
            update(Draft)
            .where(Draft.id == draft_id, Draft.version == version)
            .values(version=version + 1, changed_by=login, changed_at=self._unit.now)
            .returning(Draft.id),
            execution_options={"synchronize_session": "fetch"},
        ).scalar()
        if changed is None:
            self.draft(draft_id)
            raise StaleVersion("Somebody else has changed this draft; load it again and repeat.")
        self._unit.session.execute(delete(DraftFile).where(DraftFile.draft_id == draft_id, DraftFile.path == path))
        if content is not None:
            self._put(draft_id, path, content)
        return version + 1

    def draft_files(self, draft_id: int) -> dict[str, bytes]:
        """Give the files of a draft by path."""
        rows = self._unit.session.scalars(
            select(DraftFile).where(DraftFile.draft_id == draft_id).order_by(DraftFile.path)
        ).all()
        return {row.path: self._documents.read(row.sha256) for row in rows}

    def drop_draft(self, draft_id: int) -> None:
        """Throw a draft away; its files stay in the document store until they are swept."""
        self._unit.session.execute(delete(DraftFile).where(DraftFile.draft_id == draft_id))
        self._unit.session.execute(delete(Draft).where(Draft.id == draft_id))

    def _put(self, draft_id: int, path: str, content: bytes) -> None:
        stored = self._documents.put(content)
        self._unit.add(DraftFile(draft_id=draft_id, path=path, sha256=stored.sha256, size=stored.size))


def _subscription(definition: ProcessDefinition, one: NewSubscription, now: datetime) -> MessageSubscription:
    return MessageSubscription(
        instance_id=None,
        definition_id=definition.id,
        key=one.key,
        kind=one.kind,
        name=one.name,
        correlation_key=None,
        created_at=now,
    )


def _start(definition: ProcessDefinition, timer: NewTimer) -> Timer:
    return Timer(
        instance_id=None,
        definition_id=definition.id,
        key=timer.key,
        node=timer.node,
        due_at=timer.due_at,
        schedule=None if timer.schedule is None else dict(timer.schedule),
    )


def _cycle(schedule: Mapping[str, Any] | None) -> str | None:
    """Give the cycle by which a timer goes on; None for a date, a duration, and what fires a last time."""
    return None if schedule is None else schedule["rule"]


def _unknown(key: str) -> NotFound:
    return NotFound(f"There is no process {key}; deploy it first.")
