"""Many contents at once: fetched from URLs, and packed into a zip."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.batch import attempt, untried
from api.callers import CallerContents, holders
from api.contents import Contents
from api.declared import queried
from api.downloads import SAFE, BlocksResponse
from api.policies import CREATING
from api.problems import documented, problem_of
from api.rendering import Rendered
from api.requests import at_least
from api.routers.assets import AssetFilterQuery
from api.schemas import ASSET, Asset, Problem
from api.threads import Threads
from api.zipping import Packed, zipped
from domain.asset.inputs import NewAsset
from domain.errors import (
    AssetDeletedError,
    AssetNotFoundError,
    ContentNotFoundError,
    ContentPurgedError,
    FilterMissingError,
    FilterTooWideError,
    ServiceUnavailableError,
)
from domain.values import Frozen, Text, example
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS, AssetRow
from projections.assets.read import AssetFilter, every_asset
from projections.query import SearchTooShortError

router = APIRouter(route_class=Rendered, prefix="/v1/assets", tags=["content"])

AT_ONCE: Final = 5
SECONDS_EACH: Final = 60.0
MOST_PACKED: Final = 10_000
GONE = (AssetNotFoundError, AssetDeletedError, ContentNotFoundError, ContentPurgedError)


class UrlItem(Frozen):
    """A URL, and what to say of the asset that is recorded with what lies behind it."""

    url: Annotated[Text, Field(min_length=1, max_length=4_096)]
    asset: NewAsset | None = Field(default=None, description="Absent: what it is follows from the bytes.")


class UrlsRequest(Frozen):
    """Up to 100 URLs."""

    model_config = example(items=[{"url": "https://example.org/castle.png"}])

    items: Annotated[list[UrlItem], Field(min_length=1, max_length=100)]


class UrlResult(BaseModel):
    """What became of one URL: the asset, or the problem."""

    url: str
    asset: Asset | None = None
    problem: Problem | None = None


class UrlResults(BaseModel):
    """What became of each URL, in the order given."""

    model_config = example(results=[{"url": "https://example.org/castle.png", "asset": ASSET, "problem": None}])

    results: list[UrlResult]


@router.post("/from-urls", responses=documented(*CREATING))
async def fetch_assets(
    request: Request, wanted: UrlsRequest, contents: CallerContents, response: Response
) -> UrlResults:
    """Record an asset with what lies behind each of some URLs, five at a time. One that fails fails alone.

    Only what is on the public internet is fetched, by http or https, over at most five redirects, and within a minute.
    """
    threads: Threads = request.app.state.fetching
    results = await threads.run(lambda: _fetched(contents, wanted.items), *holders(request))
    positions = (result.asset.position for result in results if result.asset)
    response.headers["Ledger-Position"] = str(max(positions, default=0))
    return UrlResults(results=results)


def _fetched(contents: Contents, items: list[UrlItem]) -> list[UrlResult]:
    """What became of each. Once the ledger cannot answer, nothing more is tried: every item would wait for it anew."""
    gone: list[ServiceUnavailableError] = []

    def work(item: UrlItem) -> Asset:
        if gone:
            raise gone[0]
        return Asset.of(contents.fetch(item.url, item.asset, SECONDS_EACH))

    def result(item: UrlItem) -> UrlResult:
        outcome = attempt(work, item)
        if isinstance(outcome, Asset):
            return UrlResult(url=item.url, asset=outcome)
        if isinstance(outcome, ServiceUnavailableError):
            gone.append(untried(outcome))
        return UrlResult(url=item.url, problem=problem_of(outcome, contents.ledger.session.correlation_id))

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(result, items))


class ZipQuery(AssetFilterQuery):
    """Which assets to pack: those named, or those that a filter finds."""

    id: list[UUID] = Field(default=[], max_length=1_000, description="An asset's id; repeat it for several.")


@router.get(
    "/zip",
    response_class=Response,
    responses=documented(*GONE, FilterMissingError, FilterTooWideError, SearchTooShortError)
    | {
        200: {
            "description": "The zip.",
            "content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
    dependencies=[Depends(at_least(ASSETS, ASSET_REFERENCES))],
)
def zip_assets(contents: CallerContents, query: Annotated[ZipQuery, Depends(queried(ZipQuery))]) -> Response:
    """Get the bytes of up to 10,000 assets as one zip, which is sent while it is made. Names are made unique.

    What is deleted or purged meanwhile is listed in its `missing.txt`.
    """
    wanted = query.filter()
    if not query.id and wanted == AssetFilter():
        raise FilterMissingError
    files = _named(contents, query.id) if query.id else _listed(contents, wanted)
    headers = SAFE | {"Content-Disposition": 'attachment; filename="assets.zip"'}
    return BlocksResponse(zipped(contents.store, files), 200, headers, "application/zip")


def _named(contents: Contents, ids: list[UUID]) -> list[Packed]:
    """Those that are named; one that is not there is told before the answer begins."""
    return [_packed(contents, asset_id) for asset_id in dict.fromkeys(ids)]


def _listed(contents: Contents, wanted: AssetFilter) -> Iterator[Packed]:
    """Those that the filter finds, looked for one by one while the answer is sent. FilterTooWideError."""
    session, count = contents.ledger.session, contents.ledger.count_assets(wanted)
    if count > MOST_PACKED:
        raise FilterTooWideError(f"The filter finds {count:,} assets, and a zip takes {MOST_PACKED:,}. Narrow it.")
    rows = every_asset(session.database, session.tenant_id, wanted)
    return (_packed_or_gone(contents, row) for row in rows if row.stored)


def _packed_or_gone(contents: Contents, row: AssetRow) -> Packed:
    try:
        return _packed(contents, row.asset_id)
    except GONE:
        return Packed(None, row.file_name or row.name or str(row.asset_id), row.updated_at)


def _packed(contents: Contents, asset_id: UUID) -> Packed:
    found = contents.stored.find(asset_id, None)
    return Packed(found.key, found.file_name or str(asset_id), found.at)
