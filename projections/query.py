"""What every read of a read model shares: pages by key, cursors, and how far a projection has come."""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, LiteralString, NamedTuple, TypeVar
from uuid import UUID

from psycopg.sql import Composable, Composed

from domain.errors import LedgerError
from domain.reference import Reference
from domain.values import searchable
from infra.connections import Connection
from infra.database import Database
from infra.sql import beside
from projections import composed
from projections.projection import Projection

_SQL = beside(__file__, "engine.sql")

SHORTEST_SEARCH = 2
MOST_JOINS = 4
MANY = 200
"""With fewer members than this, a reference leads: to look at each of them takes a millisecond or two."""

Item = TypeVar("Item")


class CursorError(LedgerError):
    """The cursor belongs to another list: other filters, or another tenant. Start again without it."""


class SearchTooShortError(LedgerError):
    """A search needs at least 2 characters."""


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some of a list, and where it goes on; `next` is None at the end.

    `rebuilding` names the read models it comes from that are being made anew, and may show less than there is.
    """

    items: list[Item]
    next: str | None
    rebuilding: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keyset:
    """A cursor: the position to go on after, bound to one tenant's list with one set of filters."""

    tenant_id: UUID
    filters: dict[str, Any]

    def encode(self, position: int) -> str:
        """The cursor after a position."""
        return base64.urlsafe_b64encode(f"{position}.{self._digest()}".encode()).decode().rstrip("=")

    def decode(self, cursor: str) -> int:
        """The position to go on after. CursorError for a cursor of another list, or no cursor at all."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
            position, _, digest = text.partition(".")
            if digest == self._digest() and len(position) < 20:
                return int(position)
        except (binascii.Error, ValueError):
            pass
        raise CursorError

    def _digest(self) -> str:
        meant = json.dumps([str(self.tenant_id), self.filters], sort_keys=True, default=str)
        return hashlib.sha256(meant.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Order:
    """The order of a list: by when its members were created or last changed, the last or the first one first."""

    sort: Literal["created", "updated"] = "created"
    order: Literal["desc", "asc"] = "desc"

    @property
    def name(self) -> str:
        """What its fragments of SQL are called."""
        return f"{self.sort}_{self.order}"

    @property
    def column(self) -> str:
        """The column of the positions it goes by."""
        return "created_position" if self.sort == "created" else "position"


NEWEST_FIRST = Order()


def escaped(text: str) -> str:
    """The text as a LIKE pattern in which nothing is wild."""
    for wild in ("\\", "%", "_"):
        text = text.replace(wild, "\\" + wild)
    return text


def contains(text: str) -> str:
    """The LIKE pattern that finds the text anywhere; what is wild in patterns is literal in it."""
    return f"%{escaped(text)}%"


def prefix_pattern(text: str) -> str:
    """The LIKE pattern that finds the text at the beginning."""
    return f"{escaped(text)}%"


def search_pattern(text: str) -> str:
    """The pattern that finds the text anywhere, in any case. SearchTooShortError."""
    if len(text) < SHORTEST_SEARCH:
        raise SearchTooShortError
    return contains(searchable(text))


class Moment(NamedTuple):
    """A time that stands for the last position at it, or, if it is exclusive, before it."""

    at: datetime
    exclusive: bool


class Pointer(NamedTuple):
    """A reference that is asked for, of any of some kinds."""

    kinds: tuple[str, ...]
    id: str


class Pointers(NamedTuple):
    """References that are all asked for, and the statements that find what has them.

    A reference that few have leads: what has it is found first, and the rest is looked at one by one. Those that many
    have are joined, up to a few, since planning many joins takes longer than counting the others for each candidate.
    How many have each is asked before: of an id that is frequent as another kind, statistics do not know.
    """

    statements: Mapping[str, LiteralString]
    pointers: tuple[Pointer, ...]


@dataclass
class Select:
    """A filtered list in the making: named fragments of SQL, and their parameters.

    `moments` are parameters still to come, and `pointers` conditions: what they depend on is asked before the list is.
    """

    statement: LiteralString
    order: LiteralString
    conditions: list[Composable] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)
    moments: dict[str, Moment] = field(default_factory=dict)
    pointers: Pointers | None = None

    def where(self, condition: LiteralString, **parameters: object) -> None:
        """List only what meets the condition."""
        self.conditions.append(composed.fragment(condition))
        self.parameters |= parameters

    def where_given(self, condition: LiteralString, name: str, value: object) -> None:
        """List only what meets the condition, if its one parameter is given."""
        if value is not None:
            self.where(condition, **{name: value})

    def where_moment(self, condition: LiteralString, name: str, at: datetime | None, *, exclusive: bool) -> None:
        """List only what meets the condition, if a time is given; its parameter is the position of that time."""
        if at is not None:
            self.where(condition)
            self.moments[name] = Moment(at, exclusive)

    def where_each(self, condition: LiteralString, each: Iterable[dict[str, object]]) -> None:
        """List only what meets the condition with each of the sets of parameters, written `{name}` in it."""
        for parameters in each:
            number = len(self.conditions)  # of no other condition, whichever statement it comes from
            self.conditions.append(composed.numbered(condition, number, list(parameters)))
            self.parameters |= {f"{name}_{number}": value for name, value in parameters.items()}

    def where_references(self, statements: Mapping[str, LiteralString], pointers: Sequence[Pointer]) -> None:
        """List only what has all the references, by statements of the read model that are named like this method's."""
        if pointers:
            self.pointers = Pointers(statements, tuple(pointers))

    def settle(self, connection: Connection) -> None:
        """Ask what must be known before the list is asked for: which of the references are the rarest."""
        if self.pointers is None:
            return
        (statements, pointers), self.pointers = self.pointers, None
        asked = {"kinds": [",".join(p.kinds) for p in pointers], "ids": [p.id for p in pointers], "many": MANY}
        rows = connection.execute(statements["rarest_first"], asked).fetchall()
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
        """One kind is compared as it is: of several, PostgreSQL does not know that they are in order."""
        for pointer in joined:
            one = len(pointer.kinds) == 1
            kinds = {"kind": pointer.kinds[0]} if one else {"kinds": list(pointer.kinds)}
            self.where_each(statements["has" if one else "has_of_kinds"], [{**kinds, "id": pointer.id}])

    def count(self, connection: Connection, statement: LiteralString) -> int:
        """How many rows there are, by a statement that counts them."""
        query = composed.conditioned(statement, self.conditions)
        (row,) = connection.execute(query, self.parameters, prepare=False).fetchall()
        return int(row[0])

    def rows(self, connection: Connection, limit: int) -> list[tuple[Any, ...]]:
        """At most `limit` rows.

        With parameters it is never prepared: after a few executions PostgreSQL would keep one plan for all values, the
        rare and the common.
        """
        cursor, prepare = connection.cursor(binary=True), False if self.parameters else None
        return cursor.execute(self.query(), {**self.parameters, "limit": limit}, prepare=prepare).fetchall()

    def query(self) -> Composed:
        """The statement, with the parameters of the conditions and `limit`."""
        return composed.filtered(self.statement, self.conditions, self.order)


def pointers(references: Iterable[Reference]) -> list[Pointer]:
    """The references as they are asked for."""
    return [Pointer((reference.kind,), reference.id) for reference in references]


def page(
    select: Select, connection: Connection, keyset: Keyset, limit: int, position_column: int
) -> Page[tuple[Any, ...]]:
    """A page of rows, with the cursor of the next one if there is one."""
    rows = select.rows(connection, limit + 1)
    more = len(rows) > limit
    return Page(rows[:limit], keyset.encode(rows[limit - 1][position_column]) if more else None)


def reached(database: Database, tenant_id: UUID, projections: Sequence[Projection[Any]]) -> int:
    """The position up to which all the projections have folded the tenant's log."""
    with database.reading(tenant_id) as connection:
        positions = [
            connection.execute(_SQL["reached"], {"projection": p.name, "version": p.version}).fetchone()
            for p in projections
        ]
    return min(row[0] if row else 0 for row in positions)
