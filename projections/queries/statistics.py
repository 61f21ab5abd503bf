"""Reads `statistics`: sums of assets, content, jobs, durations and costs, in groups."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from psycopg.sql import Composable

from domain.text import storable
from infra.connections import Connection
from infra.database import Database
from infra.sql import load_statements
from projections.catalogue import with_tables
from projections.list_transaction import list_transaction
from projections.paging import CursorError, Keyset, Page
from projections.queries.filters import Dimension, StatisticsFilter
from projections.select import Select
from projections.sql_composition import composed, fragment, joined, named
from projections.statistics.durations import percentile
from projections.statistics.fold import STATISTICS
from projections.statistics.rows import COUNTS, JOB_KINDS, KINDS, Grain

_SQL = with_tables(load_statements(__file__, "statistics.sql"))
_ALIASED: Final = ("workflow", "node", "client", "campaign")
GroupValues = tuple[str | None, ...]


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
    database: Database, tenant_id: UUID, selected: StatisticsFilter, limit: int, cursor: str | None = None
) -> Page[Group]:
    """A page of groups in the order of their values; if nothing is grouped by, one of everything. CursorError."""
    dimensions = selected.dimensions()
    keyset = Keyset(tenant_id, selected.criteria(StatisticsFilter))
    query = _Query(statistics_select(selected), dimensions)
    if cursor is not None:
        query.bound("after", _values_of(keyset.decode_text(cursor), len(dimensions)))
    with list_transaction(database, tenant_id, query.select, (STATISTICS,)) as (connection, rebuilding):
        rows = query.rows(connection, "groups", limit + 1)
        groups, more = _groups(dimensions, rows[:limit]), len(rows) > limit
        if groups:
            query.bound("until", [*groups][-1])
            _add_jobs(connection, query, groups)
    if not groups and not dimensions:
        return Page([Group({}, dict.fromkeys(COUNTS, 0))], None, rebuilding)
    after = keyset.encode_text(json.dumps([*groups][-1], ensure_ascii=False)) if more else None
    return Page([*groups.values()], after, rebuilding)


def statistics_select(selected: StatisticsFilter) -> Select:
    """The filters as they are asked of the database."""
    select = Select(_SQL["groups"], "")
    select.where(_SQL["grain"], grain=grain_of(selected))
    for name in ("first_day", "last_day", "media_kind", "creator"):
        select.where_present(_SQL[name], name, getattr(selected, name))
    for kind in KINDS:
        if kind != "job":
            ids = getattr(selected, f"{kind}_id" if kind in _ALIASED else kind)
            select.where_present(_SQL[kind], kind, ids or None)
    select.where_each(_SQL["job"], ({"name": name} for name in dict.fromkeys(selected.job_id)))
    return select


def grain_of(selected: StatisticsFilter) -> Grain:
    """The fewest rows that are apart by all that is asked for."""
    asked = {*selected.group_by, *(name.removesuffix("_id") for name in selected.criteria(StatisticsFilter))}
    if asked & {*JOB_KINDS}:
        return "job"
    return "summary" if asked & {*KINDS, "creator"} else "total"


class _Query:
    """The statements about groups, with their filters and the groups they are bounded by."""

    def __init__(self, select: Select, dimensions: Sequence[Dimension]) -> None:
        self.select = select
        self._group = composed(_SQL["group"], values=joined(", ", [_value(d) for d in dimensions]))
        self._each = joined(" ", [_each_value(d) for d in dimensions if d in KINDS])
        self._columns = joined(", ", [named(_SQL["value"], column=column) for column in ("grain", *dimensions)])
        self._bounds: list[Composable] = [fragment(_SQL["unbounded"])]

    def bound(self, side: str, values: Sequence[str | None]) -> None:
        """Only the groups after one, or up to one."""
        self._bounds.append(composed(_SQL[f"{side}_group"], group=self._group))
        self.select.parameters[side] = list(values)

    def rows(self, connection: Connection, name: str, limit: int | None = None) -> list[tuple[Any, ...]]:
        """What a statement answers; it is planned for its values."""
        statement = composed(
            _SQL[name],
            group=self._group,
            each=self._each,
            columns=self._columns,
            conditions=joined(" AND ", self.select.conditions),
            bounds=joined(" AND ", self._bounds),
        )
        parameters = {**self.select.parameters, "limit": limit}
        return (
            connection.cursor(binary=True).execute(self.select.served(statement), parameters, prepare=False).fetchall()
        )


def _value(dimension: Dimension) -> Composable:
    if dimension == "day":
        return fragment(_SQL["value_of_day"])
    if dimension in KINDS:
        return named(_SQL["one_value"], each=f"each_{dimension}")
    return named(_SQL["value"], column=dimension)


def _each_value(dimension: Dimension) -> Composable:
    return named(_SQL["each_value"], column=dimension, each=f"each_{dimension}")


def _groups(dimensions: Sequence[Dimension], rows: Sequence[tuple[Any, ...]]) -> dict[GroupValues, Group]:
    return {
        tuple(values): Group(
            dict(zip(dimensions, values, strict=True)),
            dict(zip(COUNTS, counts, strict=True)),
        )
        for values, *counts in rows
    }


def _add_jobs(connection: Connection, query: _Query, groups: dict[GroupValues, Group]) -> None:
    """Add the durations and costs of jobs, if any have ended. What came meanwhile to no group is left out."""
    if not any(group.counts[name] for group in groups.values() for name in ("succeeded", "failed", "cancelled")):
        return
    for values, bucket, count in query.rows(connection, "durations"):
        if group := groups.get(tuple(values)):
            group.durations[bucket] = count
    for values, currency, amount in query.rows(connection, "costs"):
        if group := groups.get(tuple(values)):
            group.costs[currency] = amount


def _values_of(place: str, count: int) -> list[str | None]:
    """The values of the group that a cursor names. CursorError if there are none."""
    try:
        values = json.loads(place)
        if isinstance(values, list) and len(values) == count:
            return [None if value is None else storable(str(value)) for value in values]
    except (ValueError, RecursionError):
        pass
    raise CursorError
