"""What the lists of assets and of jobs share: their orders, pages and totals, now and at a moment."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Generic, Literal, LiteralString, NamedTuple, Protocol, TypeVar
from uuid import UUID

from infra.connections import Connection
from infra.database import Database
from infra.sql import literal, load_statements
from projections.catalogue import with_tables
from projections.list_transaction import list_transaction, refuse_rebuilding
from projections.paging import NEWEST_FIRST, Keyset, Moment, Order, Page, page_of
from projections.projection import Projection
from projections.queries.filters import Filter
from projections.select import Select

_SQL = load_statements(__file__, "row_list.sql")
Row = TypeVar("Row")
AnyFilter = TypeVar("AnyFilter", bound=Filter)
Statements = Mapping[str, LiteralString]


class ListStatements(NamedTuple):
    """The statements of a list: what they ask of what is there now, and of what was there then, at `as_of`."""

    now: Statements
    then: Statements

    def at(self, as_of: int | None) -> Statements:
        """Those that ask as of a position; None: now."""
        return self.now if as_of is None else self.then

    def select(self, name: str, order: Order, as_of: int | None) -> Select:
        """The list without conditions, as of a position; None: now."""
        statements = self.at(as_of)
        return Select(statements[name], statements[order.name], parameters={} if as_of is None else {"as_of": as_of})


def list_statements(module_file: str, name: str) -> ListStatements:
    """The statements of a list from the `.sql` file beside its module, with those that all lists share."""
    statements = with_tables(load_statements(module_file, name))
    return ListStatements(_SQL | _reading(statements, "now"), _SQL | _reading(statements, "then"))


def _reading(statements: Statements, when: Literal["now", "then"]) -> dict[str, LiteralString]:
    """The statements with `{listed}` and `{references}` replaced by what they read."""
    listed, references = statements[f"listed_{when}"], statements[f"references_{when}"]
    return {
        name: literal(text.replace("{listed}", listed).replace("{references}", references))
        for name, text in statements.items()
    }


class FacetedRows(Protocol):
    """A list that is read from the sets of facets."""

    def page(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows in an order, after a position in it if there is one."""

    def total(self) -> int:
        """The number of all rows."""


class Reading(NamedTuple):
    """A list that is being read: the read models that are being rebuilt, and its sets, if it is read from sets."""

    connection: Connection
    rebuilding: tuple[str, ...]
    faceted: FacetedRows | None


@dataclass(frozen=True)
class RowList(Generic[Row, AnyFilter]):
    """A list of one read model's rows. Raises SearchTooShortError, and what `list_transaction` does.

    As of a moment it lists the rows that were valid then, and raises ReadModelRebuildingError where some may be
    missing. The read models must have reached that position.
    """

    statements: ListStatements
    listed: Projection[Row]
    versions: Projection[Any]
    references: Projection[Any]
    select: Callable[[AnyFilter, Order, int | None], Select]
    """The list as it is asked of the database, as of a position."""
    criteria: type[AnyFilter]
    """The filter whose members a cursor is bound to."""
    faceted: Callable[[Connection, AnyFilter, Mapping[str, Any]], FacetedRows | None] | None = None
    """The list as it is read from the sets of facets, with its times as positions; None where they do not tell."""

    @property
    def read(self) -> tuple[Projection[Any], ...]:
        """The read models that the list is read from."""
        return self.listed, self.references

    @property
    def read_then(self) -> tuple[Projection[Any], ...]:
        """The read models that the list is read from as of a moment."""
        return self.versions, self.references

    def page(
        self,
        database: Database,
        tenant_id: UUID,
        selected: AnyFilter,
        limit: int,
        cursor: str | None = None,
        order: Order = NEWEST_FIRST,
        as_of: Moment | None = None,
        recorded_by: int | None = None,
    ) -> Page[Row]:
        """A page of what is selected; its cursors hold for this filter, order and moment alone. CursorError.

        With a position that it was recorded by, as it is now.
        """
        keyset = Keyset(tenant_id, selected.criteria(self.criteria) | asdict(order), (as_of,) if as_of else ())
        select = self.select(selected, order, as_of and as_of.position)
        select.where_present(self.statements.now["recorded_by"], "recorded_by", recorded_by)
        after = None if cursor is None else keyset.decode(cursor)
        select.where_present(self.statements.now[f"after_{order.name}"], "after", after)
        columns, row = self.listed.table.columns, self.listed.table.row
        with self._reading(database, tenant_id, selected, select, as_of) as (connection, rebuilding, faceted):
            ordered = faceted.page(order, after, limit + 1) if faceted else select.rows(connection, limit + 1)
            rows = page_of(ordered, keyset, limit, columns.index(order.column))
        make: Callable[..., Row] = row._make  # type: ignore[attr-defined]
        return Page([make(values[: len(columns)]) for values in rows.items], rows.next, rebuilding)

    def count(self, database: Database, tenant_id: UUID, selected: AnyFilter, as_of: Moment | None = None) -> int:
        """The number of all rows that are selected."""
        select = self.select(selected, NEWEST_FIRST, as_of and as_of.position)
        with self._reading(database, tenant_id, selected, select, as_of) as (connection, _, faceted):
            if faceted:
                return faceted.total()
            return select.count(connection, self.statements.at(as_of and as_of.position)["count"])

    @contextmanager
    def _reading(
        self, database: Database, tenant_id: UUID, selected: AnyFilter, select: Select, as_of: Moment | None
    ) -> Iterator[Reading]:
        """A transaction to read the list in. It is read from sets as it is now, but in a transaction around."""
        read = self.read if as_of is None else self.read_then
        snapshot = self.faceted is not None and as_of is None and not database.is_in_transaction
        with list_transaction(database, tenant_id, select, read, snapshot=snapshot) as (connection, rebuilding):
            if as_of is not None:
                refuse_rebuilding(rebuilding)
            faceted = None
            if snapshot and self.faceted is not None and self.listed.name not in rebuilding:
                faceted = self.faceted(connection, selected, select.parameters)
            if snapshot and faceted is None:
                select.plan_references(connection)
            yield Reading(connection, rebuilding, faceted)
