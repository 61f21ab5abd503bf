"""What the lists of assets and of jobs share: their orders, pages and totals, now and at a moment."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final, Generic, Literal, LiteralString, NamedTuple, Protocol, TypeVar
from uuid import UUID

from infra.connections import Connection
from infra.database import Database
from infra.sql import literal, load_statements
from projections.catalogue import with_tables
from projections.list_transaction import free_plans, list_transaction, refuse_rebuilding, rows_at_once
from projections.paging import NEWEST_FIRST, Keyset, Moment, Order, Page, page_of
from projections.projection import Projection
from projections.queries.filters import Filter
from projections.select import Select

_SQL = load_statements(__file__, "row_list.sql")
Row = TypeVar("Row")
AnyFilter = TypeVar("AnyFilter", bound=Filter)
Statements = Mapping[str, LiteralString]
POSITIONS: Final = ("created_position", "position")
"""What documents begin with."""
READ: Final = ("listed", "references", "terms")


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
        select = Select(statements[name], statements[order.name])
        if as_of is not None:
            select.parameters["as_of"] = as_of
            if order.sort == "created":  # in the other order, the planner would expect next to nothing of both bounds
                select.where(statements["created_by_then"])
        return select


def list_statements(module_file: str, name: str) -> ListStatements:
    """The statements of a list from the `.sql` file beside its module, with those that all lists share."""
    statements = with_tables(load_statements(module_file, name))
    return ListStatements(_SQL | _reading(statements, "now"), _SQL | _reading(statements, "then"))


def _reading(statements: Statements, when: Literal["now", "then"]) -> dict[str, LiteralString]:
    """The statements with `{listed}`, `{references}` and `{terms}` replaced by what they read."""
    reads = {name: statements[f"{name}_{when}"] for name in READ if f"{name}_{when}" in statements}
    filled = dict(statements)
    for read, text in reads.items():
        filled = {name: literal(other.replace(f"{{{read}}}", text)) for name, other in filled.items()}
    return filled


class ReadModels(NamedTuple):
    """The read models of a list: those of what is there now, and those of what was there at a moment."""

    now: tuple[Projection[Any], ...]
    then: tuple[Projection[Any], ...]

    def at(self, as_of: Moment | None) -> tuple[Projection[Any], ...]:
        """Those of a moment; None: now."""
        return self.now if as_of is None else self.then


class ListedRows(Protocol):
    """A list within a transaction."""

    def page(self, order: Order, after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows in an order, after a position in it if there is one."""

    def total(self) -> int:
        """The number of all rows."""


