"""Reads of `assets`: the list with its filters. One asset by id is folded from the log instead, so it is current."""

from collections.abc import Iterator
from uuid import UUID

from infra.database import Database
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS, AssetRow
from projections.list_transaction import require_whole
from projections.paging import FULL_PAGE, NEWEST_FIRST, Order, every_page
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.row_list import RowList, list_statements
from projections.select import Pointer, Select, pointers, prefix_pattern, search_pattern

_SQL = list_statements(__file__, "assets.sql")


def every_asset(database: Database, tenant_id: UUID, selected: AssetFilter) -> Iterator[AssetRow]:
    """All that the filter finds, read page by page as they are taken.

    ReadModelRebuildingError at once, or where a later page would not show everything; SearchTooShortError.
    """
    require_whole(database, tenant_id, _LIST.read)
    pages = every_page(lambda cursor: list_assets(database, tenant_id, selected, FULL_PAGE, cursor))
    return (row for rows in pages for row in rows)


def asset_select(selected: AssetFilter, order: Order = NEWEST_FIRST) -> Select:
    """The list as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["assets"], _SQL[order.name])
    deleted_before = selected.deleted_before if isinstance(selected, PurgeFilter) else None
    if selected.status is None and deleted_before is None:
        select.where(_SQL["live"])
    for name in ("status", "media_kind", "creator", "subject", "sha256"):
        select.where_present(_SQL[name], name, getattr(selected, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        select.where_moment(_SQL[name], name, getattr(selected, name), exclusive=name.endswith("before"))
    select.where_present(_SQL["deleted_before"], "deleted_before", deleted_before)
    if selected.content_type is not None:
        select.where(_SQL["content_type"], content_type=prefix_pattern(selected.content_type.lower()))
    if selected.tag:
        select.where(_SQL["tags"], tags=list(dict.fromkeys(selected.tag)))
    if selected.name is not None:
        select.where(_SQL["name"], name=search_pattern(selected.name))
    jobs = [Pointer(("job", "run"), name) for name in selected.job_id]
    select.where_references(_SQL, [*jobs, *pointers(selected.references())])
    return select


_LIST: RowList[AssetRow, AssetFilter] = RowList(_SQL, ASSETS, ASSET_REFERENCES, asset_select, PurgeFilter)
list_assets, count_assets = _LIST.page, _LIST.count
