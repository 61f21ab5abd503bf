"""Makes the sums of a log from what its changes add to them: the rows that a fold of its events would leave."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import orjson

from projections.statistics.amounts import Part, sums_by_currency, written
from projections.statistics.durations import merged
from projections.statistics.rows import (
    ALL_DAYS,
    COMBINATIONS,
    COUNTS,
    Grain,
    StatisticsRow,
    SumKey,
    combined,
    digest_of,
    past,
    summed,
)

_KEY: Final = 14
"""So many columns of `sums.sql` say which sum it is; the positions, counts, durations and costs follow."""


def rows_of_sums(tenant_id: UUID, parts: Iterable[Sequence[Any]]) -> Iterator[StatisticsRow]:
    """The sums, now and past, from the answer of `sums.sql`."""
    for columns, of_one_sum in groupby(parts, key=itemgetter(slice(_KEY))):
        yield from _rows(tenant_id, columns, of_one_sum)


def _rows(tenant_id: UUID, columns: Sequence[Any], parts: Iterable[Sequence[Any]]) -> Iterator[StatisticsRow]:
    """One sum as it was at each multiple of SPAN, and as it is."""
    dimension, missing, value, day, media_kind, creator, *lists = columns
    references = tuple(tuple(ids or ()) for ids in lists)
    if dimension in COMBINATIONS:
        value = digest_of(creator, combined(dimension, references))
    grain: Grain = "sum" if day == ALL_DAYS else "daily_sum"
    key: SumKey = (tenant_id, grain, dimension, missing, value, day, media_kind, 0)
    row: StatisticsRow | None = None
    for part in parts:
        first, last, *counts, durations, costs = part[_KEY:]
        if earlier := past(row, first):
            yield earlier
        added = Part(day, media_kind, creator, references, tuple(counts[: len(COUNTS)]), None, None)
        row = summed(key, row, added._replace(durations=durations and merged(durations), costs=_costs(costs)), last)
    if row is not None:
        yield row


def _costs(documents: str | None) -> dict[str, str] | None:
    if documents is None:
        return None
    return {currency: written(amount) for currency, amount in sorted(sums_by_currency(orjson.loads(documents)).items())}