@dataclass(frozen=True)
class SelectedRows:
    """A list that the database selects and puts in order."""

    connection: Connection
    select: Select
    count: LiteralString

    def page(self, _order: Order, _after: int | None, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows; the select has the order, and begins where it goes on."""
        return self.select.rows(self.connection, limit)

    def total(self) -> int:
        """The number of all rows."""
        return self.select.count(self.connection, self.count)


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
    terms: Projection[Any] | None = None
    """The read model that is read besides, if the filter asks for terms."""
    faceted: Callable[[AnyFilter], Callable[[Connection, Select], ListedRows | None] | None] = lambda _selected: None
    """The list as it is read from the sets of facets; None where they do not tell."""
    first: Callable[[AnyFilter, Select, Order, int | None, int], Select | None] = lambda *_: None
    """Of a list that is read from sets, a statement that most often has the whole page; None if there is none."""

    @property
    def read(self) -> ReadModels:
        """The read models that the list is read from."""
        return ReadModels((self.listed, self.references), (self.versions, self.references))

    def read_for(self, selected: AnyFilter) -> ReadModels:
        """The read models that the list with this filter is read from."""
        terms = (self.terms,) if self.terms is not None and selected.terms() else ()
        return ReadModels(self.read.now + terms, self.read.then + terms)

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
        select = self.select(selected, order, as_of and as_of.position)
        select.where_present(self.statements.now["recorded_by"], "recorded_by", recorded_by)
        columns, row = self.listed.table.columns, self.listed.table.row
        keyset = self._keyset(tenant_id, selected, order, as_of)
        rows = self._rows(database, keyset, selected, select, limit, cursor, order, columns)
        make: Callable[..., Row] = row._make  # type: ignore[attr-defined]
        return Page([make(values[: len(columns)]) for values in rows.items], rows.next, rows.rebuilding)

    def documents(
        self,
        database: Database,
        tenant_id: UUID,
        selected: AnyFilter,
        limit: int,
        cursor: str | None,
        order: Order,
        members: Statements,
    ) -> Page[tuple[Any, ...]]:
        """The same page as it is now, of each row what `documents` selects; `members` replace their names in it.

        CursorError.
        """
        select = self.select(selected, order, None)
        select.shown = self.statements.now["documents"]
        for name, expression in members.items():
            select.shown = literal(select.shown.replace(f"{{{name}}}", expression))
        keyset = self._keyset(tenant_id, selected, order, None)
        return self._rows(database, keyset, selected, select, limit, cursor, order, POSITIONS)

    def _keyset(self, tenant_id: UUID, selected: AnyFilter, order: Order, as_of: Moment | None) -> Keyset:
        return Keyset(tenant_id, selected.criteria(self.criteria) | vars(order), (as_of,) if as_of else ())

    def _rows(
        self,
        database: Database,
        keyset: Keyset,
        selected: AnyFilter,
        select: Select,
        limit: int,
        cursor: str | None,
        order: Order,
        columns: Sequence[str],
    ) -> Page[tuple[Any, ...]]:
        """A page of the select, whose rows begin with the columns."""
        after = None if cursor is None else keyset.decode(cursor)
        select.where_present(self.statements.now[f"after_{order.name}"], "after", after)
        as_of, position_column = keyset.moments[0] if keyset.moments else None, columns.index(order.column)
        if as_of is None and (
            at_once := self._at_once(database, keyset.tenant_id, selected, select, order, after, limit)
        ):
            listed, rebuilding = at_once
            return replace(page_of(listed, keyset, limit, position_column), rebuilding=rebuilding)
        with self._reading(database, keyset.tenant_id, selected, select, as_of) as (rows, rebuilding):
            listed = rows.page(order, after, limit + 1)
            return replace(page_of(listed, keyset, limit, position_column), rebuilding=rebuilding)

    def _at_once(
        self,
        database: Database,
        tenant_id: UUID,
        selected: AnyFilter,
        select: Select,
        order: Order,
        after: int | None,
        limit: int,
    ) -> tuple[list[tuple[Any, ...]], tuple[str, ...]] | None:
        """One row more than the page, in one round trip, and the read models being rebuilt; None if that may not do."""
        if self.faceted(selected) is None:
            return rows_at_once(database, tenant_id, select, self.read.now, limit + 1)
        first = self.first(selected, select, order, after, limit + 1)
        at_once = first and rows_at_once(database, tenant_id, first, self.read.now, limit + 1)
        return at_once if at_once and len(at_once[0]) > limit else None

    def count(self, database: Database, tenant_id: UUID, selected: AnyFilter, as_of: Moment | None = None) -> int:
        """The number of all rows that are selected."""
        select = self.select(selected, NEWEST_FIRST, as_of and as_of.position)
        select.is_counted = True
        with self._reading(database, tenant_id, selected, select, as_of) as (rows, _):
            return rows.total()

    @contextmanager
    def _reading(
        self, database: Database, tenant_id: UUID, selected: AnyFilter, select: Select, as_of: Moment | None
    ) -> Iterator[tuple[ListedRows, tuple[str, ...]]]:
        """A transaction to read the list in, and the read models being rebuilt.

        It is read from sets as it is now, but within another transaction.
        """
        opened = self.faceted(selected) if as_of is None and not database.is_in_transaction else None
        read_models, count = self.read_for(selected).at(as_of), self.statements.at(as_of and as_of.position)["count"]
        with list_transaction(database, tenant_id, select, read_models, snapshot=opened is not None) as begun:
            connection, rebuilding = begun
            if as_of is not None:
                refuse_rebuilding(rebuilding)
            faceted = opened(connection, select) if opened and self.listed.name not in rebuilding else None
            if opened and faceted is None:
                free_plans(connection, select)
            yield faceted or SelectedRows(connection, select, count), rebuilding
