"""Sums of what events changed: a batch's changes are added to them, and those of a whole log are made from its changes.

Both leave the same rows, however the log is cut into batches.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple
from uuid import UUID

import orjson

from projections.projection import Changes, Key
from projections.statistics.amounts import Part, sums_by_currency, written
from projections.statistics.durations import merged
from projections.statistics.rows import (
    ALL_DAYS,
    COMBINATIONS,
    COUNTS,
    Dimensional,
    Grain,
    StatisticsRow,
    SumKey,
    combined,
    digest_of,
    dimensionals,
    key_of,
    merged_parts,
    part_of_change,
    past,
    span_of,
    sum_keys,
    summed,
)

_KEY: Final = 14
"""So many columns of `sums.sql` say which sum it is; the positions, counts, durations and costs follow."""


class Addition(NamedTuple):
    """What changes between two multiples of SPAN, all of the same dimensions, add to a sum."""

    first: int
    """The position of the first of them."""
    last: int
    part: Part


def additions(rows: Iterable[StatisticsRow]) -> dict[Key, list[Addition]]:
    """What the changes among the rows, in the order of their events, add to each sum."""
    groups: dict[tuple[UUID, int, tuple[Any, ...]], list[Addition]] = {}
    for changes in _by_event(row for row in rows if row.grain == "change"):
        parts = [part_of_change(change) for change in changes]
        tenant_id, position = changes[0].tenant_id, changes[0].position
        group = tenant_id, span_of(position), tuple([part.dimensions for part in parts])
        first, before = position, groups.get(group)
        if before:
            first = before[0].first
            parts = [merged_parts(each.part, part) for each, part in zip(before, parts, strict=True)]
        groups[group] = [Addition(first, position, part) for part in parts]
    by_sum: dict[Key, list[Addition]] = defaultdict(list)
    for (tenant_id, _, _), agreeing in groups.items():
        for addition, dimensional in _changed(agreeing):
            for key in sum_keys(tenant_id, addition.part, dimensional):
                by_sum[key].append(addition)
    return by_sum


def _changed(group: Sequence[Addition]) -> Iterator[tuple[Addition, Dimensional]]:
    """The values whose sums change: what is taken out and put in again changes nothing."""
    own = [dimensionals(addition.part) for addition in group]
    for number, addition in enumerate(group):
        others = own[1 - number] if len(group) == 2 else ()
        for dimensional in own[number]:
            if dimensional not in others:
                yield addition, dimensional


def _by_event(changes: Iterable[StatisticsRow]) -> Iterator[list[StatisticsRow]]:
    """The one or two changes of each event."""
    event: list[StatisticsRow] = []
    for change in changes:
        if event and (change.position, change.tenant_id) != (event[0].position, event[0].tenant_id):
            yield event
            event = []
        event.append(change)
    if event:
        yield event


def add(rows: Mapping[Key, StatisticsRow], added: Mapping[Key, Sequence[Addition]]) -> Changes[StatisticsRow]:
    """The sums with what is added; sums of nothing are deleted.

    Of sums that were as they are at a multiple of SPAN, a row is kept.
    """
    changed: dict[Key, StatisticsRow | None] = {}
    for key, of_sum in added.items():
        row = rows.get(key)
        for _, of_span in groupby(of_sum, key=lambda addition: span_of(addition.first)):
            together = list(of_span)
            if kept := past(row, min(addition.first for addition in together)):
                changed[key_of(kept)] = kept
            last = max(addition.last for addition in together)
            for addition in together:
                row = summed(key, row, addition.part, last)
        changed[key] = row
    return changed


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
