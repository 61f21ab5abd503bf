"""Jobs in answers, and the requests of workers."""

from typing import Annotated, Any, Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.http.schemas import optional
from api.http.schemas.assets import WHOLE
from domain.job.events import JobStatus
from domain.job.inputs import Attempt
from domain.json_documents import JsonObject
from domain.lenient_reading import reader
from domain.media import MediaKind
from domain.model import Frozen, example
from domain.provenance import Imported
from domain.text import OutsideId
from domain.utc_time import UtcTime
from projections.jobs.fold import JobRow

LeaseSeconds = Annotated[
    int, Field(ge=1, le=86_400, description="Seconds until the lease expires, unless a heartbeat extends it.")
]
JOB: dict[str, Any] = {
    "id": "73a41949-2431-5408-8a88-4c28b2edbc54",
    "status": "running",
    "attempt": 1,
    "media_kind": "image",
    "provider": "comfy",
    "model": "sdxl",
    "scope": "world:w1",
    "references": ["workflow:w7", "node:n3", "claim:c7"],
    "prompt_spec": {"prompt": "a castle at dusk"},
    "assets": [],
    "revision": 2,
    "position": 12,
}


class AttemptCost(BaseModel):
    """The cost of one attempt."""

    attempt: int
    amount: str = Field(description="An exact decimal number.")
    currency: str


class Job(BaseModel):
    """A job, now or at the requested moment. References are written `kind:id`."""

    model_config = example(**JOB) | ConfigDict(from_attributes=True)

    id: UUID
    status: JobStatus
    attempt: int = Field(description="The number of the current or last attempt.")
    media_kind: MediaKind
    provider: str | None
    model: str | None
    scope: str | None
    references: list[str]
    sources: list[UUID] = Field(description="The assets it is made from.")
    run: str | None
    priority: int
    prompt_spec: JsonObject | None = Field(description=WHOLE)
    snapshot: JsonObject | None = Field(description=WHOLE)
    imported: Imported | None = Field(description="The job's place and times at the source it was imported from.")
    subject: str | None = Field(description="The requester, whose personal data the job has. Null: the tenant.")
    assets: list[UUID] = Field(description="The assets that the job made.")
    error_code: str | None
    error_message: str | None
    costs: list[AttemptCost]
    created_at: UtcTime
    created_by: str = Field(description="The actor, written `type:id`.")
    started_at: UtcTime | None
    finished_at: UtcTime | None
    updated_at: UtcTime
    updated_by: str
    revision: int = Field(description="The number of the job's events so far; also its ETag.")
    position: int = Field(description="The position of the last event in the tenant's log.")

    @classmethod
    def of(cls, row: JobRow) -> Self:
        """The job of a row, read without validating it again, like an asset."""
        return cast("Self", _job.validate_python(row))


_job = reader(Job)


class JobPage(BaseModel):
    """A page of jobs."""

    model_config = example(items=[JOB], next="MTIuM2Yy")

    items: list[Job]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")
    total: int | None = optional("The number of all matching jobs, if requested with `total=true`.")


class ClaimRequest(Frozen):
    """The jobs that a worker can take."""

    model_config = example(media_kind="image", max=4, lease_seconds=120)

    media_kind: MediaKind | None = None
    provider: OutsideId | None = None
    max: int = Field(default=1, ge=1, le=100, description="The maximum number of jobs.")
    lease_seconds: LeaseSeconds = 60


class ClaimedJobs(BaseModel):
    """The jobs that a worker has claimed. Each is running, under a lease."""

    model_config = example(items=[JOB])

    items: list[Job]


class HeartbeatRequest(Frozen):
    """A sign that a worker still works on an attempt."""

    model_config = example(attempt=1, lease_seconds=120)

    attempt: Attempt
    lease_seconds: LeaseSeconds = 60


class Lease(BaseModel):
    """The end of a worker's lease."""

    model_config = example(lease_until="2026-11-20T12:02:00.000000Z")

    lease_until: UtcTime
