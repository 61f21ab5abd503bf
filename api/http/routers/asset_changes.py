"""Changes of one asset. Each answers with the asset as it is afterwards, and takes If-Match."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Response

from api.application.policies import REFERRING
from api.http.answers import seen
from api.http.conditions import IfMatch
from api.http.dependencies import CallerAssets
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import Asset, LinkRequest, UnlinkQuery
from domain import errors
from domain.asset.asset import Asset as Aggregate
from domain.asset.inputs import NewDescription, Reason, Reasoned
from domain.text import OutsideId

router = APIRouter(route_class=RenderedRoute, prefix="/v1/assets/{asset_id}", tags=["assets"])

NOTHING: Any = {"status_code": 204, "response_class": Response}
ALWAYS = (errors.AssetNotFoundError, errors.StaleRevisionError, errors.TooManyConflictsError)
ANY_CHANGE = (*ALWAYS, errors.AssetDeletedError)
WhyQuery = Annotated[Reason | None, Query(description="Why; kept with the event and shown in the audit trail.")]
HoldName = Annotated[
    OutsideId,
    Path(
        description="The hold's name, such as `case-17`, without line feeds.",
        json_schema_extra={"pattern": r"^[^\u0000\n]*$"},
    ),
]


@router.patch("", responses=documented(*ANY_CHANGE, errors.DocumentTooLargeError, errors.TagNotAllowedError))
def describe_asset(
    asset_id: UUID, new: NewDescription, assets: CallerAssets, if_match: IfMatch, response: Response
) -> Asset:
    """Change the name, description, tags or metadata of an asset. Members that are left out stay as they are."""
    row = assets.change(asset_id, lambda asset, context: asset.describe(context, new), new.reason, if_match)
    return seen(response, Asset.of(assets.shown(row)))


@router.post("/links", responses=documented(*ANY_CHANGE, errors.TooManyReferencesError, *REFERRING))
def link_asset(
    asset_id: UUID, request: LinkRequest, assets: CallerAssets, if_match: IfMatch, response: Response
) -> Asset:
    """Link an asset to references, such as the message it appeared in. Linking again changes nothing."""
    row = assets.change(
        asset_id, lambda asset, context: asset.link(context, request.references), request.reason, if_match
    )
    return seen(response, Asset.of(assets.shown(row)))


@router.delete("/links", responses=documented(*ANY_CHANGE, errors.OriginIsPermanentError))
def unlink_asset(
    asset_id: UUID,
    assets: CallerAssets,
    query: Annotated[UnlinkQuery, Depends(queried(UnlinkQuery))],
    if_match: IfMatch,
    response: Response,
) -> Asset:
    """Remove links from an asset. The history keeps them. The origin of an asset cannot be unlinked."""
    row = assets.change(asset_id, lambda asset, context: asset.unlink(context, query.ref), query.reason, if_match)
    return seen(response, Asset.of(assets.shown(row)))


@router.delete("", **NOTHING, responses=documented(*ALWAYS))
def soft_delete_asset(
    asset_id: UUID, assets: CallerAssets, if_match: IfMatch, response: Response, reason: WhyQuery = None
) -> None:
    """Hide an asset. Its history stays readable, and it can be restored. Deleting again changes nothing."""
    seen(response, Asset.of(assets.change(asset_id, Aggregate.soft_delete, reason, if_match)))


@router.post("/restore", responses=documented(*ALWAYS, errors.ContentBeingPurgedError))
def restore_asset(
    asset_id: UUID, assets: CallerAssets, if_match: IfMatch, response: Response, why: Reasoned | None = None
) -> Asset:
    """Restore a deleted asset, unless its content is about to be purged. Restoring a live asset changes nothing."""
    row = assets.change_unless_purged(asset_id, Aggregate.restore, why.reason if why else None, if_match)
    return seen(response, Asset.of(assets.shown(row)))


@router.put(
    "/holds/{hold:path}",
    **NOTHING,
    responses=documented(*ALWAYS, errors.ContentBeingPurgedError, errors.TooManyHoldsError),
)
def hold_asset(
    asset_id: UUID,
    hold: HoldName,
    assets: CallerAssets,
    if_match: IfMatch,
    response: Response,
    why: Reasoned | None = None,
) -> None:
    """Put a legal hold on a live or deleted asset. Until its release, nothing of the asset may be purged or erased."""
    reason = why.reason if why else None
    row = assets.change_unless_purged(asset_id, lambda asset, context: asset.put_hold(context, hold), reason, if_match)
    seen(response, Asset.of(row))


@router.delete("/holds/{hold:path}", **NOTHING, responses=documented(*ALWAYS, errors.HoldNotFoundError))
def release_hold(
    asset_id: UUID,
    hold: HoldName,
    assets: CallerAssets,
    if_match: IfMatch,
    response: Response,
    reason: WhyQuery = None,
) -> None:
    """Release a legal hold."""
    row = assets.change(asset_id, lambda asset, context: asset.release_hold(context, hold), reason, if_match)
    seen(response, Asset.of(row))
