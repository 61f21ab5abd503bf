"""Jobs: request, list, read, their events and changes, and the work of workers: claim, heartbeat, end an attempt."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.application.policies import ASKING, CREATING
from api.http.answers import recorded, seen
from api.http.conditions import AskedVersion, IdempotencyKey, IfMatch, Span, at_least
from api.http.dependencies import CallerJobs
from api.http.lists import JOB_ANSWER
from api.http.moments import JobsAsOf
from api.http.paging import Paged, SortedQuery
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.diffs import Diff
from api.http.schemas.events import EventEntry, EventPage
from api.http.schemas.jobs import ClaimedJobs, ClaimRequest, HeartbeatRequest, Job, JobPage, Lease
from domain import errors
from domain.job.inputs import AttemptCommand, Cancellation, Completion, Failure, NewJob
from projections.paging import CursorError
from projections.queries.filters import JobFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/jobs", tags=["jobs"])

ANY_CHANGE = (
    errors.JobNotFoundError,
    errors.IllegalTransitionError,
    errors.WrongAttemptError,
    errors.StaleRevisionError,
    errors.TooManyConflictsError,
)


class JobQuery(SortedQuery, JobFilter):
    """The filters of the list of jobs. A job has to match all of them; repeat a reference filter to require several."""


@router.post(
    "",
    status_code=201,
    responses=documented(
        errors.DocumentTooLargeError, errors.SourceNotFoundError, errors.TooManyConflictsError, *ASKING
    )
    | {200: {"model": Job, "description": "The same job was requested before."}},
)
def request_job(new: NewJob, jobs: CallerJobs, response: Response, key: IdempotencyKey) -> Job:
    """Request a job. The same input is the same job (200); after it failed or was cancelled, its next attempt.

    Two jobs with the same input need a different `run` each.
    """
    row, created = jobs.request(new, key)
    return recorded(response, Job.of(row), is_new=created)


@router.get("", response_model=JobPage, responses=documented(CursorError, SearchTooShortError, errors.BeyondHeadError))
def list_jobs(
    jobs: CallerJobs, query: Annotated[JobQuery, Depends(queried(JobQuery))], as_of: JobsAsOf, response: Response
) -> bytes:
    """List jobs, by default the newest first, as they are now or as they were at a moment.

    `Ledger-As-Of` is the position of the moment.
    """
    return JOB_ANSWER.answer(jobs, response, query, query, query.in_order(), as_of, total=query.total)


@router.get("/{job_id}", responses=documented(errors.JobNotFoundError, errors.BeyondHeadError))
def get_job(job_id: UUID, jobs: CallerJobs, response: Response, version: AskedVersion) -> Job:
    """Read a job as it is now, at a revision or at a moment. It is folded from the log, so it is always current."""
    return seen(response, Job.of(jobs.job(job_id, version.revision, version.as_of)))


@router.get(
    "/{job_id}/events", responses=documented(errors.JobNotFoundError, CursorError), dependencies=[Depends(at_least())]
)
def list_job_events(job_id: UUID, jobs: CallerJobs, query: Paged) -> EventPage:
    """List the events of a job, the oldest first, with the values before and after."""
    page = jobs.events(job_id, query.limit, query.cursor)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)


@router.get(
    "/{job_id}/diff",
    responses=documented(errors.JobNotFoundError, errors.BeyondHeadError, errors.MomentsReversedError),
)
def compare_job(job_id: UUID, jobs: CallerJobs, span: Span) -> Diff:
    """Compare the job at two moments: each field that differs, before and after, and the events between.

    A moment is a position, a time or a revision, such as `revision:3`. Where `from` is before the first event, every
    field was null.
    """
    start, end = span
    return Diff.of(jobs.diff(job_id, start, end), job_id=job_id)


@router.post("/claim", responses=documented(errors.TooManyConflictsError, errors.OtherRequestError))
def claim_jobs(request: ClaimRequest, jobs: CallerJobs, response: Response, key: IdempotencyKey) -> ClaimedJobs:
    """Claim waiting jobs, the most urgent and then the oldest first. Each job starts, under a lease of the worker.

    A heartbeat extends the lease. A job whose lease expires is queued again, at its next attempt. If the answer to a
    claim was lost, repeat the claim with its `Idempotency-Key` within a day: the same actor gets the jobs of that
    claim that it still leases, with extended leases, and no others.
    """
    rows = jobs.claim(request.media_kind, request.provider, request.max, request.lease_seconds, key)
    claimed = [Job.of(row) for row in rows]
    response.headers["Ledger-Position"] = str(max((job.position for job in claimed), default=0))
    return ClaimedJobs(items=claimed)


@router.post("/{job_id}/heartbeat", responses=documented(errors.JobNotFoundError, errors.LeaseLostError))
def heartbeat(job_id: UUID, request: HeartbeatRequest, jobs: CallerJobs) -> Lease:
    """Extend the lease of an attempt. 409 means that the lease is lost: stop working on the attempt."""
    return Lease(lease_until=jobs.heartbeat(job_id, request.attempt, request.lease_seconds))


@router.post("/{job_id}/start", responses=documented(*ANY_CHANGE))
def start_job(job_id: UUID, command: AttemptCommand, jobs: CallerJobs, if_match: IfMatch, response: Response) -> Job:
    """Start an attempt without a lease, for engines that track their workers themselves."""
    row = jobs.change(job_id, lambda job, context: job.start(context, command.attempt), command.reason, if_match)
    return seen(response, Job.of(row))


@router.post(
    "/{job_id}/succeed",
    responses=documented(
        *ANY_CHANGE,
        errors.OtherCompletionError,
        errors.ForeignAssetError,
        errors.AssetNotFoundError,
        errors.AssetDeletedError,
        errors.SourceNotFoundError,
        errors.TooManyReferencesError,
        *CREATING,
    ),
)
def succeed_job(job_id: UUID, completion: Completion, jobs: CallerJobs, if_match: IfMatch, response: Response) -> Job:
    """End an attempt with its assets. The job and all its assets are recorded together, or nothing is.

    New assets get the job's references, sources and scope. Repeating the same completion gives the same answer.
    """
    return seen(response, Job.of(jobs.succeed(job_id, completion, if_match)))


@router.post("/{job_id}/fail", responses=documented(*ANY_CHANGE))
def fail_job(job_id: UUID, failure: Failure, jobs: CallerJobs, if_match: IfMatch, response: Response) -> Job:
    """End an attempt without assets."""
    row = jobs.change(job_id, lambda job, context: job.fail(context, failure), failure.reason, if_match)
    return seen(response, Job.of(row))


@router.post("/{job_id}/cancel", responses=documented(*ANY_CHANGE))
def cancel_job(
    job_id: UUID,
    jobs: CallerJobs,
    if_match: IfMatch,
    response: Response,
    command: Cancellation | None = None,
) -> Job:
    """Cancel a queued or running job. A worker names its attempt."""
    asked = command or Cancellation()
    row = jobs.change(job_id, lambda job, context: job.cancel(context, asked.attempt), asked.reason, if_match)
    return seen(response, Job.of(row))


@router.post("/{job_id}/requeue", responses=documented(*ANY_CHANGE, *ASKING))
def requeue_job(job_id: UUID, command: AttemptCommand, jobs: CallerJobs, if_match: IfMatch, response: Response) -> Job:
    """Queue the job again at its next attempt: its worker was lost, or its last attempt failed or was cancelled."""
    row = jobs.change(job_id, lambda job, context: job.requeue(context, command.attempt), command.reason, if_match)
    return seen(response, Job.of(row))
