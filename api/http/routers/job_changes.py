"""Changes of one job, and the work of workers: claim, heartbeat, end an attempt."""

from uuid import UUID

from fastapi import APIRouter, Response

from api.application.policies import ASKING, CREATING
from api.http.answers import seen
from api.http.conditions import IdempotencyKey, IfMatch
from api.http.dependencies import CallerJobs
from api.http.problems import documented
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.jobs import ClaimedJobs, ClaimRequest, HeartbeatRequest, Job, Lease
from domain import errors
from domain.job.inputs import AttemptCommand, Cancellation, Completion, Failure

router = APIRouter(route_class=RenderedRoute, prefix="/v1/jobs", tags=["jobs"])

ANY_CHANGE = (
    errors.JobNotFoundError,
    errors.IllegalTransitionError,
    errors.WrongAttemptError,
    errors.StaleRevisionError,
    errors.TooManyConflictsError,
)


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
