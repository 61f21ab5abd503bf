"""One tenant's jobs on behalf of one caller: what the job routes call."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.policies import Policies
from api.application.reads import Reads
from domain.asset.asset import Asset
from domain.errors import AssetNotFoundError, JobNotFoundError, LeaseLostError
from domain.event import LEDGER, Context, Event, Recorded
from domain.job import job as aggregate
from domain.job.events import JobEvent
from domain.job.inputs import Completion, NewJob
from domain.job.job import Job
from infra.event_log.conflicts import check_expected_revision
from infra.job_queue import Claim, JobQueue
from projections.jobs.fold import JobRow
from projections.queries.filters import JobFilter
from projections.queries.jobs import JOB_LIST
from projections.states import ASSET, JOB, JobState

Decision = Callable[[Job, Context], Sequence[Event]]


class Jobs(Reads[JobState, JobRow, JobFilter]):
    """Requests, hands out, ends and reads one tenant's jobs. Raises the domain's errors."""

    fold, rows, missing, begun = JOB, JOB_LIST, JobNotFoundError, "requested"
    long_lists = ("costs",)

    def request(self, new: NewJob, key: str | None) -> tuple[JobRow, bool]:
        """Ask for work; returns the job, and whether that made it new."""
        identity = self.session.identity
        context = self.session.context(new.reason)
        key_digest = identity.digest("key", key) if key is not None else None
        id_, _ = aggregate.job_id(identity, new)

        def work() -> tuple[JobState, bool]:
            try:
                state = self._state(id_)
            except JobNotFoundError:
                event = aggregate.request(context, self.session.tenant_id, identity, new, key_digest)
                recorded = self._carry_out(aggregate.requested(event), [event])
                return cast("JobState", JOB.after(None, recorded)), True
            return self._after(state, state.job.request_again(context, key_digest)), False

        state, created = self.session.in_transaction(work)
        return self.session.documents.shown(state.row), created

    def change(
        self, job_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None = None
    ) -> JobRow:
        """Decide on a job and record what was decided; returns the job as that left it."""
        context = self.session.context(reason)

        def work() -> JobState:
            self._queue.lock(job_id)
            state = self._state(job_id)
            check_expected_revision(expected_revision, state.version)
            return self._after(state, decide(state.job, context))

        return self.session.documents.shown(self.session.in_transaction(work).row)

    def succeed(self, job_id: UUID, completion: Completion, expected_revision: int | None = None) -> JobRow:
        """End an attempt with what it made: the job and its assets in one append."""

        def decide(job: Job, context: Context) -> Sequence[Event]:
            known: dict[UUID, Asset] = {}
            if completion.asset_ids and job.status == "running":
                self.session.log.lock_head()
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
            waiting = self._queue.available(media_kind, provider, most)
            states = [self._state(job_id) for job_id, _ in waiting]
            states = [state._replace(row=self.session.documents.whole(state.row)) for state in states]
            started = [
                event
                for state, (_, attempt) in zip(states, waiting, strict=True)
                for event in state.job.start(context, attempt)
            ]
            if claim is not None and not waiting:
                self._queue.forget_claim(claim)
            self._queue.lease(waiting, lease_seconds, claim)
            recorded = self.session.record(*started)
            return [_row(state, [start]) for state, start in zip(states, recorded, strict=True)]

        return self.session.in_transaction(work)

    def _claim(self, key: str, *asked: str | int | None) -> Claim:
        actor, identity = self.session.actor, self.session.identity
        return Claim(identity.digest("claim", [actor.type, actor.id, key]), identity.digest("claim", list(asked)))

    def _claimed(self, claim: Claim, lease_seconds: int) -> list[JobRow]:
        """The jobs of an earlier claim, as they are now, with their leases extended."""
        leased = self._queue.leased_by(claim)
        self._queue.lease(leased, lease_seconds, claim)
        return [self.session.documents.whole(self._state(job_id).row) for job_id, _ in leased]

    def take_back_lost(self) -> int:
        """Requeue jobs whose lease ran out; returns how many."""
        return self.session.in_transaction(self._take_back)

    def heartbeat(self, job_id: UUID, attempt: int, lease_seconds: int) -> datetime:
        """Extend the lease of an attempt; returns until when. LeaseLostError if it is gone."""
        until = self._queue.heartbeat(job_id, attempt, lease_seconds)
        if until is None:
            self._state(job_id)
            raise LeaseLostError
        return until

    def job(self, job_id: UUID, revision: int | None = None, as_of: int | None = None) -> JobRow:
        """The job now, at a revision, or at a position."""
        return self.session.documents.whole(self._at(job_id, revision, as_of))

    @property
    def _queue(self) -> JobQueue:
        return JobQueue(self.session.database, self.session.tenant_id)

    def _carry_out(self, job: Job, events: Sequence[Event]) -> list[Recorded]:
        """The queue first, the log second: see JobQueue. Returns what is recorded.

        What happens to the job itself is the last of the events.
        """
        if not events:
            return []
        policy_revision = Policies(self.session).admit(events, job)
        self._queue.apply(job, cast("JobEvent", events[-1]))
        return self.session.record(*events, policy_revision=policy_revision)

    def _after(self, state: JobState, events: Sequence[Event]) -> JobState:
        return cast("JobState", JOB.after(state, self._carry_out(state.job, events)[-1:]))

    def _take_back(self) -> int:
        context = self.session.context("the lease ran out").model_copy(update={"actor": LEDGER, "authenticated": None})
        lost = self._queue.expired()
        if not lost:
            return 0
        requeued = [event for job_id, attempt in lost for event in self._state(job_id).job.requeue(context, attempt)]
        self._queue.requeue(lost)
        self.session.record(*requeued)
        return len(requeued)

    def _asset(self, asset_id: UUID) -> Asset:
        try:
            return self.session.log.state(asset_id, ASSET).asset
        except AggregateNotFoundError:
            raise AssetNotFoundError(f"There is no asset {asset_id}.") from None


def _row(state: JobState, recorded: list[Recorded]) -> JobRow:
    return cast("JobState", JOB.after(state, recorded)).row
