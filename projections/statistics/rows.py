"""The rows of `statistics`: the facts of each asset and job, what each event changed, and sums of what agrees."""

import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import orjson

from projections.statistics.amounts import Part, References, merged_costs
from projections.statistics.durations import Histogram, added

Grain = Literal["fact", "change", "sum", "daily_sum", "past_sum", "past_daily_sum"]
Dimensional = tuple[str, bool, str]
"""A dimension, whether a sum is of what has no value of it, and the value; empty if it has none."""

JOB_KINDS: Final = ("job", "run")
"""The kinds of references that have about as many values as there are jobs."""
KINDS: Final = ("workflow", "node", "provider", "model", "client", "campaign", *JOB_KINDS)
"""The kinds of references that are dimensions."""
COUNTS: Final = (
    "assets",
    "deleted",
    "contents",
    "bytes",
    "requested",
    "started",
    "succeeded",
    "failed",
    "cancelled",
    "requeued",
)
"""The measures that are whole numbers."""
TOTAL: Final = "total"
"""The dimension of the sums of everything."""
COMBINATION: Final = "combination"
"""The dimension of the sums of what agrees in the creator and in all references but jobs and runs."""
JOB_COMBINATION: Final = "job_combination"
"""The dimension of the sums of what agrees in the creator and in all references."""
COMBINATIONS: Final = (COMBINATION, JOB_COMBINATION)
DAILY_ONLY: Final = (*JOB_KINDS, JOB_COMBINATION)
"""The dimensions that have about as many values as there are jobs, and few days of each: their sums are by day."""
ALL_DAYS: Final = ""
"""Stands for the day in sums of all days."""
FOREVER: Final = 2**63 - 1
SPAN: Final = 8_192
"""So many positions apart, sums are as they were then. What came since is summed from the changes themselves."""


class StatisticsRow(NamedTuple):
    """The facts of one asset or job, what one event changed, or the sums of all that agree."""

    tenant_id: UUID
    grain: Grain
    dimension: str
    missing: bool
    value: str
    day: str
    media_kind: str
    position: int
    next_position: int
    changed_position: int
    creator: str | None
    workflow: list[str] | None
    node: list[str] | None
    provider: list[str] | None
    model: list[str] | None
    client: list[str] | None
    campaign: list[str] | None
    job: list[str] | None
    run: list[str] | None
    assets: int
    deleted: int
    contents: int
    bytes: int
    requested: int
    started: int
    succeeded: int
    failed: int
    cancelled: int
    requeued: int
    durations: Histogram | None
    costs: dict[str, str] | None
    fact: dict[str, Any] | None


_PLACES: Final = {name: place for place, name in enumerate(StatisticsRow._fields)}
_GRAIN, _POSITION, _NEXT, _CHANGED = (
    _PLACES[name] for name in ("grain", "position", "next_position", "changed_position")
)
_COUNTED: Final = slice(_PLACES[COUNTS[0]], _PLACES[COUNTS[-1]] + 1)
_REFERENCES: Final = slice(_PLACES[KINDS[0]], _PLACES[KINDS[-1]] + 1)
_DURATIONS, _COSTS = _PLACES["durations"], _PLACES["costs"]
_NO_REFERENCES: Final = (None,) * len(KINDS)
_PAST: Final[dict[str, Grain]] = {"sum": "past_sum", "daily_sum": "past_daily_sum"}
_new_row: Final[Callable[[type[StatisticsRow], Iterable[Any]], StatisticsRow]] = tuple.__new__
SumKey = tuple[UUID, Grain, str, bool, str, str, str, int]


def fact_key(tenant_id: UUID, id_: UUID) -> SumKey:
    """The key of the facts of an asset or a job."""
    return tenant_id, "fact", "", False, str(id_), "", "", 0


def fact_row(tenant_id: UUID, id_: UUID, part: Part, more: dict[str, Any]) -> StatisticsRow:
    """The facts of an asset or a job: what it counts as, and what is known of it besides."""
    fact = {"day": part.day, "media_kind": part.media_kind, **more}
    return StatisticsRow._make([*fact_key(tenant_id, id_), 0, 0, *_of_part(part), fact])


def part_of(fact: StatisticsRow) -> Part:
    """What the facts add to the sums."""
    known = fact.fact or {}
    references: Any = tuple(map(tuple, fact[_REFERENCES]))  # type: ignore[arg-type]
    counts: Any = fact[_COUNTED]
    return Part(known["day"], known["media_kind"], fact.creator or "", references, counts, None, None)


