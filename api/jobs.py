"""One tenant's jobs on behalf of one caller: what the job routes call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.policies import Policies
from api.session import LEDGER, Session
from domain.asset import asset as assets
from domain.asset.asset import Asset
from domain.errors import AssetNotFoundError, JobNotFoundError, LeaseLostError
from domain.event import Context, Event, Recorded
from domain.job import job as aggregate
from domain.job.events import JobEvent, JobRequested
from domain.job.inputs import Completion, NewJob
from domain.job.job import Job
from infra.event_log.log import expect_revision
from infra.jobs import Claim, JobQueue
from projections.history import Entry, page_of_entries
from projections.jobs.fold import JOBS, JobRow
from projections.jobs.read import JobFilter, count_jobs, list_jobs
from projections.projection import fold_all
from projections.query import NEWEST_FIRST, Keyset, Order, Page

Decision = Callable[[Job, Context], Sequence[Event]]


@dataclass(frozen=True)
class Jobs:
    """Requests, hands out, ends and reads one tenant's jobs. Raises the domain's errors."""

    session: Session

    def request(self, new: NewJob, key: str | None) -> tuple[JobRow, bool]:
        """Ask for work; returns the job, and whether that made it new."""
        identity = self.session.identity
        context = self.session.context(new.reason)
        key_digest = identity.digest("key", key) if key is not None else None
        id_, _ = aggregate.job_id(identity, new)

        def work() -> tuple[JobRow, bool]:
            try:
                job = self._load(id_)
            except JobNotFoundError:
                event = aggregate.request(context, self.session.tenant_id, identity, new, key_digest)
                return self._row_at(id_, self._carry_out(aggregate.requested(event), [event])), True
            return self._row_at(id_, self._carry_out(job, job.request_again(context, key_digest))), False

        row, made = self.session.atomically(work)
        return self.session.documents.shown(row), made

    def change(
        self, job_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None = None
    ) -> JobRow:
        """Decide on a job and record what was decided; returns the job as that left it."""
        context = self.session.context(reason)

        def work() -> JobRow:
            self._queue.lock(job_id)
            job = self._load(job_id)
            expect_revision(expected_revision, job.version)
            return self._row_at(job_id, self._carry_out(job, decide(job, context)))

        return self.session.documents.shown(self.session.atomically(work))

    def succeed(self, job_id: UUID, completion: Completion, expected_revision: int | None = None) -> JobRow:
        """End an attempt with what it made: the job and its assets in one append."""

        def decide(job: Job, context: Context) -> Sequence[Event]:
            known: dict[UUID, Asset] = {}
            if completion.asset_ids and job.status == "running":
                self.session.log.recorder.lock_head()
                known = {id_: self._asset(id_) for id_ in completion.asset_ids}
            return job.succeed(context, completion, self.session.identity, known)

        return self.change(job_id, decide, completion.reason, expected_revision)

    def claim(
        self, media_kind: str | None, provider: str | None, most: int, lease_seconds: int, key: str | None = None
    ) -> list[JobRow]:
        """Hand out waiting jobs under a lease, after taking back those whose lease ran out.

        None is handed out whose documents cannot be read right now: StoreUnavailableError. Under a key that the same
        actor has used before, those that it handed out then and that are leased by it still: OtherRequestError if
        others were asked for.
        """
        context = self.session.context()
        claim = self._claim(key, media_kind, provider, most) if key is not None else None

        def work() -> list[JobRow]:
            if claim is not None and not self._queue.begin_claim(claim):
                return self._claimed(claim, lease_seconds)
            self._take_back()
            waiting = self._queue.waiting(media_kind, provider, most)
            histories = [self._history(job_id) for job_id, _ in waiting]
            rows = [self.session.documents.whole(_row(history)) for history in histories]
            started = [
                event
                for history, (_, attempt) in zip(histories, waiting, strict=True)
                for event in _aggregate(history).start(context, attempt)
            ]
            if claim is not None and not waiting:
                self._queue.forget_claim(claim)
            self._queue.lease(waiting, lease_seconds, claim)
            recorded = self.session.log.record(*started)
            return [_after(row, start) for row, start in zip(rows, recorded, strict=True)]

        return self.session.atomically(work)

    def _claim(self, key: str, *asked: str | int | None) -> Claim:
        actor, identity = self.session.actor, self.session.identity
        return Claim(identity.digest("claim", [actor.type, actor.id, key]), identity.digest("claim", list(asked)))

    def _claimed(self, claim: Claim, lease_seconds: int) -> list[JobRow]:
        """The jobs of an earlier claim, as they are now, with their leases extended."""
        places = self._queue.claimed(claim)
        self._queue.lease(places, lease_seconds, claim)
        return [self.session.documents.whole(_row(self._history(job_id))) for job_id, _ in places]

    def take_back_lost(self) -> int:
        """Requeue jobs whose lease ran out; returns how many."""
        return self.session.atomically(self._take_back)

    def heartbeat(self, job_id: UUID, attempt: int, lease_seconds: int) -> datetime:
        """Extend the lease of an attempt; returns until when. LeaseLostError if it is gone."""
        until = self._queue.heartbeat(job_id, attempt, lease_seconds)
        if until is None:
            self._load(job_id)
            raise LeaseLostError
        return until

    def job(self, job_id: UUID, revision: int | None = None, as_of: int | None = None) -> JobRow:
        """The job now, at a revision, or at a position."""
        history = self._history(job_id, revision)
        if revision is not None and history[-1].event.originator_version < revision:
            raise JobNotFoundError(f"The job has no revision {revision} yet.")
        if as_of is not None:
            history = [recorded for recorded in history if recorded.position <= as_of]
        if not history:
            raise JobNotFoundError("The job was not requested yet at that moment.")
        return self.session.documents.whole(_row(history))

    def find(self, wanted: JobFilter, limit: int, cursor: str | None, order: Order = NEWEST_FIRST) -> Page[JobRow]:
        """A page of the list of jobs."""
        return list_jobs(self.session.database, self.session.tenant_id, wanted, limit, cursor, order)

    def count(self, wanted: JobFilter) -> int:
        """How many jobs the filter finds."""
        return count_jobs(self.session.database, self.session.tenant_id, wanted)

    def job_events(self, job_id: UUID, limit: int, cursor: str | None) -> Page[Entry]:
        """What happened to a job, the oldest first."""
        keyset = Keyset(self.session.tenant_id, {"job": job_id})
        return page_of_entries(lambda: self._history(job_id), keyset, limit, cursor)

    @property
    def _queue(self) -> JobQueue:
        return JobQueue(self.session.database, self.session.tenant_id)

    def _carry_out(self, job: Job, events: Sequence[Event]) -> int:
        """The queue first, the log second: see JobQueue. Returns the revision that leaves the job at.

        What happens to the job itself is the last of the events.
        """
        if not events:
            return job.version
        under = Policies(self.session).admit(events, job)
        self._queue.follow(job, events[-1])
        self.session.record(*events, under=under)
        return events[-1].originator_version

    def _take_back(self) -> int:
        context = self.session.context("the lease ran out").model_copy(update={"actor": LEDGER})
        lost = self._queue.lost()
        if not lost:
            return 0
        requeued = [event for job_id, attempt in lost for event in self._load(job_id).requeue(context, attempt)]
        self._queue.again(lost)
        self.session.log.record(*requeued)
        return len(requeued)

    def _load(self, job_id: UUID) -> Job:
        try:
            return self.session.log.load(job_id, aggregate.project)
        except AggregateNotFoundError:
            raise JobNotFoundError from None

    def _asset(self, asset_id: UUID) -> Asset:
        try:
            return self.session.log.load(asset_id, assets.project)
        except AggregateNotFoundError:
            raise AssetNotFoundError(f"There is no asset {asset_id}.") from None

    def _row_at(self, job_id: UUID, revision: int) -> JobRow:
        """The job as the answer, read before it is committed: afterwards nothing may fail."""
        return _row(self._history(job_id, revision))

    def _history(self, job_id: UUID, revision: int | None = None) -> list[Recorded]:
        return self.session.history(job_id, JobRequested, JobNotFoundError, revision)


def _aggregate(history: list[Recorded]) -> Job:
    job = aggregate.project(None, (cast("JobEvent", recorded.event) for recorded in history))
    return cast("Job", job)


def _row(history: list[Recorded]) -> JobRow:
    (row,) = fold_all(JOBS, history).values()
    return row


def _after(row: JobRow, recorded: Recorded) -> JobRow:
    (after,) = JOBS.fold({(row.tenant_id, row.job_id): row}, recorded).values()
    return cast("JobRow", after)
