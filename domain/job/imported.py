"""Jobs that were over before they were recorded here."""

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from domain.event import Context, Envelope, Event
from domain.identity import Identity, derived_id
from domain.job.events import Cost, JobCancelled, JobEvent, JobFailed, JobRequested, JobStarted, JobSucceeded
from domain.job.job import first_of
from domain.media import MediaKind
from domain.model import Frozen
from domain.provenance import Imported
from domain.reference import Reference

Ending = Literal["succeeded", "failed", "cancelled"]
EVENTS: Final = 3
"""How many events are recorded of a past job."""
_OUTPUTS = {"assets", "completion_digest", "media_kind"}


class PastJob(Frozen):
    """A job that was over before it was recorded here, as its source tells of it."""

    imported: Imported
    media_kind: MediaKind
    references: tuple[Reference, ...]
    outcome: Ending
    error: str | None = None
    cost: Cost | None = None
    subject: str | None = None
    remark: str | None = None
    """The reason that is kept with its end, in the place of the import's."""


def record(
    context: Context, tenant_id: UUID, identity: Identity, past: PastJob, asset_ids: Sequence[UUID]
) -> tuple[JobEvent, ...]:
    """The events of a job that was over before it was recorded here: what it was, and how its one attempt ended."""
    id_, digest = past_job_id(identity, past.imported)
    requested = JobRequested(
        envelope=Envelope.of(context, tenant_id, id_, 1, past.subject),
        input_digest=digest,
        media_kind=past.media_kind,
        references=past.references,
        run=first_of(past.references, "run"),
        imported=past.imported,
    )
    started = JobStarted(envelope=Envelope.of(context, tenant_id, id_, 2, past.subject), attempt=1)
    request_context = context.model_copy(update={"reason": past.remark or context.reason})
    ended = _ended(Envelope.of(request_context, tenant_id, id_, 3, past.subject), identity, past, asset_ids)
    return requested, started, ended


def _ended(last: Envelope, identity: Identity, past: PastJob, asset_ids: Sequence[UUID]) -> JobEvent:
    match past.outcome:
        case "succeeded":
            digest = identity.digest("completion", sorted(map(str, asset_ids)))
            return JobSucceeded(
                envelope=last, attempt=1, assets=tuple(asset_ids), completion_digest=digest, cost=past.cost
            )
        case "failed":
            return JobFailed(envelope=last, attempt=1, code="imported", message=past.error, cost=past.cost)
        case "cancelled":
            return JobCancelled(envelope=last, attempt=1, cost=past.cost)


def differ(recorded: Sequence[Event], reread: Sequence[Event]) -> bool:
    """Whether the events tell otherwise of a past job than those that are recorded of it.

    What it made does not count, since each of the assets says so itself, nor do the circumstances of recording.
    """
    return list(map(_without_circumstances, recorded)) != list(map(_without_circumstances, reread))


def _without_circumstances(event: Event) -> dict[str, Any]:
    return {"topic": event.TOPIC, **event.model_dump(exclude={"envelope", *_OUTPUTS})}


def past_job_id(identity: Identity, imported: Imported) -> tuple[UUID, str]:
    """The id that follows from where the job was, and its digest."""
    digest = identity.digest("import", [imported.source, imported.place])
    return derived_id("job", "import", digest), digest
