"""Purges: the content of assets is removed for good. The records stay."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from api.application.content.bulk_purge import SELECTED_BY, BulkPurge
from api.application.content.purges import Purges
from api.http.conditions import at_least
from api.http.dependencies import CallerSession
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.uploads import PurgeReport
from domain.asset.inputs import Reason
from domain.errors import FilterMissingError, ServiceUnavailableError
from projections.queries.filters import AssetFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/assets", tags=["content"])


class PurgeQuery(AssetFilter):
    """The filters of a purge: at least one of those of the list of assets."""

    dry_run: bool = Field(default=False, description="Report what would be purged, and change nothing.")
    reason: Reason | None = Field(default=None, description="Why; kept with the event.")


@router.post(
    "/purge",
    status_code=202,
    responses=documented(FilterMissingError, SearchTooShortError),
    dependencies=[Depends(at_least(*SELECTED_BY))],
)
def purge_assets(session: CallerSession, query: Annotated[PurgeQuery, Depends(queried(PurgeQuery))]) -> PurgeReport:
    """Purge the content of all assets that match the filter, except those under a legal hold.

    Live assets are deleted first. Each purge ends with an event once the bytes are removed; while the store is
    unavailable, it is retried.
    """
    if not query.criteria(AssetFilter):
        raise FilterMissingError
    selection = BulkPurge(session).request(query, query.reason, dry_run=query.dry_run)
    if not query.dry_run:
        with suppress(ServiceUnavailableError):  # it is decided, and tried again
            Purges(session).carry_out()
    return PurgeReport(dry_run=query.dry_run, **vars(selection))
