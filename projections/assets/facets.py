"""The facets of assets: what lists filter by, but searches, digests and the times of creation."""

from operator import attrgetter
from typing import Final, NamedTuple
from uuid import UUID

from infra.sql import load_statements
from projections.facets import Facet, Facets

CHANGED_BITS: Final = (18, 14, 10)
"""Last events are told by spans of positions, each sixteen times as long as the next: the last one's are looked up."""


def changed(bits: int, number: int) -> Facet:
    """The facet of assets whose last event is in a span of positions, of that length and number."""
    return f"changed_{bits}", str(number)


class FacetedAsset(NamedTuple):
    """The columns of an asset that its facets follow from."""

    tenant_id: UUID
    created_position: int
    position: int
    status: str
    media_kind: str
    content_type: str | None
    created_by: str
    subject: str | None
    tags: list[str]
    scope: str | None
    origin: list[str]
    links: list[str]


def _facets_of(asset: FacetedAsset) -> frozenset[Facet]:
    facets: list[Facet] = [
        ("status", asset.status),
        ("media_kind", asset.media_kind),
        ("creator", asset.created_by),
    ]
    if asset.subject is not None:
        facets.append(("subject", asset.subject))
    if asset.content_type is not None:
        facets.append(("content_type", asset.content_type))
    if asset.scope is not None:
        facets.append(("ref", asset.scope))
    facets += _spans_of(asset)
    facets += [("tag", tag) for tag in asset.tags]
    facets += [("ref", reference) for reference in (*asset.origin, *asset.links)]
    return frozenset(facets)


def _spans_of(asset: FacetedAsset) -> list[Facet]:
    return [changed(bits, asset.position >> bits) for bits in CHANGED_BITS]


_values_of = attrgetter(*(name for name in FacetedAsset._fields if name != "position"))


def _changed_facets(before: FacetedAsset | None, after: FacetedAsset) -> tuple[frozenset[Facet], frozenset[Facet]]:
    """Most events change nothing but the position of the last one."""
    if before is None:
        return frozenset(), _facets_of(after)
    alike = _values_of(before) == _values_of(after)
    old, new = (frozenset(_spans_of(row)) if alike else _facets_of(row) for row in (before, after))
    return old - new, new - old


ASSET_FACETS: Final = Facets(
    FacetedAsset, _facets_of, _changed_facets, load_statements(__file__, "facets.sql")["members"]
)
