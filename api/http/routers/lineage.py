"""Lineage: what an asset came from, and what came from it or from a reference."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from api.application.lineage import lineage_from_reference, lineage_of_asset
from api.http.batch_bodies import NDJSON
from api.http.dependencies import CallerSession
from api.http.lineage_formats import to_graphviz, to_json, to_mermaid
from api.http.moments import MOMENT, looking_back
from api.http.openlineage import to_openlineage
from api.http.paging import tell_rebuilding
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.lineage import Lineage as LineageSchema
from domain.errors import AssetNotFoundError, BeyondHeadError, ReadModelRebuildingError
from domain.reference import ReferenceText
from projections.paging import Moment
from projections.queries.lineage import READ_MODELS, Direction, Lineage

router = APIRouter(route_class=RenderedRoute, prefix="/v1", tags=["lineage"])

Format = Literal["json", "mermaid", "graphviz", "openlineage"]
MEDIA_TYPES: Final[dict[Format, str]] = {
    "json": "application/json",
    "mermaid": "text/vnd.mermaid",
    "graphviz": "text/vnd.graphviz",
    "openlineage": NDJSON,
}
DIRECTIONS: Final[dict[str, tuple[Direction, ...]]] = {"up": ("up",), "down": ("down",), "both": ("up", "down")}
ANSWERED: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "As JSON, as a diagram for Mermaid or Graphviz, or as run events of OpenLineage, one on each "
        "line.",
        "content": {media_type: {"schema": {"type": "string"}} for media_type in list(MEDIA_TYPES.values())[1:]},
    }
}

LineageAsOf = Annotated[Moment | None, Depends(looking_back(READ_MODELS))]


class LineageQuery(BaseModel):
    """How far to walk, and how to show it."""

    depth: int = Field(default=3, ge=1, le=50, description="How many steps to walk at the most.")
    format: Format | None = Field(
        default=None,
        description="How to show it. Absent: as `Accept` says, such as `text/vnd.mermaid` or `text/vnd.graphviz`; "
        "else as JSON.",
    )


class AssetLineageQuery(LineageQuery):
    """Where to walk besides."""

    direction: Literal["up", "down", "both"] = Field(
        default="both",
        description="`up`: to what the asset came from. `down`: to what came from it. `both`: each of these walks.",
    )


class ReferenceLineageQuery(LineageQuery):
    """Where to begin."""

    ref: ReferenceText = Field(description="The reference, written `kind:id`.")


@router.get(
    "/assets/{asset_id}/lineage",
    response_model=LineageSchema,
    responses=documented(AssetNotFoundError, BeyondHeadError, ReadModelRebuildingError) | ANSWERED,
)
def get_asset_lineage(
    request: Request,
    asset_id: UUID,
    session: CallerSession,
    query: Annotated[AssetLineageQuery, Depends(queried(AssetLineageQuery))],
    as_of: LineageAsOf,
) -> Response:
    """Show what an asset came from (sources, jobs, references) and what came from it. Works for deleted assets too.

    At most 10,000 nodes are shown, the nearest ones. With `as_of`, everything is as it was at that moment.
    """
    lineage = lineage_of_asset(session, asset_id, DIRECTIONS[query.direction], query.depth, as_of and as_of.position)
    return _answer(request, session.tenant_id, lineage, query.format, as_of)


@router.get(
    "/lineage",
    response_model=LineageSchema,
    responses=documented(BeyondHeadError, ReadModelRebuildingError) | ANSWERED,
)
def get_lineage_from_reference(
    request: Request,
    session: CallerSession,
    query: Annotated[ReferenceLineageQuery, Depends(queried(ReferenceLineageQuery))],
    as_of: LineageAsOf,
) -> Response:
    """Show everything that came from a reference: the assets and jobs that have it, and what came from those.

    At most 10,000 nodes are shown, the nearest ones. With `as_of`, everything is as it was at that moment.
    """
    lineage = lineage_from_reference(session, query.ref, query.depth, as_of and as_of.position)
    return _answer(request, session.tenant_id, lineage, query.format, as_of)


def _answer(
    request: Request, tenant_id: UUID, lineage: Lineage, asked: Format | None, as_of: Moment | None
) -> Response:
    formats: dict[str, Callable[[Lineage], bytes]] = {
        MEDIA_TYPES["json"]: to_json,
        MEDIA_TYPES["mermaid"]: to_mermaid,
        MEDIA_TYPES["graphviz"]: to_graphviz,
        MEDIA_TYPES["openlineage"]: partial(to_openlineage, tenant_id=tenant_id),
    }
    media_type = MEDIA_TYPES[asked] if asked else preferred(request.headers.get("Accept"), list(formats))
    answer = Response(formats[media_type](lineage), headers={"Vary": "Accept"}, media_type=media_type)
    if as_of is not None:
        answer.headers[MOMENT] = str(as_of.position)
    tell_rebuilding(answer, lineage)
    return answer


def preferred(accept: str | None, offered: Sequence[str]) -> str:
    """The media type offered that `Accept` ranks highest (RFC 9110, section 12.5.1): the first of equals, or of all.

    Parameters but `q` are left out of account, and what cannot be read counts for nothing.
    """
    qualities = dict(map(_quality, (accept or "*/*").split(",")))

    def rank(media_type: str) -> float:
        ranges = media_type, f"{media_type.partition('/')[0]}/*", "*/*"
        return next((qualities[name] for name in ranges if name in qualities), 0.0)

    return max(offered, key=rank)


def _quality(media_range: str) -> tuple[str, float]:
    name, *parameters = (part.strip().lower() for part in media_range.split(";"))
    values = dict(parameter.partition("=")[::2] for parameter in parameters)
    try:
        return name, min(max(float(values.get("q", "1")), 0.0), 1.0)
    except ValueError:
        return name, 0.0
