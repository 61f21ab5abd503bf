"""Assets: record, list, read, and read what happened."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import Field

from api.problems import documented
from api.requests import AsOf, CallerLedger, PageQuery, at_least
from api.schemas import Asset, AssetPage, AssetStatus, EventEntry, EventPage
from domain.asset.inputs import NewAsset, Tag
from domain.errors import AssetDeletedError, AssetNotFoundError, BeyondHeadError, DocumentsTooLargeError
from domain.media import MediaKind
from domain.reference import Reference, ReferenceAliases, ReferenceInput, alias_kind, distinct
from domain.values import OutsideId, Text, UtcTime
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.assets.read import AssetFilter
from projections.query import CursorError, SearchTooShortError

router = APIRouter(prefix="/v1/assets", tags=["assets"])

Ids = Annotated[list[OutsideId], Field(default_factory=list, max_length=200)]


def seen(response: Response, asset: Asset) -> Asset:
    """The asset as the body, its revision as the ETag, its position for reads that must see it."""
    response.headers["ETag"] = f'"{asset.revision}"'
    response.headers["Ledger-Position"] = str(asset.position)
    return asset


class AssetQuery(PageQuery):
    """Which assets to list: all that is given must hold. Repeat a reference filter to ask for several at once."""

    status: AssetStatus | None = Field(default=None, description="Absent: all but deleted ones.")
    media_kind: MediaKind | None = None
    tag: list[Tag] = Field(default=[], description="Repeat it to ask for several.")
    created_after: UtcTime | None = None
    created_before: UtcTime | None = None
    name: Text | None = Field(default=None, description="Part of the name, at least 2 characters, in any case.")
    ref: list[ReferenceInput] = Field(default=[], max_length=200, description="Any reference, written `kind:id`.")
    workflow_id: Ids
    node_id: Ids
    job_id: Ids
    run: Ids
    conversation_id: Ids
    message_id: Ids
    agent: Ids
    tool: Ids
    tool_call_id: Ids
    response_id: Ids
    container_id: Ids
    provider_file_id: Ids
    provider: Ids
    model: Ids
    client_id: Ids
    campaign_id: Ids
    world_id: Ids
    claim_id: Ids
    entity_id: Ids
    source_chunk_id: Ids
    source_id: Ids

    def filter(self) -> AssetFilter:
        """What is asked for."""
        aliased = ((alias, id_) for alias in ReferenceAliases.model_fields for id_ in getattr(self, alias))
        return AssetFilter(
            status=self.status,
            media_kind=self.media_kind,
            tags=tuple(dict.fromkeys(self.tag)),
            created_after=self.created_after,
            created_before=self.created_before,
            name=self.name,
            references=distinct((*self.ref, *(Reference(kind=alias_kind(a), id=id_) for a, id_ in aliased))),
        )


@router.post("", status_code=201, responses=documented(DocumentsTooLargeError))
def create_asset(new: NewAsset, ledger: CallerLedger, response: Response) -> Asset:
    """Record an asset: what it is, where it came from, what to call it."""
    asset = Asset.of(ledger.create_asset(new))
    response.headers["Location"] = f"/v1/assets/{asset.id}"
    return seen(response, asset)


@router.get(
    "",
    responses=documented(CursorError, SearchTooShortError),
    dependencies=[Depends(at_least(ASSETS, ASSET_REFERENCES))],
)
def list_assets(query: Annotated[AssetQuery, Query()], ledger: CallerLedger) -> AssetPage:
    """List assets, the newest first."""
    page = ledger.assets(query.filter(), query.limit, query.cursor)
    return AssetPage(items=[Asset.of(row) for row in page.items], next=page.next)


@router.get(
    "/{asset_id}",
    responses=documented(AssetNotFoundError, AssetDeletedError, BeyondHeadError),
    dependencies=[Depends(at_least())],
)
def get_asset(
    asset_id: UUID,
    ledger: CallerLedger,
    response: Response,
    as_of: AsOf,
    revision: Annotated[int | None, Query(ge=1, lt=2**31, description="The asset as it was at this revision.")] = None,
) -> Asset:
    """Read an asset as it is now, at a revision, or at a moment. Always current: folded from the log.

    `Ledger-As-Of` names the position that the moment stands for.
    """
    position = ledger.position_at(as_of) if as_of is not None else None
    if position is not None:
        response.headers["Ledger-As-Of"] = str(position)
    return seen(response, Asset.of(ledger.asset(asset_id, revision, position)))


@router.get(
    "/{asset_id}/events", responses=documented(AssetNotFoundError, CursorError), dependencies=[Depends(at_least())]
)
def list_asset_events(asset_id: UUID, query: Annotated[PageQuery, Query()], ledger: CallerLedger) -> EventPage:
    """Read what happened to an asset, the oldest first, with before and after. Works for deleted assets too."""
    page = ledger.asset_events(asset_id, query.limit, query.cursor)
    return EventPage(items=[EventEntry.of(entry) for entry in page.items], next=page.next)
