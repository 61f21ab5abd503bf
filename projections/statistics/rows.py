"""The rows of `statistics`: facts of each asset and job, and sums of all that agree in some dimensions."""

from datetime import date, datetime
from decimal import Context, Decimal
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import orjson

Grain = Literal["fact", "job", "summary", "total"]

JOB_KINDS: Final = ("job", "run")
"""The kinds of references by which only rows of the grain `job` are apart."""
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
_EXACT: Final = Context(prec=100)


class StatisticsRow(NamedTuple):
    """The facts of one asset or job, or the sums of all that have the same dimensions."""

    tenant_id: UUID
    grain: Grain
    id: UUID
    day: date
    media_kind: str
    creator: str
    workflow: list[str]
    node: list[str]
    provider: list[str]
    model: list[str]
    client: list[str]
    campaign: list[str]
    job: list[str]
    run: list[str]
    assets: int = 0
    deleted: int = 0
    contents: int = 0
    bytes: int = 0
    requested: int = 0
    started: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    requeued: int = 0
    durations: dict[str, int] | None = None
    costs: dict[str, str] | None = None
    sizes: dict[str, int] | None = None
    started_at: datetime | None = None


_PLACES: Final = {name: place for place, name in enumerate(StatisticsRow._fields)}
_DAY, _CREATOR, _RUN = _PLACES["day"], _PLACES["creator"], _PLACES["run"]
_OF_REFERENCES: Final = [_PLACES[kind] for kind in KINDS]
_OF_JOBS: Final = [_PLACES[kind] for kind in JOB_KINDS]
_OF_FACTS: Final = (_PLACES["sizes"], _PLACES["started_at"])
_COUNTED: Final = slice(_PLACES[COUNTS[0]], _PLACES[COUNTS[-1]] + 1)


def of_each_grain(part: StatisticsRow) -> list[StatisticsRow]:
    """What a fact adds to the sums: a row of each grain, without the dimensions by which that grain is not apart."""
    values: list[Any] = list(part)
    for place in _OF_FACTS:
        values[place] = None
    rows = [_identified(values, "job")]
    for place in _OF_JOBS:
        values[place] = []
    rows.append(_identified(values, "summary"))
    for place in _OF_REFERENCES:
        values[place] = []
    values[_CREATOR] = ""
    return [*rows, _identified(values, "total")]


def _identified(values: list[Any], grain: Grain) -> StatisticsRow:
    values[1:3] = grain, _id_of(orjson.dumps(values[_DAY : _RUN + 1]))
    return StatisticsRow._make(values)


@lru_cache(4_096)
def _id_of(dimensions: bytes) -> UUID:
    return UUID(bytes=sha256(dimensions).digest()[:16])


def summed(before: StatisticsRow | None, row: StatisticsRow, sign: int) -> StatisticsRow | None:
    """The sums with a row added or taken away; None if nothing is left. Durations and costs are only ever added."""
    values: list[Any] = list(row)
    counts = values[_COUNTED]
    if before is None and sign == 1:
        return row if any(counts) else None
    earlier = list(before)[_COUNTED] if before else [0] * len(counts)
    values[_COUNTED] = [already + sign * count for already, count in zip(earlier, counts, strict=True)]
    if before:
        values[_PLACES["durations"]] = _merged_durations(before.durations, row.durations)
        values[_PLACES["costs"]] = _merged_costs(before.costs, row.costs)
    return StatisticsRow._make(values) if any(values[_COUNTED]) else None


def _merged_durations(before: dict[str, int] | None, added: dict[str, int] | None) -> dict[str, int] | None:
    if not (before and added):
        return before or added
    buckets = sorted({**before, **added}, key=int)
    return {bucket: before.get(bucket, 0) + added.get(bucket, 0) for bucket in buckets}


def _merged_costs(before: dict[str, str] | None, added: dict[str, str] | None) -> dict[str, str] | None:
    if not (before and added):
        return before or added
    currencies = sorted({**before, **added})
    return {
        currency: written(exact_sum(*(Decimal(costs[currency]) for costs in (before, added) if currency in costs)))
        for currency in currencies
    }


def exact_sum(*amounts: Decimal) -> Decimal:
    """The sum of amounts, without rounding."""
    total = Decimal(0)
    for amount in amounts:
        total = _EXACT.add(total, amount)
    return total


def written(amount: Decimal) -> str:
    """The amount without an exponent and without trailing zeros."""
    return f"{_EXACT.normalize(amount):f}" if amount else "0"
