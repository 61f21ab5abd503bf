"""The content of many assets as one zip."""

from collections.abc import Iterator
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.application.assets import Assets
from api.application.content.lookup import StoredContents
from api.application.content.zip_stream import ZipEntry, zip_blocks
from api.http.byte_responses import SAFE, BlocksResponse
from api.http.conditions import at_least
from api.http.dependencies import CallerContents
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from domain import errors
from projections.assets.fold import AssetRow
from projections.queries.assets import ASSET_LIST, every_asset
from projections.queries.filters import AssetFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/assets", tags=["content"])

MOST_ENTRIES: Final = 10_000
_GONE = (errors.AssetNotFoundError, errors.AssetDeletedError, errors.ContentNotFoundError, errors.ContentPurgedError)


class ZipQuery(AssetFilter):
    """The assets to pack: those of the ids, or those that match the filter."""

    id: list[UUID] = Field(default=[], max_length=1_000, description="An asset's id; repeat it for several.")


@router.get(
    "/zip",
    response_class=Response,
    responses=documented(*_GONE, errors.FilterMissingError, errors.FilterTooWideError, SearchTooShortError)
    | {
        200: {
            "description": "The zip.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    dependencies=[Depends(at_least(*ASSET_LIST.read.now))],
)
def zip_assets(contents: CallerContents, query: Annotated[ZipQuery, Depends(queried(ZipQuery))]) -> Response:
    """Download the content of up to 10,000 assets as one zip, streamed while it is written. File names are made unique.

    `missing.txt` in the zip lists the assets that were deleted or purged meanwhile.
    """
    if not query.id and not query.criteria(AssetFilter):
        raise errors.FilterMissingError
    # One that is named and not there is told before the answer begins.
    named = [_entry(contents, asset_id) for asset_id in dict.fromkeys(query.id)]
    files = named or _listed(contents, query)
    headers = SAFE | {"Content-Disposition": 'attachment; filename="assets.zip"'}
    return BlocksResponse(zip_blocks(contents.store, files), 200, headers, "application/zip")


def _listed(contents: StoredContents, selected: AssetFilter) -> Iterator[ZipEntry]:
    """The assets that match the filter, read one by one while the answer is sent. FilterTooWideError."""
    session = contents.session
    count = Assets(session).count(selected)
    if count > MOST_ENTRIES:
        raise errors.FilterTooWideError(
            f"The filter finds {count:,} assets, and a zip takes {MOST_ENTRIES:,}. Narrow it."
        )
    rows = every_asset(session.database, session.tenant_id, selected)
    return (_entry_or_gone(contents, row) for row in rows if row.stored)


def _entry_or_gone(contents: StoredContents, row: AssetRow) -> ZipEntry:
    try:
        return _entry(contents, row.asset_id)
    except _GONE:
        return ZipEntry(None, row.file_name or row.name or str(row.asset_id), row.updated_at)


def _entry(contents: StoredContents, asset_id: UUID) -> ZipEntry:
    content = contents.find(asset_id, None)
    return ZipEntry(content.key, content.file_name or str(asset_id), content.at)
