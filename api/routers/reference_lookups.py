"""From references to what has them: the assets, or the jobs, that have all of the given ones of one kind."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from api.callers import CallerJobs, CallerLedger
from api.declared import queried
from api.job_schemas import Job, JobPage
from api.problems import documented
from api.rendering import Rendered
from api.requests import PageQuery, at_least, tell_rebuilding
from api.routers.references import MOST_REFERENCES
from api.schemas import Asset, AssetPage
from domain.reference import Kind, Reference
from domain.values import OutsideId
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.assets.read import AssetFilter
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS
from projections.jobs.read import JobFilter
from projections.query import CursorError

router = APIRouter(route_class=Rendered, prefix="/v1/references/{kind}", tags=["references"])

KindInPath = Annotated[Kind, Path(description="The kind of the references, such as `message`.")]


class LookupQuery(PageQuery):
    """Which references of the kind to look for."""

    id: list[OutsideId] = Field(
        min_length=1,
        max_length=MOST_REFERENCES,
        description="The id of a reference; repeat it to ask for several at once.",
    )

    def references(self, kind: str) -> tuple[Reference, ...]:
        """What is looked for."""
        return tuple(Reference(kind=kind, id=id_) for id_ in self.id)


Lookup = Annotated[LookupQuery, Depends(queried(LookupQuery))]


@router.get("/assets", responses=documented(CursorError), dependencies=[Depends(at_least(ASSETS, ASSET_REFERENCES))])
def list_assets_with_references(kind: KindInPath, ledger: CallerLedger, query: Lookup, response: Response) -> AssetPage:
    """List the assets that have all of the references, the newest first, without deleted ones.

    An asset has what made it, its scope, and its links, but none that was taken away.
    """
    page = ledger.assets(AssetFilter(references=query.references(kind)), query.limit, query.cursor)
    tell_rebuilding(response, page)
    return AssetPage(items=[Asset.of(row) for row in page.items], next=page.next)


@router.get("/jobs", responses=documented(CursorError), dependencies=[Depends(at_least(JOBS, JOB_REFERENCES))])
def list_jobs_with_references(kind: KindInPath, jobs: CallerJobs, query: Lookup, response: Response) -> JobPage:
    """List the jobs that have all of the references, the newest first: those they were asked for with, their scope."""
    page = jobs.find(JobFilter(references=query.references(kind)), query.limit, query.cursor)
    tell_rebuilding(response, page)
    return JobPage(items=[Job.of(row) for row in page.items], next=page.next)
