"""Purges: the bytes of assets go for good, what is recorded of them stays."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field

from api.callers import CallerPurging
from api.content_schemas import PurgeReport
from api.declared import queried
from api.problems import documented
from api.rendering import Rendered
from api.requests import at_least
from api.routers.assets import AssetFilterQuery
from domain.asset.inputs import Reason
from domain.errors import FilterMissingError, ServiceUnavailableError
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.assets.read import AssetFilter
from projections.contents.fold import CONTENTS
from projections.query import SearchTooShortError

router = APIRouter(route_class=Rendered, prefix="/v1/assets", tags=["content"])


class PurgeQuery(AssetFilterQuery):
    """Which assets lose their bytes: at least one filter, of those that the list of assets takes."""

    dry_run: bool = Field(default=False, description="Decide nothing, and tell what would go.")
    reason: Reason | None = Field(default=None, description="Why; kept with the event.")


@router.post(
    "/purge",
    status_code=202,
    responses=documented(FilterMissingError, SearchTooShortError),
    dependencies=[Depends(at_least(ASSETS, ASSET_REFERENCES, CONTENTS))],
)
def purge_assets(purging: CallerPurging, query: Annotated[PurgeQuery, Depends(queried(PurgeQuery))]) -> PurgeReport:
    """Let the bytes of all assets go that a filter finds; live assets are deleted first. Legal holds keep theirs.

    Each ends with an event, once its bytes are gone; while the store is down, that is tried again.
    """
    wanted = query.filter()
    if wanted == AssetFilter():
        raise FilterMissingError
    selection = purging.request_all(wanted, query.reason, dry_run=query.dry_run)
    if not query.dry_run:
        with suppress(ServiceUnavailableError):  # it is decided, and tried again
            purging.carry_out()
    return PurgeReport(dry_run=query.dry_run, **vars(selection))
