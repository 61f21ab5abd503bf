"""Reads of `assets`: the list with its filters. One asset by id is folded from the log instead, so it is current."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain.reference import Reference
from infra.database import Database
from infra.sql import beside
from projections.assets.fold import AssetRow, searchable
from projections.query import Keyset, Page, SearchTooShortError, Select, contains, page

_SQL = beside(__file__, "read.sql")
_CREATED_POSITION = list(AssetRow.__dataclass_fields__).index("created_position")
SHORTEST_SEARCH = 2
MOST_JOINS = 4
"""How many references are joined, so that the rarest can lead; planning many joins takes longer than counting."""


@dataclass(frozen=True)
class AssetFilter:
    """Which assets to list. All that is given must hold."""

    status: str | None = None
    media_kind: str | None = None
    tags: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    name: str | None = None
    references: tuple[Reference, ...] = ()


def list_assets(
    database: Database, tenant_id: UUID, wanted: AssetFilter, limit: int, cursor: str | None = None
) -> Page[AssetRow]:
    """A page of assets, the newest first. SearchTooShortError, CursorError."""
    keyset = Keyset(tenant_id, asdict(wanted))
    select = _select(wanted)
    if cursor is not None:
        select.where(_SQL["after_cursor"], after=keyset.decode(cursor))
    with database.transaction(tenant_id) as connection:
        found = page(select, connection, keyset, limit, _CREATED_POSITION)
    return Page([AssetRow(*values) for values in found.items], found.next)


def _select(wanted: AssetFilter) -> Select:
    select = Select(_SQL["assets"], _SQL["newest_first"])
    if wanted.status:
        select.where(_SQL["status"], status=wanted.status)
    else:
        select.where(_SQL["live"])
    if wanted.media_kind:
        select.where(_SQL["media_kind"], media_kind=wanted.media_kind)
    if wanted.tags:
        select.where(_SQL["tags"], tags=list(wanted.tags))
    if wanted.created_after:
        select.where(_SQL["created_after"], created_after=wanted.created_after)
    if wanted.created_before:
        select.where(_SQL["created_before"], created_before=wanted.created_before)
    if wanted.name is not None:
        select.where(_SQL["name"], name=_pattern(wanted.name))
    first, others = wanted.references[:MOST_JOINS], wanted.references[MOST_JOINS:]
    select.where_each(_SQL["reference"], ({"kind": r.kind, "id": r.id} for r in first))
    if others:
        select.where(_SQL["other_references"], kinds=[r.kind for r in others], ids=[r.id for r in others])
    return select


def _pattern(name: str) -> str:
    if len(name) < SHORTEST_SEARCH:
        raise SearchTooShortError
    return contains(searchable(name))
