"""Pages of lists: cursors, orders, and the rows of one page."""

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar
from uuid import UUID

from domain.errors import LedgerError
from infra.connections import Connection
from projections.select import Select

Item = TypeVar("Item")


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
        return self.encode_text(str(position))

    def decode(self, cursor: str) -> int:
        """The position to continue after. CursorError for a cursor of another list, or text that is no cursor."""
        position = self.decode_text(cursor)
        try:
            if len(position) < 20:
                return int(position)
        except ValueError:
            pass
        raise CursorError

    def encode_text(self, place: str) -> str:
        """The cursor that continues after a place in a list that no position tells."""
        return base64.urlsafe_b64encode(f"{place}.{self._digest()}".encode()).decode().rstrip("=")

    def decode_text(self, cursor: str) -> str:
        """The place to continue after. CursorError as of `decode`."""
        try:
            text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        except ValueError:
            raise CursorError from None
        place, _, digest = text.rpartition(".")
        if digest != self._digest():
            raise CursorError
        return place

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
