"""The job aggregate: queued, running, and then succeeded, failed or cancelled, each attempt by its number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID

from domain.asset import creation
from domain.asset.asset import Asset
from domain.asset.events import AssetCreated, AssetEvent
from domain.asset.inputs import NewAsset
from domain.errors import ForeignAssetError, IllegalTransitionError, OtherCompletionError, WrongAttemptError
from domain.event import Context, Envelope
from domain.identity import Identity, derived_id
from domain.job.events import (
    JobCancelled,
    JobEvent,
    JobFailed,
    JobRequested,
    JobRequeued,
    JobStarted,
    JobStatus,
    JobSucceeded,
    RequeueCause,
)
from domain.job.inputs import Completion, Failure, NewJob
from domain.large_documents import check_sizes
from domain.media import MediaKind
from domain.reference import Reference, distinct


@dataclass(frozen=True, slots=True)
class Job:
    """What decisions about a job need to know, at one revision."""

    tenant_id: UUID
    id: UUID
    version: int
    subject: str | None
    status: JobStatus
    attempt: int
    media_kind: MediaKind
    scope: Reference | None
    references: tuple[Reference, ...]
    provider: str | None
    priority: int
    assets: tuple[UUID, ...] = ()
    completion_digest: str | None = None
    keys: frozenset[str] = frozenset()
    sources: tuple[UUID, ...] = ()

    def request_again(self, context: Context, key_digest: str | None) -> tuple[JobEvent, ...]:
        """Ask for the same work again: the next attempt after a failed or cancelled one, else nothing new.

        A key that has caused an attempt before never starts another.
        """
        if self.status not in ("failed", "cancelled") or key_digest in self.keys:
            return ()
        return (self._requeued(context, "requested", key_digest),)

    def start(self, context: Context, attempt: int) -> tuple[JobEvent, ...]:
        """Begin the attempt."""
        self._must_be("start", "queued", attempt)
        return (JobStarted(envelope=self._next(context), attempt=attempt),)

    def succeed(
        self, context: Context, completion: Completion, identity: Identity, existing: Mapping[UUID, Asset]
    ) -> tuple[JobEvent | AssetEvent, ...]:
        """End the attempt with what it made, which comes first; nothing new if it was ended so before.

        `existing` are the assets that the completion names by id, needed while the job runs. OtherCompletionError if
        the attempt was ended with others, ForeignAssetError if an asset is not of the job's media kind and scope.
        """
        digest = identity.digest("completion", completion.identity())
        if self.status == "succeeded":
            self._must_be("succeed", "succeeded", completion.attempt)
            if digest != self.completion_digest:
                raise OtherCompletionError
            return ()
        self._must_be("succeed", "running", completion.attempt)
        created = [self._create_asset(context, index, new) for index, new in enumerate(completion.assets)]
        asset_ids = distinct(completion.asset_ids)
        linked = [event for id_ in asset_ids for event in self._link(context, existing[id_])]
        succeeded = JobSucceeded(
            envelope=self._next(context),
            attempt=self.attempt,
            assets=(*(event.originator_id for event in created), *asset_ids),
            completion_digest=digest,
            cost=completion.cost,
        )
        return (*created, *linked, succeeded)

    def fail(self, context: Context, failure: Failure) -> tuple[JobEvent, ...]:
        """End the attempt without assets."""
        self._must_be("fail", "running", failure.attempt)
        event = JobFailed(
            envelope=self._next(context),
            attempt=self.attempt,
            code=failure.code,
            message=failure.message,
            cost=failure.cost,
        )
        return (event,)

    def cancel(self, context: Context, attempt: int | None) -> tuple[JobEvent, ...]:
        """Call the job off, queued or running. A worker names its attempt: WrongAttemptError if it does not."""
        self._must_be("cancel", "queued" if self.status == "queued" else "running", attempt)
        if attempt is None and context.actor.type == "worker":
            raise WrongAttemptError(f"The job is at attempt {self.attempt}; a worker says which one it cancels.")
        return (JobCancelled(envelope=self._next(context), attempt=self.attempt),)

    def requeue(self, context: Context, attempt: int) -> tuple[JobEvent, ...]:
        """Let the next attempt begin: the running one is lost, or the last one failed or was cancelled."""
        self._must_be("requeue", self.status if self.status in ("failed", "cancelled") else "running", attempt)
        return (self._requeued(context, "lease_lost" if self.status == "running" else "requested", None),)

    def _requeued(self, context: Context, cause: RequeueCause, key_digest: str | None) -> JobRequeued:
        return JobRequeued(envelope=self._next(context), attempt=self.attempt + 1, cause=cause, key_digest=key_digest)

    def _create_asset(self, context: Context, index: int, new: NewAsset) -> AssetCreated:
        """The event of an asset that the attempt made: the job's references, scope, subject and sources are its own."""
        self._must_fit(new.media.media_kind, new.scope or self.scope, f"asset {index}")
        inherited = distinct((Reference(kind="job", id=str(self.id)), *self.references, *new.references))
        complete = new.model_copy(
            update={
                "scope": self.scope,
                "references": inherited,
                "subject": new.subject or self.subject,
                "sources": distinct((*self.sources, *new.sources)),
            }
        )
        asset_id = derived_id("asset", "job", f"{self.id}:{self.attempt}:{index}")
        why = context.model_copy(update={"reason": new.reason or context.reason})
        return creation.create(why, self.tenant_id, asset_id, complete)

    def _link(self, context: Context, asset: Asset) -> Sequence[AssetEvent]:
        self._must_fit(asset.media.media_kind, asset.scope, f"asset {asset.id}")
        return asset.link(context, (Reference(kind="job", id=str(self.id)),))

    def _must_fit(self, media_kind: MediaKind, scope: Reference | None, action: str) -> None:
        if media_kind != self.media_kind:
            raise ForeignAssetError(f"{action} is of kind {media_kind}, but the job makes {self.media_kind}.")
        if scope != self.scope:
            theirs, ours = scope or "nothing", self.scope or "nothing"
            raise ForeignAssetError(f"{action} belongs to {theirs}, but the job belongs to {ours}.")

    def _must_be(self, action: str, status: JobStatus, attempt: int | None) -> None:
        if attempt not in (None, self.attempt):
            raise WrongAttemptError(f"The job is {self.status} at attempt {self.attempt}, not {attempt}.")
        if self.status != status:
            raise IllegalTransitionError(f"A job that is {self.status} cannot {action}.")

    def _next(self, context: Context) -> Envelope:
        return Envelope.of(context, self.tenant_id, self.id, self.version + 1, self.subject)


