"""The shapes of what programs send and get. Exact numbers and times are text: `"12.50"`, `"2026-03-02T12:00:00Z"`."""

from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from flask_openapi3.models.file import FileStorage
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from storage.parcels import ParcelState, RenditionKind
from storage.work import WorkState
from web.draft_files import MOST_FILES

Id = Annotated[int, Field(ge=1, le=2**53)]
Number = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}$")]
Key = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Moment = Annotated[AwareDatetime, Field(ge=datetime(1970, 1, 1, tzinfo=UTC), le=datetime(9990, 1, 1, tzinfo=UTC))]
Limit = Annotated[int, Field(ge=1, le=200, description="How many at most.")]


class Asked(BaseModel):
    """What a program sends: nothing but what is named."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Given(BaseModel):
    """What a program gets."""

    model_config = ConfigDict(extra="forbid", frozen=True)


# ---- asked


class Repeatable(Asked):
    """Lets a request be sent again safely: the same key gets the first answer again, for 7 days."""

    idempotency_key: str | None = Field(
        default=None,
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="The same key again gets the first answer again, and nothing is done twice; kept for 7 days.",
    )


class ParcelPath(Asked):
    """Names a parcel."""

    number: Number


class OrderPath(Asked):
    """Names an order."""

    number: Number


class DocumentPath(Asked):
    """Names a document of a parcel."""

    number: Number
    document_id: Id


class WorkItemPath(Asked):
    """Names a work item."""

    item_id: Id


class DocumentQuery(Asked):
    """Which form of a document."""

    rendition: RenditionKind | None = Field(default=None, description="Another form than the bytes as they came.")


class PageQuery(Asked):
    """Which part of a list."""

    after: Id | None = Field(default=None, description="Where the page before ended; as in `next`.")
    limit: Limit = 50


class ParcelQuery(PageQuery):
    """Which parcels."""

    q: str = Field(default="", max_length=200, description="Words that documents, fields or numbers hold.")
    scope: Literal["active", "archived", "rejected", "all"] = "all"
    status: Key | None = None
    channel: Key | None = None
    received_from: Moment | None = None
    received_until: Moment | None = Field(default=None, description="Received before this time.")


class OrderQuery(ParcelQuery):
    """Which orders."""

    delayed: bool | None = None


class WorkQuery(Asked):
    """Which work items."""

    which: Literal["mine", "pool"] = Field(
        default="mine", alias="list", description="What one has on one's own table, or what one's groups may take."
    )
    group: Key | None = Field(default=None, description="Of the pool, what is offered to this group.")
    after: str | None = Field(default=None, max_length=80, description="Where the page before ended; as in `next`.")
    limit: Limit = 50


class Upload(Asked):
    """Files that become one parcel."""

    files: list[FileStorage] = Field(min_length=1)
    subject: str | None = Field(default=None, max_length=200)


class Package(Asked):
    """Files of processes: one zip, or each file with its path as its name."""

    files: list[FileStorage] = Field(min_length=1, max_length=MOST_FILES)
    name: str = Field(default="", max_length=100)
    note: str = Field(default="", max_length=2_000, description="Why; kept with the deployment.")


class Completion(Asked):
    """Answers to the form of a work item, by the keys of its fields."""

    answers: dict[str, Any] = Field(
        default_factory=dict, description="Checked by the form; a field it has not is refused."
    )


# ---- given


class ParcelLine(Given):
    """A parcel or order in a list."""

    number: str
    order_number: str | None
    channel: str
    received_at: datetime
    state: ParcelState
    status: str
    values: dict[str, Any] = Field(description="Data of the parcel and its order, as far as the person may see it.")
    href: str


class ParcelPage(Given):
    """A page of a list."""

    items: list[ParcelLine]
    next: str | None = Field(description="Address of the next page.")


class FieldLine(Given):
    """An index field; `value` is covered by dots where the person may not read it."""

    name: str
    value: str
    is_masked: bool
    confidence: float
    origin: str
    is_confirmed: bool
    document_id: int | None
    page: int | None
    box: list[float] | None


class DocumentLine(Given):
    """A document; one that is masked shows its kind alone."""

    id: int
    position: int
    kind: str
    is_masked: bool
    title: str
    file_name: str
    media_type: str
    size: int | None
    sha256: str | None
    href: str | None
    renditions: list[RenditionKind]


class StatusLine(Given):
    """A status with when it was entered and left."""

    status: str
    entered_at: datetime
    left_at: datetime | None


class Parcel(ParcelLine):
    """A parcel with its order, as the person may see it."""

    process: str
    sealed_at: datetime | None
    retention_until: date | None
    legal_hold: bool
    lines: list[dict[str, Any]]
    fields: list[FieldLine]
    documents: list[DocumentLine]
    statuses: list[StatusLine]
    parts: list[str] = Field(description="Numbers of the parcels that this one was divided into.")


class Received(Given):
    """The parcel that an upload became."""

    number: str
    href: str | None = Field(description="Where it is looked at; null for who may bring in, but not open it.")


class WorkItemLine(Given):
    """A work item in a list."""

    id: int
    name: str
    process: str
    node: str
    state: WorkState
    group: str | None
    assignee: str | None
    is_mine: bool
    due_at: datetime | None
    priority: int
    created_at: datetime
    claimed_at: datetime | None
    parcel: str | None
    order: str | None
    href: str


class WorkItemPage(Given):
    """A page of a worklist."""

    items: list[WorkItemLine]
    next: str | None


class WorkItem(WorkItemLine):
    """A work item with what is needed to complete it."""

    instructions: str | None
    outcome_field: str | None = Field(description="The field whose answer decides the way.")
    form: dict[str, Any] | None = Field(description="Schema of the form, as form-js writes it.")
    variables: dict[str, Any] = Field(description="What the form is filled with, as far as the person may read it.")
    fields: list[FieldLine]


class Completed(Given):
    """A work item that is done."""

    id: int
    state: Literal[WorkState.COMPLETED] = WorkState.COMPLETED
    completed_by: str
    completed_at: datetime


class DefinitionLine(Given):
    """A process that a deployment has put in force as a version."""

    key: str
    version: int
    name: str
    is_executable: bool


class DeploymentLine(Given):
    """A deployment."""

    id: int
    name: str
    note: str
    deployed_by: str
    deployed_at: datetime
    processes: list[DefinitionLine]


class DeploymentPage(Given):
    """A page of deployments, the newest first."""

    items: list[DeploymentLine]
    next: str | None


class FindingLine(Given):
    """A remark on a file, or on an element in it."""

    file: str
    element: str | None
    severity: Literal["error", "warning", "info"]
    code: str
    message: str


class Deployed(Given):
    """What a deployment has put in force; not new when these very files were in force already."""

    id: int
    is_new: bool
    versions: dict[str, int]
    findings: list[FindingLine]


class ProcessLine(Given):
    """A process by its version in force."""

    key: str
    name: str
    version: int
    is_executable: bool
    deployment_id: int
    deployed_at: datetime
    deployed_by: str
    running: int = Field(description="Instances that run, of all versions.")


class Processes(Given):
    """The processes in force."""

    items: list[ProcessLine]


class Fault(Given):
    """One thing to correct in a request: where it stands, and what is wrong with it."""

    at: str
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457), with a stable `code`; some codes bring more."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: list[Fault] | None = None
    fields: dict[str, str] | None = Field(default=None, description="`answers_refused`: a sentence for each field.")
    findings: list[FindingLine] | None = Field(default=None, description="`definition_refused`.")
    who: str | None = Field(default=None, description="`already_taken`: who has it.")
    when: datetime | None = Field(default=None, description="`already_taken`: since when.")
