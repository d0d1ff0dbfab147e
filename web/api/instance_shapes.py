"""The shapes of process instances and migrations: what programs send and get."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field

from storage.instance_migrations import MigrationState
from storage.processes import InstanceState
from web.api.shapes import Asked, Given, Id, Key, PageQuery

Reason = Annotated[str, Field(min_length=1, max_length=2000, description="Why; it stays in the history.")]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class InstancePath(Asked):
    """Names a process instance."""

    instance_id: Id


class InstanceQuery(PageQuery):
    """Which instances."""

    process: Key | None = None
    scope: Literal["running", "all"] = "running"


class WithReason(Asked):
    """A change with its reason."""

    reason: Reason


class MovedToken(WithReason):
    """A token and where it goes; a join needs to know by which flow."""

    token: Name
    node: Name
    flow: Name | None = None


class AddedToken(WithReason):
    """Where one more token is put, beside which one, and what it knows more."""

    node: Name
    flow: Name | None = None
    beside: Name | None = None
    variables: dict[str, Any] = Field(default_factory=dict)


class CancelledToken(WithReason):
    """A token that is taken away."""

    token: Name


class ChangedVariables(WithReason):
    """Variables set to other values, and the names of those that go."""

    values: dict[str, Any] = Field(default_factory=dict)
    removed: list[Name] = Field(default_factory=list)


class TokenLine(Given):
    """A token: where it stands, within which activity, what it waits for; `hurdle` says why it cannot be moved by itself."""

    key: str
    node: str
    process: str
    within: str | None
    waits_for: str | None
    is_stuck: bool
    hurdle: str


class InstanceLine(Given):
    """A process instance in a list."""

    id: int
    process: str
    version: int
    state: InstanceState
    parcel: str | None
    started_at: datetime
    ended_at: datetime | None
    end_reason: str | None


class InstancePage(Given):
    """A page of instances, the newest first."""

    items: list[InstanceLine]
    next: str | None


class Instance(InstanceLine):
    """A process instance with its tokens and variables, as far as the person may read them."""

    tokens: list[TokenLine]
    variables: dict[str, Any]


class Deleted(Given):
    """What is gone."""

    id: int


class MigrationAsked(Asked):
    """To which version, which flow nodes are others there, and which instances; without a list all of other versions."""

    version: Annotated[int, Field(ge=1, le=2**31)]
    mapping: dict[Name, Name] = Field(default_factory=dict)
    instances: list[Id] = Field(default_factory=list, max_length=2000)


class MigrationBegun(MigrationAsked):
    """A migration to be carried out."""

    reason: Reason
    together: bool = Field(default=False, description="All or none, in one transaction; 500 instances at most.")


class ProcessPath(Asked):
    """Names a process."""

    key: Key


class MigrationPath(Asked):
    """Names a migration."""

    migration_id: Id


class HurdleLine(Given):
    """Why an instance cannot be carried over: the flow node and the reason."""

    node: str
    reason: str


class PlannedLine(Given):
    """What would become of an instance; with a hurdle it stays as it is."""

    instance: int
    version: int
    is_possible: bool
    carried: list[tuple[str, str]]
    ending: list[str]
    beginning: list[str]
    hurdles: list[HurdleLine]


class Plan(Given):
    """What a migration would do."""

    version: int
    items: list[PlannedLine]


class RefusedLine(Given):
    """An instance that was not moved."""

    instance: int
    hurdles: list[HurdleLine]


class MigrationProgress(Given):
    """How far a migration is."""

    id: int
    process: str
    version: int
    reason: str
    asked_by: str
    asked_at: datetime
    is_done: bool
    counts: dict[MigrationState, int]
    refused: list[RefusedLine]
