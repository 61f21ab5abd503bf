"""Jobs: request, list, read, and their events."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.application.policies import ASKING
from api.http.answers import recorded, seen
from api.http.conditions import AskedVersion, IdempotencyKey, Span, at_least
from api.http.dependencies import CallerJobs
from api.http.lists import JOB_ANSWER
from api.http.moments import JobsAsOf
from api.http.paging import Paged, SortedQuery
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.diffs import Diff
from api.http.schemas.events import EventEntry, EventPage
from api.http.schemas.jobs import Job, JobPage
from domain.errors import (
    BeyondHeadError,
    DocumentTooLargeError,
    JobNotFoundError,
    MomentsReversedError,
    SourceNotFoundError,
    TooManyConflictsError,
)
from domain.job.inputs import NewJob
from projections.paging import CursorError
from projections.queries.filters import JobFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/jobs", tags=["jobs"])


class JobQuery(SortedQuery, JobFilter):
    """The filters of the list of jobs. A job has to match all of them; repeat a reference filter to require several."""


@router.post(
    "",
    status_code=201,
    responses=documented(DocumentTooLargeError, SourceNotFoundError, TooManyConflictsError, *ASKING)
    | {200: {"model": Job, "description": "The same job was requested before."}},
)
def request_job(new: NewJob, jobs: CallerJobs, response: Response, key: IdempotencyKey) -> Job:
    """Request a job. The same input is the same job (200); after it failed or was cancelled, its next attempt.

    Two jobs with the same input need a different `run` each.
    """
    row, created = jobs.request(new, key)
    job = Job.of(row)
    return recorded(response, job, is_new=created)


@router.get(
    "",
    response_model=JobPage,
    responses=documented(CursorError, SearchTooShortError, BeyondHeadError),
)
def list_jobs(
    jobs: CallerJobs, query: Annotated[JobQuery, Depends(queried(JobQuery))], as_of: JobsAsOf, response: Response
) -> bytes:
    """List jobs, by default the newest first, as they are now or as they were at a moment.

    `Ledger-As-Of` is the position of the moment.
    """
    return JOB_ANSWER.answer(jobs, response, query, query, query.in_order(), as_of, total=query.total)


@router.get("/{job_id}", responses=documented(JobNotFoundError, BeyondHeadError))
def get_job(job_id: UUID, jobs: CallerJobs, response: Response, version: AskedVersion) -> Job:
    """Read a job as it is now, at a revision or at a moment. It is folded from the log, so it is always current."""
    return seen(response, Job.of(jobs.job(job_id, version.revision, version.as_of)))


@router.get("/{job_id}/events", responses=documented(JobNotFoundError, CursorError), dependencies=[Depends(at_least())])
def list_job_events(job_id: UUID, jobs: CallerJobs, query: Paged) -> EventPage:
    """List the events of a job, the oldest first, with the values before and after."""
    page = jobs.job_events(job_id, query.limit, query.cursor)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)


@router.get(
    "/{job_id}/diff",
    responses=documented(JobNotFoundError, BeyondHeadError, MomentsReversedError),
)
def compare_job(job_id: UUID, jobs: CallerJobs, span: Span) -> Diff:
    """Compare the job at two moments: each field that differs, before and after, and the events between.

    A moment is a position, a time or a revision, such as `revision:3`. Where `from` is before the first event, every
    field was null.
    """
    start, end = span
    return Diff.of(jobs.diff(job_id, start, end), job_id=job_id)