def change_rows(tenant_id: UUID, position: int, parts: Sequence[Part]) -> Iterator[StatisticsRow]:
    """What an event changed."""
    for number, part in enumerate(parts):
        key = tenant_id, "change", "", False, str(number), part.day, part.media_kind, position
        yield StatisticsRow._make([*key, FOREVER, position, *_of_part(part), None])


def part_of_change(change: StatisticsRow) -> Part:
    """What a change adds to the sums."""
    references: Any = tuple(map(tuple, change[_REFERENCES]))  # type: ignore[arg-type]
    counts: Any = change[_COUNTED]
    dimensions = change.day, change.media_kind, change.creator or "", references
    return Part(*dimensions, counts, change.durations, change.costs)


def merged_parts(part: Part, other: Part) -> Part:
    """What two parts of the same dimensions add."""
    counts = tuple(map(operator.add, part.counts, other.counts))
    durations = added(part.durations, other.durations) if other.durations else part.durations
    return part._replace(counts=counts, durations=durations, costs=merged_costs(part.costs, other.costs))


def _of_part(part: Part) -> list[Any]:
    return [part.creator, *map(list, part.references), *part.counts, part.durations, part.costs]


def key_of(row: StatisticsRow) -> SumKey:
    """The row's key."""
    return row[:8]


def dimensionals(part: Part) -> list[Dimensional]:
    """Every value by which sums have the part; of a kind of references that it has none of, that it has none."""
    sums = [(TOTAL, False, ""), ("creator", False, part.creator)]
    for kind, ids in zip(KINDS, part.references, strict=True):
        if ids:
            sums += [(kind, False, id_) for id_ in ids]
        else:
            sums.append((kind, True, ""))
    sums += [(each, False, digest_of(part.creator, combined(each, part.references))) for each in COMBINATIONS]
    return sums


def combined(dimension: str, references: References) -> References:
    """The references that a combination is of."""
    return references if dimension == JOB_COMBINATION else references[: -len(JOB_KINDS)]


@lru_cache(maxsize=4_096)
def digest_of(creator: str, references: References) -> str:
    """Stands for the value of a combination."""
    return sha256(orjson.dumps([creator, references])).hexdigest()[:32]


def sum_keys(tenant_id: UUID, part: Part, dimensional: Dimensional) -> list[SumKey]:
    """The sums of one value that have the part: by day, and of all days."""
    dimension, missing, value = dimensional
    daily: SumKey = (tenant_id, "daily_sum", dimension, missing, value, part.day, part.media_kind, 0)
    if dimension in DAILY_ONLY:
        return [daily]
    return [(tenant_id, "sum", dimension, missing, value, ALL_DAYS, part.media_kind, 0), daily]


def summed(key: SumKey, before: StatisticsRow | None, part: Part, position: int) -> StatisticsRow | None:
    """The sums with a part added; None if nothing is left. Durations and costs are only ever added."""
    if before is None:
        values = [*key, FOREVER, position, *_agreeing(key[2], part), *part.counts, part.durations, part.costs, None]
    else:
        values = list(before)
        values[_CHANGED] = position
        for place, count in _deltas(part.counts):
            values[place] += count
        if part.durations:
            values[_DURATIONS] = added(before.durations, part.durations)
        if part.costs:
            values[_COSTS] = merged_costs(before.costs, part.costs)
    return _new_row(StatisticsRow, values) if any(values[_COUNTED]) else None


def _agreeing(dimension: str, part: Part) -> list[Any]:
    """What a combination's parts agree in; nothing of other sums."""
    if dimension not in COMBINATIONS:
        return [None, *_NO_REFERENCES]
    references = combined(dimension, part.references)
    return [part.creator, *map(list, references), *_NO_REFERENCES[len(references) :]]


@lru_cache(maxsize=4_096)
def _deltas(counts: tuple[int, ...]) -> list[tuple[int, int]]:
    """The counts that change a sum, with their places in its row."""
    return [(place, count) for place, count in enumerate(counts, _COUNTED.start) if count]


def span_of(position: int) -> int:
    """The number of the SPAN positions, up to and with a multiple of it, that a position is among."""
    return (position - 1) // SPAN


def past(before: StatisticsRow | None, position: int) -> StatisticsRow | None:
    """The sums as they were before an event, if they were so at a multiple of SPAN; None if not."""
    if before is None or span_of(before.changed_position) == span_of(position):
        return None
    values = list(before)
    values[_GRAIN], values[_POSITION], values[_NEXT] = _PAST[before.grain], before.changed_position, position
    return StatisticsRow._make(values)
