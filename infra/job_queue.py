"""The job queue: which jobs wait for a worker, and which are held under a lease."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple, assert_never, cast
from uuid import UUID

from domain.errors import OtherRequestError
from domain.job.events import JobCancelled, JobEvent, JobFailed, JobRequested, JobRequeued, JobStarted, JobSucceeded
from domain.job.job import Job
from infra.database import Database
from infra.sql import load_statements
from infra.tenant_table import TenantTable

QueuedJob = tuple[UUID, int]
"""A job with the attempt that waits, or is leased."""


class Claim(NamedTuple):
    """A claim under a key: a digest of the caller and the key, and one of the request."""

    id: str
    request: str


class JobQueue(TenantTable):
    """One tenant's queue. Its changes belong into the transaction that appends, before the append.

    Transactions that lock a job's row first and the head of the log second cannot deadlock with each other.
    """

    statements = load_statements(__file__, "job_queue.sql")

    def lock(self, job_id: UUID) -> None:
        """Lock the job's row until the transaction ends."""
        self._run("lock", job_id=job_id)

    def apply(self, job: Job, event: JobEvent) -> None:
        """Put the job into the queue, or take it out, as the event requires."""
        match event:
            case JobRequested() | JobRequeued():
                self._run(
                    "enqueue",
                    job_id=job.id,
                    attempt=1 if isinstance(event, JobRequested) else event.attempt,
                    media_kind=job.media_kind,
                    provider=job.provider,
                    priority=job.priority,
                )
            case JobStarted() | JobSucceeded() | JobFailed() | JobCancelled():
                self._run("remove", job_id=job.id)
            case _:
                assert_never(event)

    def expired(self) -> list[QueuedJob]:
        """Jobs whose lease has run out, locked."""
        return self._queued_jobs("expired")

    def available(self, media_kind: str | None, provider: str | None, limit: int) -> list[QueuedJob]:
        """Jobs to hand out, the most urgent and then the oldest first, locked."""
        return self._queued_jobs("available", media_kind=media_kind, provider=provider, limit=limit)

    def lease(self, jobs: Sequence[QueuedJob], seconds: int, claim: Claim | None = None) -> None:
        """Give the jobs to a worker for a time, by its claim if that has a key."""
        self._run("lease", job_ids=[job_id for job_id, _ in jobs], seconds=seconds, claim=claim and claim.id)

    def begin_claim(self, claim: Claim) -> bool:
        """Note that jobs are claimed under a key; returns False if that was done within the last day.

        OtherRequestError if the earlier request was another one. Call it before any row of a job is locked.
        """
        self._run("forget_old_claims")
        if self._run("begin_claim", claim=claim.id, request=claim.request):
            return True
        if self._run("claim_request", claim=claim.id) != [(claim.request,)]:
            raise OtherRequestError
        return False

    def leased_by(self, claim: Claim) -> list[QueuedJob]:
        """The jobs that the claim still leases, in the order they were handed out, locked."""
        return self._queued_jobs("leased_by", claim=claim.id)

    def forget_claim(self, claim: Claim) -> None:
        """Free the key, since no job was handed out under it."""
        self._run("forget_claim", claim=claim.id)

    def requeue(self, jobs: Sequence[QueuedJob]) -> None:
        """Let lost jobs wait again, each at its next attempt."""
        self._run("requeue", job_ids=[job_id for job_id, _ in jobs])

    def heartbeat(self, job_id: UUID, attempt: int, seconds: int) -> datetime | None:
        """Extend a lease; returns until when, None if it is lost."""
        rows = self._run_repeatable("heartbeat", job_id=job_id, attempt=attempt, seconds=seconds)
        return cast(datetime, rows[0][0]) if rows else None

    def _queued_jobs(self, statement: str, **parameters: object) -> list[QueuedJob]:
        return [(row[0], row[1]) for row in self._run(statement, **parameters)]


def tenants_with_lost_jobs(database: Database) -> list[UUID]:
    """Tenants that have leases to take back. Needs the role that sees every tenant."""
    return [row[0] for row in database.execute(JobQueue.statements["tenants_with_lost_jobs"])]
