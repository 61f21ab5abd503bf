"""Everything that can happen to a job."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field, PlainSerializer, WithJsonSchema

from domain.event import Event, StoredDocuments
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
    """What an attempt cost: an amount in units of an ISO 4217 currency, exact."""

    amount: Amount
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]


class JobRequested(Event):
    """Work was asked for. What was asked is the job's identity; asking again is the same job."""

    TOPIC: ClassVar[str] = "job.requested"

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


class JobStarted(Event):
    """A worker began an attempt."""

    TOPIC: ClassVar[str] = "job.started"

    attempt: int


class JobSucceeded(Event):
    """An attempt made its assets."""

    TOPIC: ClassVar[str] = "job.succeeded"

    attempt: int
    assets: tuple[UUID, ...]
    completion_digest: str
    cost: Cost | None = None


class JobFailed(Event):
    """An attempt failed. The code is for programs, the message for people."""

    TOPIC: ClassVar[str] = "job.failed"

    attempt: int
    code: str
    cost: Cost | None = None
    message: Personal[str | None] = None


class JobCancelled(Event):
    """The job was called off."""

    TOPIC: ClassVar[str] = "job.cancelled"

    attempt: int
    cost: Cost | None = None


RequeueCause = Literal["lease_lost", "requested"]


class JobRequeued(Event):
    """The next attempt may begin: the worker was lost, or the work was asked for again."""

    TOPIC: ClassVar[str] = "job.requeued"

    attempt: int
    cause: RequeueCause
    key_digest: str | None = None


JobChange = JobStarted | JobSucceeded | JobFailed | JobCancelled | JobRequeued
JobEvent = JobRequested | JobChange
JobStatus = Literal["queued", "running", "succeeded", "failed", "cancelled"]
