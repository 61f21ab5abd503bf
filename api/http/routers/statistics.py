"""Statistics: how many assets, bytes and jobs there are, how long the jobs took, and what they cost."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.http.dependencies import CallerSession
from api.http.moments import StatisticsAsOf
from api.http.paging import PageQuery, tell_rebuilding
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.statistics import GroupStatistics, StatisticsPage
from domain.errors import BeyondHeadError, ReadModelRebuildingError
from projections.paging import CursorError
from projections.queries.filters import StatisticsFilter
from projections.queries.statistics import list_statistics
from projections.statistics.fold import STATISTICS

router = APIRouter(route_class=RenderedRoute, prefix="/v1/statistics", tags=["statistics"])


class StatisticsQuery(StatisticsFilter, PageQuery):
    """What to count, and in which groups."""

    cursor: str | None = Field(default=None, max_length=20_000, description="The `next` of the page before.")


@router.get("", responses=documented(CursorError, BeyondHeadError, ReadModelRebuildingError))
def get_statistics(
    session: CallerSession,
    query: Annotated[StatisticsQuery, Depends(queried(StatisticsQuery))],
    as_of: StatisticsAsOf,
    response: Response,
) -> StatisticsPage:
    """Count assets, bytes and jobs, with the jobs' durations and costs, in groups.

    Assets and their content count on the day the asset was recorded, jobs on the day it happened. Without `group_by`
    there is one group, of everything. Something with two references of a kind counts in the groups of both.
    `Ledger-Position` in the answer is the position up to which everything is counted, at least. With `as_of`, nothing
    is counted that came after that moment; `Ledger-As-Of` is its position.
    """
    position = session.reached((STATISTICS,))
    page = list_statistics(session.database, session.tenant_id, query, query.limit, query.cursor, as_of)
    tell_rebuilding(response, page)
    if as_of is None:
        response.headers["Ledger-Position"] = str(position)
    return StatisticsPage(items=[GroupStatistics.of(group) for group in page.items], next=page.next)
