"""What changed between two moments."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.http.dependencies import CallerAssets
from api.http.moments import Between
from api.http.paging import PageQuery
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.diffs import AssetDifference, DifferencePage
from domain.errors import BeyondHeadError, MomentsReversedError, ReadModelRebuildingError
from projections.paging import CursorError
from projections.queries.filters import AssetFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/changes", tags=["assets"])


class DifferenceQuery(AssetFilter, PageQuery):
    """Which assets to compare: filters go by what they were at the second moment."""

    order: Literal["desc", "asc"] = Field(default="desc", description="The last changed first, or the first changed.")


@router.get(
    "",
    responses=documented(
        CursorError, SearchTooShortError, BeyondHeadError, MomentsReversedError, ReadModelRebuildingError
    ),
)
def list_changed_assets(
    assets: CallerAssets,
    query: Annotated[DifferenceQuery, Depends(queried(DifferenceQuery))],
    moments: Between,
    response: Response,
) -> DifferencePage:
    """List the assets that differ between two moments, the last changed first: created, changed, deleted, restored.

    Each is shown as it was at the second moment. Without a `status`, deleted ones are listed too. `Ledger-As-Of` is the
    position of the second moment.
    """
    page = assets.differences(query, query.limit, query.cursor, query.order, moments)
    since, until = moments
    response.headers["Ledger-As-Of"] = str(until.position)
    return DifferencePage(
        from_position=since.position,
        to_position=until.position,
        items=list(map(AssetDifference.of, page.items)),
        next=page.next,
    )
