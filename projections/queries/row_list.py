"""What the lists of assets and of jobs share: their orders, pages and totals."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Generic, LiteralString, TypeVar
from uuid import UUID

from infra.database import Database
from infra.sql import load_statements
from projections.catalogue import with_tables
from projections.list_transaction import list_transaction
from projections.paging import NEWEST_FIRST, Keyset, Order, Page, page
from projections.projection import Projection
from projections.queries.filters import Filter
from projections.select import Select

_SQL = load_statements(__file__, "row_list.sql")
Row = TypeVar("Row")
AnyFilter = TypeVar("AnyFilter", bound=Filter)


def list_statements(module_file: str, name: str) -> dict[str, LiteralString]:
    """The statements of a list from the `.sql` file beside its module, with those that all lists share."""
    return _SQL | with_tables(load_statements(module_file, name))


@dataclass(frozen=True)
class RowList(Generic[Row, AnyFilter]):
    """A list of one read model's rows. Raises SearchTooShortError, and what `list_transaction` does."""

    statements: Mapping[str, LiteralString]
    listed: Projection[Row]
    references: Projection[Any]
    select: Callable[[AnyFilter, Order], Select]
    """The list as it is asked of the database."""
    criteria: type[AnyFilter]
    """The filter whose members a cursor is bound to."""

    @property
    def read(self) -> tuple[Projection[Any], ...]:
        """The read models that the list is read from."""
        return self.listed, self.references

    def page(
        self,
        database: Database,
        tenant_id: UUID,
        selected: AnyFilter,
        limit: int,
        cursor: str | None = None,
        order: Order = NEWEST_FIRST,
        recorded_by: int | None = None,
    ) -> Page[Row]:
        """A page of what is selected; its cursors hold for this filter and order alone. CursorError.

        With a position, only what was recorded by then, as it is now.
        """
        keyset = Keyset(tenant_id, selected.criteria(self.criteria) | asdict(order))
        select = self.select(selected, order)
        select.where_present(self.statements["recorded_by"], "recorded_by", recorded_by)
        if cursor is not None:
            select.where(self.statements[f"after_{order.name}"], after=keyset.decode(cursor))
        table = self.listed.table
        with list_transaction(database, tenant_id, select, self.read) as (connection, rebuilding):
            rows = page(select, connection, keyset, limit, table.columns.index(order.column))
        row: Any = table.row
        return Page(list(map(row._make, rows.items)), rows.next, rebuilding)

    def count(self, database: Database, tenant_id: UUID, selected: AnyFilter) -> int:
        """The number of all rows that are selected."""
        select = self.select(selected, NEWEST_FIRST)
        with list_transaction(database, tenant_id, select, self.read) as (connection, _):
            return select.count(connection, self.statements["count"])
