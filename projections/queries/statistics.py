"""Reads `statistics`: sums of assets, content, jobs, durations and costs, in groups."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from psycopg.sql import Composed

from domain.text import storable
from infra.connections import Connection
from infra.database import Database
from projections.list_transaction import list_transaction, refuse_rebuilding
from projections.paging import CursorError, Keyset, Moment, Page
from projections.queries.filters import Dimension, StatisticsFilter
from projections.queries.statistics_select import GroupValues, StatisticsSelect, group_values, width_of
from projections.statistics.amounts import sums_by_currency
from projections.statistics.durations import counts_of, percentile
from projections.statistics.fold import STATISTICS
from projections.statistics.rows import COUNTS


@dataclass(frozen=True)
class Group:
    """What agrees in the dimensions grouped by: the values it has of them, and its measures."""

    values: dict[str, str | None]
    counts: dict[str, int]
    durations: dict[int, int] = field(default_factory=dict)
    """How many jobs are in each bucket, by its longest duration in microseconds."""
    costs: dict[str, Decimal] = field(default_factory=dict)

    def seconds(self, percent: int) -> float | None:
        """A percentile of the jobs' durations; None if no job has one."""
        return percentile(self.durations, percent)


def list_statistics(
    database: Database,
    tenant_id: UUID,
    selected: StatisticsFilter,
    limit: int,
    cursor: str | None = None,
    as_of: Moment | None = None,
) -> Page[Group]:
    """A page of groups in the order of their values; if nothing is grouped by, one of everything.

    As of a moment, as they were then: the read model must have reached its position. CursorError,
    ReadModelRebuildingError as of a moment where something may be missing, and what `list_transaction` raises.
    """
    dimensions = selected.dimensions()
    keyset = Keyset(tenant_id, selected.criteria(StatisticsFilter), (as_of,) if as_of else ())
    query = StatisticsSelect(selected, as_of and as_of.position)
    if cursor is not None:
        query.go_on_after(_values_of(keyset.decode_text(cursor), len(dimensions)))
    with list_transaction(database, tenant_id, query.select, (STATISTICS,)) as (connection, rebuilding):
        if as_of is not None:
            refuse_rebuilding(rebuilding)
        rows = _rows(connection, query, dimensions, limit + 1)
    if not rows and not dimensions:
        return Page([Group({}, dict.fromkeys(COUNTS, 0))], None, rebuilding)
    groups, more = [_group(dimensions, row) for row in rows[:limit]], len(rows) > limit
    after = keyset.encode_text(json.dumps([*groups[-1].values.values()], ensure_ascii=False)) if more else None
    return Page(groups, after, rebuilding)


def _rows(
    connection: Connection, query: StatisticsSelect, dimensions: Sequence[Dimension], count: int
) -> list[tuple[Any, ...]]:
    """So many groups at the most. What is nothing by then has a place among those it ends with: more may follow."""
    rows: list[tuple[Any, ...]] = []
    while True:
        end = query.last_group()
        ends = _executed(connection, query, end, count) if end is not None else []
        if ends:
            query.end_with(group_values(dimensions, ends[0]))
        rows += _executed(connection, query, query.statement(), count)
        if not ends or len(rows) >= count:
            return rows[:count]
        query.go_on_after(group_values(dimensions, ends[0]))


def _executed(
    connection: Connection, query: StatisticsSelect, statement: Composed, count: int
) -> list[tuple[Any, ...]]:
    """What a statement answers; it is planned for its values."""
    parameters = {**query.select.parameters, "limit": count}
    served = query.select.served(statement)
    return connection.cursor(binary=True).execute(served, parameters, prepare=False).fetchall()


def _group(dimensions: Sequence[Dimension], row: Sequence[Any]) -> Group:
    width = width_of(dimensions)
    *counts, durations, costs = row[width:]
    values = group_values(dimensions, row[:width])
    return Group(
        dict(zip(dimensions, values, strict=True)),
        dict(zip(COUNTS, counts, strict=True)),
        counts_of(durations or b""),
        sums_by_currency(orjson.loads(costs)) if costs else {},
    )


def _values_of(place: str, count: int) -> GroupValues:
    """The values of the group that a cursor names. CursorError if there are none."""
    try:
        values = json.loads(place)
        if isinstance(values, list) and len(values) == count:
            return tuple(None if value is None else storable(str(value)) for value in values)
    except (ValueError, RecursionError):
        pass
    raise CursorError
