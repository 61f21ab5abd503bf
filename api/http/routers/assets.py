"""Assets: record, list, read, and their events."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from api.application.policies import CREATING
from api.http.answers import recorded, seen
from api.http.conditions import AskedVersion, IdempotencyKey, Span, at_least
from api.http.dependencies import CallerAssetCreation, CallerAssets
from api.http.lists import ASSET_ANSWER
from api.http.moments import AssetsAsOf
from api.http.paging import Paged, SortedQuery
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import Asset, AssetPage
from api.http.schemas.diffs import Diff
from api.http.schemas.events import EventEntry, EventPage
from domain import errors
from domain.asset.inputs import NewAsset
from projections.paging import CursorError
from projections.queries.filters import AssetFilter
from projections.select import SearchTooShortError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/assets", tags=["assets"])


class AssetQuery(SortedQuery, AssetFilter):
    """Which assets to list, and in which order."""


@router.post(
    "",
    status_code=201,
    responses=documented(
        errors.DocumentTooLargeError,
        errors.OtherRequestError,
        errors.KeyOfDeletedAssetError,
        errors.SourceNotFoundError,
        errors.TooManyConflictsError,
        *CREATING,
    )
    | {200: {"model": Asset, "description": "The request was sent before; this is the asset as it is now."}},
)
def create_asset(new: NewAsset, creation: CallerAssetCreation, response: Response, key: IdempotencyKey) -> Asset:
    """Record an asset: its media, where it came from, and its name.

    With an `Idempotency-Key`, a repeated request records nothing twice.
    """
    row, created = creation.create(new, key)
    return recorded(response, Asset.of(row), is_new=created)


@router.get(
    "", response_model=AssetPage, responses=documented(CursorError, SearchTooShortError, errors.BeyondHeadError)
)
def list_assets(
    assets: CallerAssets,
    query: Annotated[AssetQuery, Depends(queried(AssetQuery))],
    as_of: AssetsAsOf,
    response: Response,
) -> bytes:
    """List assets, by default the newest first, as they are now or as they were at a moment.

    `Ledger-As-Of` is the position of the moment. What was deleted since then is listed as it was.
    """
    return ASSET_ANSWER.answer(assets, response, query, query, query.in_order(), as_of, total=query.total)


@router.get(
    "/{asset_id}", responses=documented(errors.AssetNotFoundError, errors.AssetDeletedError, errors.BeyondHeadError)
)
def get_asset(asset_id: UUID, assets: CallerAssets, response: Response, version: AskedVersion) -> Asset:
    """Read an asset as it is now, at a revision or at a moment. It is folded from the log, so it is always current.

    `Ledger-As-Of` is the position of the moment.
    """
    return seen(response, Asset.of(assets.asset(asset_id, version.revision, version.as_of)))


@router.get(
    "/{asset_id}/events",
    responses=documented(errors.AssetNotFoundError, CursorError),
    dependencies=[Depends(at_least())],
)
def list_asset_events(asset_id: UUID, assets: CallerAssets, query: Paged) -> EventPage:
    """List the events of an asset, the oldest first, with the values before and after. Works for deleted assets too."""
    page = assets.events(asset_id, query.limit, query.cursor)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)


@router.get(
    "/{asset_id}/diff",
    responses=documented(errors.AssetNotFoundError, errors.BeyondHeadError, errors.MomentsReversedError),
)
def compare_asset(asset_id: UUID, assets: CallerAssets, span: Span) -> Diff:
    """Compare the asset at two moments: each field that differs, before and after, and the events between.

    A moment is a position, a time or a revision, such as `revision:3`. Where `from` is before the first event, every
    field was null. Works for deleted assets too.
    """
    start, end = span
    return Diff.of(assets.diff(asset_id, start, end), asset_id=asset_id)