def job_id(identity: Identity, new: NewJob) -> tuple[UUID, str]:
    """The id that follows from what is asked for, and its digest."""
    digest = identity.digest("input", new.identity())
    return derived_id("job", "input", digest), digest


def request(context: Context, tenant_id: UUID, identity: Identity, new: NewJob, key_digest: str | None) -> JobRequested:
    """The event that asks for work for the first time. DocumentTooLargeError."""
    check_sizes(new.prompt_spec, new.snapshot)
    id_, digest = job_id(identity, new)
    references = new.all_references()
    return JobRequested(
        envelope=Envelope.of(context, tenant_id, id_, 1, new.subject),
        input_digest=digest,
        media_kind=new.media_kind,
        scope=new.scope,
        provider=first_of(references, "provider"),
        model=first_of(references, "model"),
        references=references,
        run=first_of(references, "run"),
        priority=new.priority,
        key_digest=key_digest,
        prompt_spec=new.prompt_spec,
        snapshot=new.snapshot,
        sources=new.sources or None,
    )


def requested(event: JobRequested) -> Job:
    """The job right after it was asked for."""
    return Job(
        tenant_id=event.envelope.tenant_id,
        id=event.originator_id,
        version=1,
        subject=event.envelope.subject,
        status="queued",
        attempt=1,
        media_kind=event.media_kind,
        scope=event.scope,
        references=event.references,
        provider=event.provider,
        priority=event.priority,
        keys=frozenset([event.key_digest] if event.key_digest else []),
        sources=event.sources or (),
    )


def evolve(job: Job, event: JobEvent) -> Job:
    """The job after the event."""
    job = replace(job, version=event.originator_version)
    match event:
        case JobRequested():
            return requested(event)
        case JobStarted():
            return replace(job, status="running", attempt=event.attempt)
        case JobSucceeded():
            return replace(job, status="succeeded", assets=event.assets, completion_digest=event.completion_digest)
        case JobFailed():
            return replace(job, status="failed")
        case JobCancelled():
            return replace(job, status="cancelled")
        case JobRequeued():
            keys = job.keys | {event.key_digest} if event.key_digest else job.keys
            return replace(job, status="queued", attempt=event.attempt, keys=keys)
        case _:
            assert_never(event)


def project(job: Job | None, events: Iterable[JobEvent]) -> Job | None:
    """Fold events onto a job, from nothing if there is none yet: the library's projector function."""
    for event in events:
        if isinstance(event, JobRequested):
            job = requested(event)
        elif job is not None:
            job = evolve(job, event)
    return job


def first_of(references: tuple[Reference, ...], kind: str) -> str | None:
    """The id of the first reference of the kind; None if there is none."""
    return next((reference.id for reference in references if reference.kind == kind), None)
