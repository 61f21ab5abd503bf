"""Pages of lists: cursors, orders, the rows of one page, and all pages one after the other."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Generic, Literal, TypeVar
from uuid import UUID

from domain.errors import LedgerError
from infra.connections import Connection
from projections.list_transaction import refuse_rebuilding
from projections.select import Select

Item = TypeVar("Item")
FULL_PAGE: Final = 200
"""How many items are read at once by whoever reads all of them."""


class CursorError(LedgerError):
    """The cursor belongs to another list: other filters, or another tenant. Start again without it."""


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Some items of a list, and the cursor of the next page; `next` is None at the end.

    `rebuilding` names those of its read models that are being rebuilt, so that items may be missing.
    """

    items: list[Item]
    next: str | None
    rebuilding: tuple[str, ...] = ()


@dataclass(frozen=True)
class Keyset:
    """Cursors: positions to continue after, bound to one tenant's list with one set of filters."""

    tenant_id: UUID
    filters: dict[str, Any]

    def encode(self, position: int) -> str:
        """The cursor that continues after a position."""
        return base64.urlsafe_b64encode(f"{position}.{self._digest()}".encode()).decode().rstrip("=")

    def decode(self, cursor: str) -> int:
        """The position to continue after. CursorError for a cursor of another list, or text that is no cursor."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
            position, _, digest = text.partition(".")
            if digest == self._digest() and len(position) < 20:
                return int(position)
        except ValueError:
            pass
        raise CursorError

    def _digest(self) -> str:
        scope = json.dumps([str(self.tenant_id), self.filters], sort_keys=True, default=str)
        return hashlib.sha256(scope.encode()).hexdigest()[:16]


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
    def column(self) -> str:
        """The column of positions that it sorts by."""
        return "created_position" if self.sort == "created" else "position"


NEWEST_FIRST = Order()


def page(
    select: Select, connection: Connection, keyset: Keyset, limit: int, position_column: int
) -> Page[tuple[Any, ...]]:
    """A page of rows, with the cursor of the next page if there is one."""
    rows = select.rows(connection, limit + 1)
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
