"""Compares two builds of a read model at one position of a tenant's log, by bucket and then row by row."""

import time
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from psycopg.sql import Composed

from domain.errors import LedgerError, ServiceUnavailableError
from infra.connections import Connection
from infra.database import Database
from infra.sql import load_statements
from projections import sql_composition
from projections.engine.builds import checkpoints
from projections.engine.engine import FOLLOW_BATCH, Engine
from projections.projection import Projection, Table

_SQL = load_statements(__file__, "builds.sql")

ROWS: Final = "rows"
"""Stands among expected columns for rows that one of the builds lacks."""
MOST_EXAMPLES = 10
"""So many differing rows of a tenant are shown."""
ATTEMPTS = 200
PAUSE = 0.01
"""Seconds until the builds are looked at again, if they were at two positions because both are followed."""


class BuildBehindError(LedgerError):
    """The build is not whole, or has stopped before an event."""


class RowDifference(NamedTuple):
    """A row that differs: its key, and each column that does, in the build that serves and in the other one.

    Without columns, the row is in one of the builds only.
    """

    key: Mapping[str, Any]
    columns: Mapping[str, tuple[Any, Any]]
    missing_in: str | None
    """The build that lacks the row."""

    def __str__(self) -> str:
        key = ", ".join(f"{name}={value}" for name, value in self.key.items())
        if self.missing_in is not None:
            return f"{key}: missing in {self.missing_in}"
        return f"{key}: " + ", ".join(f"{name} {_short(a)} -> {_short(b)}" for name, (a, b) in self.columns.items())


class BuildComparison(NamedTuple):
    """The rows of one tenant in two builds, both folded up to one position."""

    tenant_id: UUID
    position: int
    rows: int
    """The number of rows in the build that serves."""
    differing: int
    examples: tuple[RowDifference, ...]
    """Some of the rows that differ."""


def unmatched_columns(old: Projection[Any], new: Projection[Any]) -> dict[str, list[str]]:
    """By table, the columns that the other version's table lacks, so that they are not compared."""
    columns = {build.table.name: build.table.columns for build in (old, new)}
    lacking = {old.table.name: set(new.table.columns), new.table.name: set(old.table.columns)}
    unmatched = {table: [name for name in names if name not in lacking[table]] for table, names in columns.items()}
    return {table: names for table, names in unmatched.items() if names}


def compare(
    engine: Engine,
    projector: Database,
    old: Projection[Any],
    new: Projection[Any],
    tenant_id: UUID,
    expected: Collection[str] = (),
) -> BuildComparison:
    """Compare the rows in all columns that both have, but those expected to differ, and the sets of their facets.

    Sets are left out if what they follow from may differ. Both builds are brought to one position first, while others
    may go on folding. BuildBehindError if one cannot be; ServiceUnavailableError if they were never seen at one
    position.
    """
    for _ in range(ATTEMPTS):
        with projector.reading() as connection:
            connection.execute(_SQL["one_snapshot"])
            positions = _positions(connection, old, new, tenant_id)
            if positions[old.table.name] == positions[new.table.name]:
                return _compared(connection, old, new, tenant_id, positions[old.table.name], frozenset(expected))
        if not _bring_up(engine, old, new, tenant_id, positions):
            time.sleep(PAUSE)
    raise ServiceUnavailableError(
        f"{old.table.name} and {new.table.name} were never at one position of the log of tenant {tenant_id}. Try again."
    )


def _positions(connection: Connection, old: Projection[Any], new: Projection[Any], tenant_id: UUID) -> dict[str, int]:
    """The checkpoints of both builds in the snapshot. BuildBehindError if the new one has stopped."""
    reached = checkpoints(connection, (old, new), tenant_id)
    position, failure = reached.get(new.table.name, (0, None))
    before, _ = reached.get(old.table.name, (0, None))
    if failure is not None and position < before:
        raise BuildBehindError(f"{new.name} stopped at position {position + 1} of tenant {tenant_id}: {failure}")
    return {old.table.name: before, new.table.name: position}


def _bring_up(
    engine: Engine, old: Projection[Any], new: Projection[Any], tenant_id: UUID, positions: dict[str, int]
) -> int:
    """Fold the events that one build has and the other lacks; returns how many were folded."""
    behind, ahead = sorted((old, new), key=lambda build: positions[build.table.name])
    if not behind.folds:
        return 0  # a version whose fold is another release's
    gap = positions[ahead.table.name] - positions[behind.table.name]
    return engine.step(behind, min(gap, FOLLOW_BATCH), only=tenant_id)


def _compared(
    connection: Connection,
    old: Projection[Any],
    new: Projection[Any],
    tenant_id: UUID,
    position: int,
    expected: frozenset[str],
) -> BuildComparison:
    """Compare the rows, and where they are the same, the sets that follow from them."""
    pairs = list(zip(old.tables, new.tables, strict=False))  # another version may have no sets
    follow = () if old.facets is None else (ROWS, *old.facets.row._fields)
    if old.version != new.version or not expected.isdisjoint(follow):
        pairs = pairs[:1]
    rows: list[int] = []
    for pair in pairs:
        comparing = _Comparing(connection, (old.name, new.name), *pair, expected)
        count, differing, examples = comparing.rows_of(tenant_id)
        rows.append(count)
        if differing:
            return BuildComparison(tenant_id, position, rows[0], differing, examples)
    return BuildComparison(tenant_id, position, rows[0], 0, ())


class _Comparing(NamedTuple):
    """Two tables, of two builds."""

    connection: Connection
    builds: tuple[str, str]
    old: Table[Any]
    new: Table[Any]
    expected: frozenset[str]

    def rows_of(self, tenant_id: UUID) -> tuple[int, int, tuple[RowDifference, ...]]:
        """The number of the tenant's rows in the old table, of those that differ, and some of these."""
        columns = [name for name in self.old.columns if name in self.new.columns and name not in self.expected]
        tenant = {"tenant_id": tenant_id}
        sums_old, sums_new = (
            {bucket: sums for bucket, *sums in self._rows(sql_composition.bucket_sums(table, columns), tenant)}
            for table in (self.old, self.new)
        )
        rows = sum(count for count, *_ in sums_old.values())
        buckets = [b for b in sums_old.keys() | sums_new.keys() if sums_old.get(b) != sums_new.get(b)]
        if not buckets:
            return rows, 0, ()
        parameters = tenant | {"buckets": buckets, "limit": MOST_EXAMPLES, "in_both": ROWS in self.expected}
        differing = self._rows(sql_composition.differing_rows(self.old, self.new, columns), parameters)
        return (
            rows,
            differing[0][2] if differing else 0,
            tuple(self._difference(columns, a, b) for a, b, _ in differing),
        )

    def _difference(
        self, columns: list[str], before: dict[str, Any] | None, after: dict[str, Any] | None
    ) -> RowDifference:
        row = before or after or {}
        key = {name: row[name] for name in self.old.key if name != "tenant_id"}
        if before is None or after is None:
            return RowDifference(key, {}, self.builds[before is not None])
        differing = {name: (before[name], after[name]) for name in columns if before[name] != after[name]}
        return RowDifference(key, differing, None)

    def _rows(self, statement: Composed, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        return self.connection.execute(statement, parameters).fetchall()


def _short(value: Any) -> str:  # noqa: ANN401 - a value of any column
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
