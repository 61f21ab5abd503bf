"""Everything that can happen to a job."""

from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, PlainSerializer, WithJsonSchema

from domain.event import Event, SourceIds, StoredDocuments
from domain.json_documents import JsonObject
from domain.media import MediaKind
from domain.model import Frozen, Personal
from domain.provenance import Imported
from domain.reference import Reference

Amount = Annotated[
    Decimal,
    Field(ge=0, max_digits=20, decimal_places=9),
    PlainSerializer("{:f}".format, return_type=str, when_used="json"),  # without an exponent
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "minimum": 0, "exclusiveMaximum": 1e11, "multipleOf": 1e-9},
                {"type": "string", "pattern": r"^[0-9]{1,11}(\.[0-9]{1,9})?$"},
            ]
        }
    ),
]


class Cost(Frozen):
    """The cost of an attempt: an exact amount in units of an ISO 4217 currency."""

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class JobRequested(Event, topic="job.requested"):
    """A job was requested. Its input is its identity: the same input is the same job."""

    input_digest: str
    media_kind: MediaKind
    scope: Reference | None = None
    provider: str | None = None
    model: str | None = None
    references: tuple[Reference, ...] = ()
    run: str | None = None
    priority: int = 0
    key_digest: str | None = None
    prompt_spec: Personal[JsonObject | None] = None
    snapshot: Personal[JsonObject | None] = None
    imported: Personal[Imported | None] = None
    documents: StoredDocuments = None
    sources: SourceIds = None


class JobStarted(Event, topic="job.started"):
    """A worker started an attempt."""

    attempt: int


class JobSucceeded(Event, topic="job.succeeded"):
    """An attempt succeeded, with the assets that it made."""

    attempt: int
    assets: tuple[UUID, ...]
    completion_digest: str
    cost: Cost | None = None


class JobFailed(Event, topic="job.failed"):
    """An attempt failed. The code is for programs, the message for people."""

    attempt: int
    code: str
    cost: Cost | None = None
    message: Personal[str | None] = None


class JobCancelled(Event, topic="job.cancelled"):
    """The job was cancelled."""

    attempt: int
    cost: Cost | None = None


RequeueCause = Literal["lease_lost", "requested"]


class JobRequeued(Event, topic="job.requeued"):
    """The job was queued again, at its next attempt: its worker was lost, or it was requested again."""

    attempt: int
    cause: RequeueCause
    key_digest: str | None = None


JobChange = JobStarted | JobSucceeded | JobFailed | JobCancelled | JobRequeued
JobEvent = JobRequested | JobChange
JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
