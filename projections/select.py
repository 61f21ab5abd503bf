"""Filtered lists as SQL: conditions, times that become positions, and references in the order of their rarity."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.sql import Composable, Composed

from domain.errors import LedgerError
from domain.reference import Reference
from domain.text import searchable
from infra.connections import Connection
from infra.sql import literal
from projections import sql_composition

_ESCAPES = str.maketrans({wild: f"\\{wild}" for wild in "\\%_"})
"""What makes a LIKE pattern without wildcards of a text."""
SHORTEST_SEARCH = 2
MOST_JOINS = 4
MANY = 200
"""A reference with fewer members leads: to check each of them takes a millisecond or two."""


class SearchTooShortError(LedgerError):
    """A search needs at least 2 characters."""


def prefix_pattern(text: str) -> str:
    """The LIKE pattern that finds the text at the beginning."""
    return f"{text.translate(_ESCAPES)}%"


def search_pattern(text: str) -> str:
    """The LIKE pattern that finds the text anywhere, in any case. SearchTooShortError."""
    if len(text) < SHORTEST_SEARCH:
        raise SearchTooShortError
    return f"%{searchable(text).translate(_ESCAPES)}%"


class Pointer(NamedTuple):
    """A reference that a list is filtered by, of any of some kinds."""

    kinds: tuple[str, ...]
    id: str


@dataclass
class Select:
    """A filtered list as SQL fragments with their parameters.

    `moments` become parameters, and `pointers` conditions, by questions that are asked before the list is: each time
    stands for the last position at it, or before it if it is exclusive.
    """

    statement: LiteralString
    order: LiteralString
    conditions: list[Composable] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    moments: dict[str, tuple[datetime, bool]] = field(default_factory=dict)
    pointers: tuple[Mapping[str, LiteralString], Sequence[Pointer]] | None = None
    questions: list[Callable[[Connection], None]] = field(default_factory=list)
    """What is asked before the list is, and decides how to ask for it."""
    is_in_order: bool = False
    """Whether the statement finds its rows in the order of the list."""
    has_one_plan: bool = False
    """Whether one plan is good for all values of its parameters. It has no further conditions then."""
    is_counted: bool = False
    """Whether the rows are only counted."""
    shown: LiteralString = ""
    """What is selected of each row of a page, if not its columns."""
    tables: Mapping[str, str] = field(default_factory=dict)
    """The names of tables in the statements that stand for those of other builds."""

    def where(self, condition: LiteralString, **parameters: object) -> None:
        """List only what meets the condition."""
        self.conditions.append(sql_composition.fragment(condition))
        self.parameters |= parameters

    def where_present(self, condition: LiteralString, name: str, value: object) -> None:
        """List only what meets the condition, unless its parameter is None."""
        if value is not None:
            self.where(condition, **{name: value})

    def where_moment(self, condition: LiteralString, name: str, at: datetime | None, *, exclusive: bool) -> None:
        """List only what meets the condition, unless the time is None; its parameter is the position of that time."""
        if at is not None:
            self.where(condition)
            self.moments[name] = at, exclusive

    def where_each(self, condition: LiteralString, each: Iterable[dict[str, object]]) -> None:
        """List only what meets the condition with each of the sets of parameters, written `{name}` in it."""
        for parameters in each:
            number = len(self.conditions)  # of no other condition, whichever statement it comes from
            self.conditions.append(sql_composition.numbered(condition, number, list(parameters)))
            self.parameters |= {f"{name}_{number}": value for name, value in parameters.items()}

    def where_references(self, statements: Mapping[str, LiteralString], pointers: Sequence[Pointer]) -> None:
        """List only what has all the references, by the read model's statements `rarest_first`, `has` and others."""
        if pointers:
            self.pointers = statements, pointers

    def plan(self, connection: Connection) -> None:
        """Ask what decides how to ask for the list."""
        self.plan_references(connection)
        questions, self.questions = self.questions, []
        for ask in questions:
            ask(connection)

    def plan_references(self, connection: Connection) -> None:
        """Turn the references into conditions, after asking which of them are the rarest.

        A rare reference leads: its members are selected first, and checked for the others. Common references are
        joined, up to a few, since planning many joins takes longer than counting the others for each candidate. The
        members of each are counted before: statistics do not know of an id that is frequent as another kind.
        """
        if self.pointers is None:
            return
        (statements, pointers), self.pointers = self.pointers, None
        parameters = {"kinds": [",".join(p.kinds) for p in pointers], "ids": [p.id for p in pointers], "many": MANY}
        rarest_first = sql_composition.with_tables_of(statements["rarest_first"], self.tables)
        rows = connection.execute(rarest_first, self.parameters | parameters).fetchall()
        rarest, *others = ordered = [pointers[ordinal - 1] for ordinal, _ in rows]
        if rows[0][1] < MANY:
            self.where_each(statements["has_rare"], [{"kinds": list(rarest.kinds), "id": rarest.id}])
            ordered = others
        self._join(statements, ordered[:MOST_JOINS])
        if counted := ordered[MOST_JOINS:]:
            self.where(
                statements["has_others"], kinds=[",".join(p.kinds) for p in counted], ids=[p.id for p in counted]
            )

    def _join(self, statements: Mapping[str, LiteralString], joined: Iterable[Pointer]) -> None:
        """A single kind is compared by equality: PostgreSQL does not know that rows of several are in order."""
        for pointer in joined:
            single = len(pointer.kinds) == 1
            kinds = {"kind": pointer.kinds[0]} if single else {"kinds": list(pointer.kinds)}
            self.where_each(statements["has" if single else "has_of_kinds"], [{**kinds, "id": pointer.id}])

    def served(self, statement: Composed | LiteralString) -> Composed | LiteralString:
        """The statement on the builds that serve the tenant, as they were when the transaction began."""
        return sql_composition.with_tables_of(statement, self.tables)

    def count(self, connection: Connection, statement: LiteralString) -> int:
        """The number of rows, by a statement that counts them."""
        query = sql_composition.with_tables_of(sql_composition.conditioned(statement, self.conditions), self.tables)
        (row,) = connection.execute(query, self.parameters, prepare=False).fetchall()
        return int(row[0])

    def rows(self, connection: Connection, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows."""
        return self.execute(connection, limit).fetchall()

    def execute(self, connection: Connection, limit: int) -> Cursor[tuple[Any, ...]]:
        """A cursor with at most `limit` rows.

        With parameters it is never prepared, unless one plan is good for all values: after a few executions PostgreSQL
        would keep one for the rare and the common.
        """
        cursor = connection.cursor(binary=True)
        prepare = True if self.has_one_plan else False if self.parameters else None
        return cursor.execute(self.query(), {**self.parameters, "limit": limit}, prepare=prepare)

    def query(self) -> Composed | LiteralString:
        """The statement, with the parameters of the conditions and `limit`."""
        if self.has_one_plan:
            return sql_composition.with_tables_of(_text(self.statement, self.order, self.shown), self.tables)
        order: LiteralString = "" if self.is_in_order else self.order
        filtered = sql_composition.filtered(self.statement, self.conditions, order)
        if self.shown:
            filtered = sql_composition.shown(self.shown, filtered, self.order)
        return sql_composition.with_tables_of(filtered, self.tables)


@lru_cache
def _text(statement: LiteralString, order: LiteralString, shown: LiteralString) -> LiteralString:
    """A select without conditions, put together once."""
    ordered = sql_composition.ordered(statement, order)
    return literal((sql_composition.shown(shown, ordered, order) if shown else ordered).as_string())


def pointers(references: Iterable[Reference]) -> list[Pointer]:
    """The references as filters."""
    return [Pointer((reference.kind,), reference.id) for reference in references]
