"""What the API answers about jobs, and what workers send."""

from typing import Annotated, Any, Self, cast
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.schemas import WHOLE, is_none
from domain.job.events import JobStatus
from domain.job.inputs import Attempt
from domain.media import MediaKind
from domain.stored import reader
from domain.values import Frozen, Imported, JsonObject, OutsideId, UtcTime, example
from projections.jobs.fold import JobRow

LeaseSeconds = Annotated[
    int, Field(ge=1, le=86_400, description="How long the job is the worker's unless it extends the lease.")
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
    """What one attempt cost."""

    attempt: int
    amount: str = Field(description="An exact decimal number.")
    currency: str


class Job(BaseModel):
    """A job as it is, or as it was at the moment asked for. References are written `kind:id`."""

    model_config = example(**JOB) | ConfigDict(from_attributes=True)

    id: UUID
    status: JobStatus
    attempt: int = Field(description="The number of the attempt that waits, runs or ended last.")
    media_kind: MediaKind
    provider: str | None
    model: str | None
    scope: str | None
    references: list[str]
    run: str | None
    priority: int
    prompt_spec: JsonObject | None = Field(description=WHOLE)
    snapshot: JsonObject | None = Field(description=WHOLE)
    imported: Imported | None = Field(description="Where an importer found it, with the times it had there.")
    subject: str | None = Field(description="The requester, whose data this holds; null: the tenant.")
    assets: list[UUID] = Field(description="What it made.")
    error_code: str | None
    error_message: str | None
    costs: list[AttemptCost]
    created_at: UtcTime
    created_by: str = Field(description="The actor, written `type:id`.")
    started_at: UtcTime | None
    finished_at: UtcTime | None
    updated_at: UtcTime
    updated_by: str
    revision: int = Field(description="The number of events of the job so far; also its ETag.")
    position: int = Field(description="The last event's place in the tenant's log.")

    @classmethod
    def of(cls, row: JobRow) -> Self:
        """The job of a row, read by its shape like an asset."""
        return cast("Self", _job.validate_python(row))


_job = reader(Job)


class JobPage(BaseModel):
    """A page of jobs."""

    model_config = example(items=[JOB], next="MTIuM2Yy")

    items: list[Job]
    next: str | None = Field(description="Give it as `cursor` for the next page; null at the end.")
    total: int | None = Field(
        default=None,
        exclude_if=is_none,
        description="How many there are in all, if `total=true` asks for it.",
    )


class ClaimRequest(Frozen):
    """What work a worker takes."""

    model_config = example(media_kind="image", max=4, lease_seconds=120)

    media_kind: MediaKind | None = None
    provider: OutsideId | None = None
    max: int = Field(default=1, ge=1, le=100, description="How many jobs at the most.")
    lease_seconds: LeaseSeconds = 60


class ClaimedJobs(BaseModel):
    """The jobs a worker has now. Each is running at its attempt, under a lease."""

    model_config = example(items=[JOB])

    items: list[Job]


class HeartbeatRequest(Frozen):
    """That a worker still works on an attempt."""

    model_config = example(attempt=1, lease_seconds=120)

    attempt: Attempt
    lease_seconds: LeaseSeconds = 60


class Lease(BaseModel):
    """Until when a worker has a job."""

    model_config = example(lease_until="2026-11-20T12:02:00.000000Z")

    lease_until: UtcTime
