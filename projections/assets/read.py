"""Reads of `assets`: the list with its filters. One asset by id is folded from the log instead, so it is current."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain.reference import Reference
from infra.database import Database
from infra.sql import beside
from projections.assets.fold import AssetRow
from projections.query import NEWEST_FIRST, Keyset, Order, Page, Select, page, prefix_pattern, search_pattern

_SQL = beside(__file__, "read.sql")
_COLUMNS = AssetRow._fields
_PAGE = 200


@dataclass(frozen=True)
class AssetFilter:
    """Which assets to list. All that is given must hold."""

    status: str | None = None
    media_kind: str | None = None
    creator: str | None = None
    subject: str | None = None
    sha256: str | None = None
    content_type: str | None = None
    tags: tuple[str, ...] = ()
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    deleted_before: datetime | None = None
    name: str | None = None
    jobs: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


def list_assets(
    database: Database,
    tenant_id: UUID,
    wanted: AssetFilter,
    limit: int,
    cursor: str | None = None,
    order: Order = NEWEST_FIRST,
) -> Page[AssetRow]:
    """A page of assets. SearchTooShortError, CursorError."""
    keyset = Keyset(tenant_id, asdict(wanted) | asdict(order))
    select = asset_select(wanted, order)
    if cursor is not None:
        select.where(_SQL[f"after_{order.name}"], after=keyset.decode(cursor))
    with database.reading(tenant_id) as connection:
        found = page(select, connection, keyset, limit, _COLUMNS.index(order.column))
    return Page(list(map(AssetRow._make, found.items)), found.next)


def every_asset(database: Database, tenant_id: UUID, wanted: AssetFilter) -> Iterator[AssetRow]:
    """All that the filter finds, read page by page as they are taken. SearchTooShortError."""
    cursor = None
    while True:
        found = list_assets(database, tenant_id, wanted, _PAGE, cursor)
        yield from found.items
        cursor = found.next
        if cursor is None:
            return


def count_assets(database: Database, tenant_id: UUID, wanted: AssetFilter) -> int:
    """How many assets the filter finds. SearchTooShortError."""
    with database.reading(tenant_id) as connection:
        return asset_select(wanted).count(connection, _SQL["count"])


def asset_select(wanted: AssetFilter, order: Order = NEWEST_FIRST) -> Select:
    """The list as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["assets"], _SQL[order.name])
    if wanted.status is None and wanted.deleted_before is None:
        select.where(_SQL["live"])
    for name in ("status", "media_kind", "creator", "subject", "sha256"):
        select.where_given(_SQL[name], name, getattr(wanted, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before", "deleted_before"):
        select.where_given(_SQL[name], name, getattr(wanted, name))
    if wanted.content_type is not None:
        select.where(_SQL["content_type"], content_type=prefix_pattern(wanted.content_type.lower()))
    if wanted.tags:
        select.where(_SQL["tags"], tags=list(wanted.tags))
    if wanted.name is not None:
        select.where(_SQL["name"], name=search_pattern(wanted.name))
    select.where_each(_SQL["job"], ({"id": name} for name in wanted.jobs))
    select.where_references(_SQL["reference"], _SQL["other_references"], wanted.references)
    return select
