"""Reads of `assets`: the list with its filters. One asset by id is folded from the log instead, so it is current."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain.reference import Reference
from infra.database import Database
from infra.sql import beside
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS, AssetRow
from projections.list_transaction import list_transaction, refuse_rebuilding, require_whole
from projections.query import (
    NEWEST_FIRST,
    Keyset,
    Order,
    Page,
    Pointer,
    Select,
    page,
    pointers,
    prefix_pattern,
    search_pattern,
)

_SQL = beside(__file__, "read.sql")
_COLUMNS = AssetRow._fields
_PAGE = 200
READ = (ASSETS, ASSET_REFERENCES)
"""The read models that the list is read from."""


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
    with list_transaction(database, tenant_id, select, READ) as (connection, rebuilding):
        found = page(select, connection, keyset, limit, _COLUMNS.index(order.column))
    return Page(list(map(AssetRow._make, found.items)), found.next, rebuilding)


def every_asset(database: Database, tenant_id: UUID, wanted: AssetFilter) -> Iterator[AssetRow]:
    """All that the filter finds, read page by page as they are taken.

    ReadModelRebuildingError at once, or where a later page would not show everything; SearchTooShortError.
    """
    require_whole(database, tenant_id, READ)
    return _every(database, tenant_id, wanted)


def _every(database: Database, tenant_id: UUID, wanted: AssetFilter) -> Iterator[AssetRow]:
    cursor = None
    while True:
        found = list_assets(database, tenant_id, wanted, _PAGE, cursor)
        refuse_rebuilding(found.rebuilding)
        yield from found.items
        cursor = found.next
        if cursor is None:
            return


def count_assets(database: Database, tenant_id: UUID, wanted: AssetFilter) -> int:
    """How many assets the filter finds. SearchTooShortError."""
    select = asset_select(wanted)
    with list_transaction(database, tenant_id, select, READ) as (connection, _):
        return select.count(connection, _SQL["count"])


def asset_select(wanted: AssetFilter, order: Order = NEWEST_FIRST) -> Select:
    """The list as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["assets"], _SQL[order.name])
    if wanted.status is None and wanted.deleted_before is None:
        select.where(_SQL["live"])
    for name in ("status", "media_kind", "creator", "subject", "sha256"):
        select.where_given(_SQL[name], name, getattr(wanted, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        select.where_moment(_SQL[name], name, getattr(wanted, name), exclusive=name.endswith("before"))
    select.where_given(_SQL["deleted_before"], "deleted_before", wanted.deleted_before)
    if wanted.content_type is not None:
        select.where(_SQL["content_type"], content_type=prefix_pattern(wanted.content_type.lower()))
    if wanted.tags:
        select.where(_SQL["tags"], tags=list(wanted.tags))
    if wanted.name is not None:
        select.where(_SQL["name"], name=search_pattern(wanted.name))
    made_by = [Pointer(("job", "run"), name) for name in wanted.jobs]
    select.where_references(_SQL, [*made_by, *pointers(wanted.references)])
    return select
