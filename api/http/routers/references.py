"""Lookups by reference: the assets, or the jobs, that have several references of one kind."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from pydantic import Field

from api.http.dependencies import CallerAssets, CallerJobs
from api.http.lists import ASSET_ANSWER, JOB_ANSWER
from api.http.moments import AssetsAsOf, JobsAsOf
from api.http.paging import PageQuery
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import AssetPage
from api.http.schemas.jobs import JobPage
from domain.errors import BeyondHeadError
from domain.reference import Kind, Reference
from domain.text import OutsideId
from projections.paging import CursorError
from projections.queries.filters import MOST_REFERENCES, AssetFilter, JobFilter

router = APIRouter(route_class=RenderedRoute, prefix="/v1/references/{kind}", tags=["references"])

KindInPath = Annotated[Kind, Path(description="The kind of the references, such as `message`.")]


class LookupQuery(PageQuery):
    """Which references of the kind to look for."""

    id: list[OutsideId] = Field(
        min_length=1,
        max_length=MOST_REFERENCES,
        description="The id of a reference; repeat it to ask for several at once.",
    )

    def references(self, kind: str) -> list[Reference]:
        """The references to look for."""
        return [Reference(kind=kind, id=id_) for id_ in self.id]


Lookup = Annotated[LookupQuery, Depends(queried(LookupQuery))]


@router.get("/assets", response_model=AssetPage, responses=documented(CursorError, BeyondHeadError))
def list_assets_with_references(
    kind: KindInPath, assets: CallerAssets, query: Lookup, as_of: AssetsAsOf, response: Response
) -> bytes:
    """List the assets that have all of the references, or had them at a moment, the newest first, without deleted ones.

    The references of an asset are its origin, its scope and its links. Removed links do not count.
    """
    return ASSET_ANSWER.answer(assets, response, AssetFilter(ref=query.references(kind)), query, as_of=as_of)


@router.get("/jobs", response_model=JobPage, responses=documented(CursorError, BeyondHeadError))
def list_jobs_with_references(
    kind: KindInPath, jobs: CallerJobs, query: Lookup, as_of: JobsAsOf, response: Response
) -> bytes:
    """List the jobs that have all of the references, or had them at a moment, the newest first.

    The references of a job are those of its request, and its scope.
    """
    return JOB_ANSWER.answer(jobs, response, JobFilter(ref=query.references(kind)), query, as_of=as_of)
