"""The rows of one batch: loaded as they are needed, folded in memory, and written set-wise."""

from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager
from typing import Any

import psycopg

from infra.connections import Connection
from projections import sql_composition
from projections.projection import Key, Table

_REFUSALS = (psycopg.DataError, psycopg.IntegrityError, psycopg.errors.ProgramLimitExceeded, TypeError, ValueError)
"""The errors of a row that can never be written, however often it is tried."""


class RowsRefusedError(Exception):
    """Some row of a batch can never be written; the cause says why."""


@contextmanager
def refusals() -> Iterator[None]:
    """RowsRefusedError where the database or a row's own values say that it can never be written."""
    try:
        yield
    except _REFUSALS as error:
        raise RowsRefusedError(str(error)) from error


class RowBuffer(dict[Key, Any]):
    """The rows of a table by key, as they will be after the batch."""

    def __init__(self, connection: Connection, table: Table[Any]) -> None:
        super().__init__()
        self._connection = connection
        self._table = table
        self._before: dict[Key, Any] = {}
        self._loaded: set[Key] = set()

    def load(self, keys: Set[Key]) -> None:
        """Load those rows of the keys that are in the table and not loaded yet."""
        missing = {key for key in keys - self._loaded if key not in self}
        if not missing:
            return
        table, cursor = self._table, self._connection.cursor(binary=True)
        rows = cursor.execute(sql_composition.load(table), _columns(missing)).fetchall()
        loaded = {table.key_of(row): row for row in (table.row(*values) for values in rows)}
        self._loaded.update(missing)
        self._before |= loaded
        self |= loaded

    def changes(self) -> Iterator[tuple[Any, Any]]:
        """Each row that is new or changed, as it was, None where there was none, and as it will be."""
        for key, row in self.items():
            before = self._before.get(key)
            if before is not row:
                yield before, row

    def write(self) -> None:
        """Replace the rows that changed: the old ones are deleted, the new ones copied in.

        RowsRefusedError if a row can never be written.
        """
        new = [row for key, row in self.items() if self._before.get(key) is not row]
        old = [key for key, row in self._before.items() if self.get(key) is not row]
        with refusals():
            if old:
                self._connection.execute(sql_composition.delete(self._table), _columns(old))
            if new:
                self._copy(new)

    def _copy(self, rows: list[Any]) -> None:
        with self._connection.cursor().copy(sql_composition.copy_in(self._table)) as copy:
            for block in self._table.lines.blocks(rows):
                copy.write(block)


def _columns(keys: Iterable[Key]) -> list[list[Any]]:
    return [list(column) for column in zip(*keys, strict=True)]
