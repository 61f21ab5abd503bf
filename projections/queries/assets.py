"""Reads of `assets`: the list with its filters. One asset by id is folded from the log instead, so it is current."""

from collections.abc import Iterable, Iterator
from uuid import UUID

from domain.asset.events import AssetStatus
from infra.connections import Connection
from infra.database import Database
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_terms.fold import ASSET_TERMS
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS, AssetRow
from projections.list_transaction import require_whole
from projections.paging import FULL_PAGE, NEWEST_FIRST, Order, every_page
from projections.queries.asset_facets import faceted_assets, first_assets
from projections.queries.filters import AssetFilter, PurgeFilter
from projections.queries.row_list import RowList, Statements, list_statements
from projections.queries.term_search import where_terms
from projections.select import Pointer, Select, pointers, prefix_pattern, search_pattern

_SQL = list_statements(__file__, "assets.sql")


def every_asset(database: Database, tenant_id: UUID, selected: AssetFilter) -> Iterator[AssetRow]:
    """All that the filter finds, read page by page as they are taken.

    ReadModelRebuildingError at once, or where a later page would not show everything; SearchTooShortError.
    """
    require_whole(database, tenant_id, ASSET_LIST.read_for(selected).now)
    pages = every_page(lambda cursor: ASSET_LIST.page(database, tenant_id, selected, FULL_PAGE, cursor))
    return (row for rows in pages for row in rows)


def asset_select(selected: AssetFilter, order: Order = NEWEST_FIRST, as_of: int | None = None) -> Select:
    """The list as it is asked of the database, as of a position or now. SearchTooShortError."""
    sql, select = _SQL.at(as_of), _SQL.select("assets", order, as_of)
    deleted_before = selected.deleted_before if isinstance(selected, PurgeFilter) else None
    if selected.status is None and deleted_before is None:
        select.where(sql["live"])
    select.where_present(sql["deleted_before"], "deleted_before", deleted_before)
    _where_all(select, sql, selected)
    return select


def differing_assets(selected: AssetFilter, order: Order, since: int, until: int, after: int | None) -> Select:
    """The assets with events after one position up to another, as they are asked of the database. SearchTooShortError.

    They go on after the position of a cursor, if there is one.
    """
    sql, select = _SQL.at(until), _SQL.select("assets", order, until)
    select.where(sql["changed_since"], since=since)
    select.where_present(sql[f"after_{order.name}"], "after", after)
    _where_all(select, sql, selected)
    return select


def states_before(
    connection: Connection, select: Select, rows: Iterable[AssetRow], since: int
) -> dict[UUID, tuple[int, AssetStatus]]:
    """The revision and the status that assets had at a position; those that were there then."""
    parameters = {"created_positions": [row.created_position for row in rows], "since": since}
    before = connection.execute(select.served(_SQL.then["before"]), parameters).fetchall()
    return {asset_id: (revision, status) for asset_id, revision, status in before}


def _where_all(select: Select, sql: Statements, selected: AssetFilter) -> None:
    """List only what meets the criteria that the filter names."""
    if not selected.criteria(PurgeFilter):
        return
    for name in ("status", "media_kind", "creator", "subject", "sha256"):
        select.where_present(sql[name], name, getattr(selected, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        select.where_moment(sql[name], name, getattr(selected, name), exclusive=name.endswith("before"))
    if selected.content_type is not None:
        select.where(sql["content_type"], content_type=prefix_pattern(selected.content_type.lower()))
    if selected.tag:
        select.where(sql["tags"], tags=list(dict.fromkeys(selected.tag)))
    if selected.name is not None:
        select.where(sql["name"], name=search_pattern(selected.name))
    jobs = [Pointer(("job", "run"), name) for name in selected.job_id]
    select.where_references(sql, [*jobs, *pointers(selected.references())])
    where_terms(select, sql, selected)


ASSET_LIST: RowList[AssetRow, AssetFilter] = RowList(
    _SQL, ASSETS, ASSET_VERSIONS, ASSET_REFERENCES, asset_select, PurgeFilter, ASSET_TERMS, faceted_assets, first_assets
)
