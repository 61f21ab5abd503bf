"""Pages of lists: cursors, orders, the rows of one page, and all pages one after the other."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar
from uuid import UUID

from domain.errors import LedgerError
from infra.connections import Connection
from projections.list_transaction import refuse_rebuilding
from projections.select import Select

Item = TypeVar("Item")
FULL_PAGE: Final = 200
"""How many items are read at once by whoever reads all of them."""


class CursorError(LedgerError):
    """The cursor belongs to another list: other filters, another moment, or another tenant. Start again without it."""


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items of a list, and the cursor of the next page; `next` is None at the end.

    `rebuilding` names those of its read models that are being rebuilt, so that items may be missing.
    """

    items: list[Item]
    next: str | None
    rebuilding: tuple[str, ...] = ()


class Moment(NamedTuple):
    """A moment that a list looks back to: as it was asked for (None: now), and the position that stands for it."""

    asked: int | datetime | None
    position: int


@dataclass(frozen=True)
class Keyset:
    """Cursors: positions to continue after, bound to one tenant's list with one set of filters, as of some moments."""

    tenant_id: UUID
    filters: dict[str, Any]
    moments: tuple[Moment, ...] = ()

    def encode(self, position: int) -> str:
        """The cursor that continues after a position."""
        return _encoded(".".join([str(position), *self._positions, self._digest()]))

    def decode(self, cursor: str) -> int:
        """The position to continue after. CursorError for a cursor of another list, or text that is no cursor."""
        position, *moments, digest = _parts(cursor)
        if moments != self._positions or digest != self._digest():
            raise CursorError
        return _number(position)

    @property
    def _positions(self) -> list[str]:
        return [str(moment.position) for moment in self.moments]

    def encode_text(self, place: str) -> str:
        """The cursor that continues after a place in a list that no position tells."""
        return _encoded(".".join([place, *self._positions, self._digest()]))

    def decode_text(self, cursor: str) -> str:
        """The place to continue after. CursorError as of `decode`."""
        place, *bound = _decoded(cursor).rsplit(".", len(self.moments) + 1)
        if bound != [*self._positions, self._digest()]:
            raise CursorError
        return place

    def _digest(self) -> str:
        scope = [str(self.tenant_id), self.filters, *(moment.asked for moment in self.moments)]
        return hashlib.sha256(json.dumps(scope, sort_keys=True, default=str).encode()).hexdigest()[:16]


def positions_of_moments(cursor: str, count: int) -> list[int]:
    """The positions that stand for the moments which the cursor's list looks back to. CursorError for another count."""
    parts = _decoded(cursor).rsplit(".", count + 1)
    if len(parts) != count + 2:
        raise CursorError
    return [_number(moment) for moment in parts[1:-1]]


def _parts(cursor: str) -> list[str]:
    """A position, those of the moments, and a digest."""
    parts = _decoded(cursor).split(".")
    if len(parts) < 2:
        raise CursorError
    return parts


def _encoded(text: str) -> str:
    """The text as a cursor, in the URL-safe Base64 alphabet without padding (RFC 4648, 5)."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    """The text of a cursor. CursorError for what is none."""
    try:
        return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        raise CursorError from None


def _number(text: str) -> int:
    """The position; CursorError for text that is none."""
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise CursorError
    return int(text)


@dataclass(frozen=True)
class Order:
    """The order of a list: by when its items were created or last changed, descending or ascending."""

    sort: Literal["created", "updated"] = "created"
    order: Literal["desc", "asc"] = "desc"

    @property
    def name(self) -> str:
        """The name of its SQL fragments."""
        return f"{self.sort}_{self.order}"

    @property
    def direction(self) -> Literal[-1, 1]:
        """What to multiply positions by, for the first to be the least."""
        return -1 if self.order == "desc" else 1

    @property
    def column(self) -> str:
        """The column of positions that it sorts by."""
        return "created_position" if self.sort == "created" else "position"


NEWEST_FIRST = Order()


def page(
    select: Select, connection: Connection, keyset: Keyset, limit: int, position_column: int
) -> Page[tuple[Any, ...]]:
    """A page of rows, with the cursor of the next page if there is one."""
    return page_of(select.rows(connection, limit + 1), keyset, limit, position_column)


def page_of(rows: list[tuple[Any, ...]], keyset: Keyset, limit: int, position_column: int) -> Page[tuple[Any, ...]]:
    """A page of rows, of which there is one more than it holds if there is another page."""
    more = len(rows) > limit
    return Page(rows[:limit], keyset.encode(rows[limit - 1][position_column]) if more else None)


def every_page(page_after: Callable[[str | None], Page[Item]]) -> Iterator[list[Item]]:
    """The items of all pages of a list, page by page as they are taken; an empty list has one page.

    The function reads the page after a cursor, in a transaction of its own. ReadModelRebuildingError where a page would
    not show everything.
    """
    cursor = None
    while True:
        listed = page_after(cursor)
        refuse_rebuilding(listed.rebuilding)
        yield listed.items
        cursor = listed.next
        if cursor is None:
            return
