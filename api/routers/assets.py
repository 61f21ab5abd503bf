"""Assets: record, list, read, and read what happened."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import Field

from api.callers import CallerLedger
from api.declared import queried
from api.policies import CREATING
from api.problems import documented
from api.rendering import Rendered
from api.requests import (
    ActorText,
    AskedVersion,
    IdempotencyKey,
    Paged,
    SearchText,
    SortedQuery,
    TimesQuery,
    at_least,
    tell_rebuilding,
)
from api.routers.references import ReferenceQuery
from api.schemas import Asset, AssetPage, AssetStatus, EventEntry, EventPage
from domain.asset.events import Sha256
from domain.asset.inputs import NewAsset, Tag
from domain.errors import (
    AssetDeletedError,
    AssetNotFoundError,
    BeyondHeadError,
    DocumentTooLargeError,
    KeyOfDeletedAssetError,
    OtherRequestError,
    TooManyConflictsError,
)
from domain.media import MediaKind
from domain.values import OutsideId, Text
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.assets.read import AssetFilter
from projections.query import CursorError, SearchTooShortError

router = APIRouter(route_class=Rendered, prefix="/v1/assets", tags=["assets"])


def seen(response: Response, asset: Asset) -> Asset:
    """The asset as the body, its revision as the ETag, its position for reads that must see it."""
    response.headers["ETag"] = f'"{asset.revision}"'
    response.headers["Ledger-Position"] = str(asset.position)
    return asset


class AssetFilterQuery(TimesQuery, ReferenceQuery):
    """Which assets: all that is given must hold. Repeat a reference filter to ask for several at once."""

    status: AssetStatus | None = Field(default=None, description="Absent: all but deleted ones.")
    media_kind: MediaKind | None = None
    tag: list[Tag] = Field(default=[], description="Repeat it to ask for several.")
    creator: ActorText | None = Field(default=None, description="Who recorded it, written `type:id`.")
    subject: OutsideId | None = Field(default=None, description="The person whose data it holds.")
    sha256: Sha256 | None = Field(default=None, description="The digest of its content.")
    content_type: Annotated[Text, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="How its media type begins, in any case.", examples=["image/"]
    )
    name: SearchText | None = Field(default=None, description="Part of the name, at least 2 characters, in any case.")

    def filter(self) -> AssetFilter:
        """What is asked for."""
        return AssetFilter(
            status=self.status,
            media_kind=self.media_kind,
            creator=self.creator,
            subject=self.subject,
            sha256=self.sha256,
            content_type=self.content_type,
            tags=tuple(dict.fromkeys(self.tag)),
            created_after=self.created_after,
            created_before=self.created_before,
            updated_after=self.updated_after,
            updated_before=self.updated_before,
            name=self.name,
            jobs=tuple(self.job_id),
            references=self.references(),
        )


class AssetQuery(SortedQuery, AssetFilterQuery):
    """Which assets to list, and in which order."""


@router.post(
    "",
    status_code=201,
    responses=documented(
        DocumentTooLargeError, OtherRequestError, KeyOfDeletedAssetError, TooManyConflictsError, *CREATING
    )
    | {200: {"model": Asset, "description": "The same key and body came before: this is the asset as it is now."}},
)
def create_asset(new: NewAsset, ledger: CallerLedger, response: Response, key: IdempotencyKey) -> Asset:
    """Record an asset: what it is, where it came from, what to call it.

    Send an `Idempotency-Key`, and repeating the request, for whatever reason, records nothing twice.
    """
    row, created = ledger.create_asset(new, key)
    asset = Asset.of(row)
    response.status_code = 201 if created else 200
    response.headers["Location"] = f"/v1/assets/{asset.id}"
    return seen(response, asset)


@router.get(
    "",
    responses=documented(CursorError, SearchTooShortError),
    dependencies=[Depends(at_least(ASSETS, ASSET_REFERENCES))],
)
def list_assets(
    ledger: CallerLedger, query: Annotated[AssetQuery, Depends(queried(AssetQuery))], response: Response
) -> AssetPage:
    """List assets, the newest first unless asked for otherwise."""
    wanted = query.filter()
    page = ledger.assets(wanted, query.limit, query.cursor, query.in_order())
    tell_rebuilding(response, page)
    total = ledger.count_assets(wanted) if query.total else None
    return AssetPage(items=[Asset.of(row) for row in page.items], next=page.next, total=total)


@router.get("/{asset_id}", responses=documented(AssetNotFoundError, AssetDeletedError, BeyondHeadError))
def get_asset(asset_id: UUID, ledger: CallerLedger, response: Response, version: AskedVersion) -> Asset:
    """Read an asset as it is now, at a revision, or at a moment. Always current: folded from the log.

    `Ledger-As-Of` names the position that the moment stands for.
    """
    return seen(response, Asset.of(ledger.asset(asset_id, version.revision, version.as_of)))


@router.get(
    "/{asset_id}/events", responses=documented(AssetNotFoundError, CursorError), dependencies=[Depends(at_least())]
)
def list_asset_events(asset_id: UUID, ledger: CallerLedger, query: Paged) -> EventPage:
    """Read what happened to an asset, the oldest first, with before and after. Works for deleted assets too."""
    page = ledger.asset_events(asset_id, query.limit, query.cursor)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)
