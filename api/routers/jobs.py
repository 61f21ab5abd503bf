"""Jobs: ask for work, read it, list it, read what happened."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.callers import CallerJobs
from api.declared import queried
from api.job_schemas import Job, JobPage
from api.policies import ASKING
from api.problems import documented
from api.rendering import Rendered
from api.requests import AskedVersion, IdempotencyKey, Paged, SearchText, SortedQuery, at_least, tell_rebuilding
from api.routers.references import ReferenceQuery
from api.schemas import EventEntry, EventPage
from domain.errors import BeyondHeadError, DocumentTooLargeError, JobNotFoundError, TooManyConflictsError
from domain.job.events import JobStatus
from domain.job.inputs import NewJob
from domain.media import MediaKind
from domain.values import OutsideId, Text
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS
from projections.jobs.read import JobFilter
from projections.query import CursorError, SearchTooShortError

router = APIRouter(route_class=Rendered, prefix="/v1/jobs", tags=["jobs"])


def seen_job(response: Response, job: Job) -> Job:
    """The job as the body, its revision as the ETag, its position for reads that must see it."""
    response.headers["ETag"] = f'"{job.revision}"'
    response.headers["Ledger-Position"] = str(job.position)
    return job


class JobQuery(SortedQuery, ReferenceQuery):
    """Which jobs to list: all that is given must hold. Repeat a reference filter to ask for several at once."""

    status: JobStatus | None = None
    media_kind: MediaKind | None = None
    requester: Text | None = Field(default=None, description="Who requested it, written `type:id`.")
    subject: OutsideId | None = None
    error: SearchText | None = Field(
        default=None, description="Part of the error message, at least 2 characters, any case."
    )

    def filter(self) -> JobFilter:
        """What is asked for."""
        return JobFilter(
            status=self.status,
            media_kind=self.media_kind,
            requester=self.requester,
            subject=self.subject,
            created_after=self.created_after,
            created_before=self.created_before,
            updated_after=self.updated_after,
            updated_before=self.updated_before,
            error=self.error,
            jobs=tuple(self.job_id),
            references=self.references(),
        )


@router.post(
    "",
    status_code=201,
    responses=documented(DocumentTooLargeError, TooManyConflictsError, *ASKING)
    | {200: {"model": Job, "description": "The same work was asked for before: this is the job."}},
)
def request_job(new: NewJob, jobs: CallerJobs, response: Response, key: IdempotencyKey) -> Job:
    """Ask for work. The same input is the same job (200); after it failed or was cancelled, its next attempt.

    To have two jobs with the same input, give them different `run`s.
    """
    row, created = jobs.request(new, key)
    job = Job.of(row)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    return seen_job(response, job)


@router.get(
    "",
    responses=documented(CursorError, SearchTooShortError),
    dependencies=[Depends(at_least(JOBS, JOB_REFERENCES))],
)
def list_jobs(jobs: CallerJobs, query: Annotated[JobQuery, Depends(queried(JobQuery))], response: Response) -> JobPage:
    """List jobs, the newest first unless asked for otherwise."""
    wanted = query.filter()
    page = jobs.find(wanted, query.limit, query.cursor, query.in_order())
    tell_rebuilding(response, page)
    total = jobs.count(wanted) if query.total else None
    return JobPage(items=[Job.of(row) for row in page.items], next=page.next, total=total)


@router.get("/{job_id}", responses=documented(JobNotFoundError, BeyondHeadError))
def get_job(job_id: UUID, jobs: CallerJobs, response: Response, version: AskedVersion) -> Job:
    """Read a job as it is now, at a revision, or at a moment. Always current: folded from the log."""
    return seen_job(response, Job.of(jobs.job(job_id, version.revision, version.as_of)))


@router.get("/{job_id}/events", responses=documented(JobNotFoundError, CursorError), dependencies=[Depends(at_least())])
def list_job_events(job_id: UUID, jobs: CallerJobs, query: Paged) -> EventPage:
    """Read what happened to a job, the oldest first, with before and after."""
    page = jobs.job_events(job_id, query.limit, query.cursor)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)
