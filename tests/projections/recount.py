"""Statistics counted anew, in another way than by their fold: from what all the other read models say in the end."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from domain.event import Recorded
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.contents.fold import CONTENTS
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS
from projections.projection import Key, apply
from projections.statistics.durations import bucket_of, counts_of
from projections.statistics.rows import (
    COMBINATION,
    COMBINATIONS,
    COUNTS,
    DAILY_ONLY,
    JOB_COMBINATION,
    JOB_KINDS,
    KINDS,
    TOTAL,
    StatisticsRow,
)
from tests.projections.tables import fold_all

Dimensions = tuple[Any, ...]


@dataclass
class Sums:
    """What is summed of equal dimensions."""

    counts: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    costs: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def measured(rows: Iterable[StatisticsRow]) -> dict[Dimensions, Sums]:
    """The sums of a read model's rows, by what they agree in."""
    sums = {}
    for row in rows:
        if row.grain in ("sum", "daily_sum"):
            value: Any = row.value
            if row.dimension in COMBINATIONS:
                value = row.creator, frozenset((kind, id_) for kind in KINDS for id_ in getattr(row, kind) or ())
            dimensions = row.dimension, row.missing, value, row.day, row.media_kind
            assert dimensions not in sums
            assert (row.day == "") == (row.grain == "sum")
            sums[dimensions] = sums_of([row])
    return sums


def sums_of(rows: Iterable[StatisticsRow]) -> Sums:
    """The measures of rows together."""
    sums = Sums()
    for row in rows:
        for name in COUNTS:
            sums.counts[name] += getattr(row, name)
        sums.durations.update(counts_of(row.durations or b""))
        for currency, amount in (row.costs or {}).items():
            sums.costs[currency] += Decimal(amount)
    sums.counts = Counter({name: count for name, count in sums.counts.items() if count})
    return sums


def recount(history: Sequence[Recorded]) -> dict[Dimensions, Sums]:
    """The sums of one tenant's log, by what they agree in."""
    sums: dict[Dimensions, Sums] = defaultdict(Sums)
    _count_assets(history, sums)
    _count_jobs(history, sums)
    return dict(sums)


def _count_assets(history: Sequence[Recorded], sums: dict[Dimensions, Sums]) -> None:
    references: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for reference in fold_all(ASSET_REFERENCES, history).values():
        if reference.removed_position is None:
            references[reference.asset_id].add((reference.kind, reference.id))
    contents = [content for content in fold_all(CONTENTS, history).values() if content.purged_at is None]
    for asset in fold_all(ASSETS, history).values():
        sizes = [content.size or 0 for content in contents if content.asset_id == asset.asset_id]
        own = references[asset.asset_id]
        for dimensions in _of_each_sum(asset.created_at, asset.media_kind, asset.created_by, own):
            counts = sums[dimensions].counts
            counts["deleted" if asset.status == "deleted" else "assets"] += 1
            if sizes:
                counts["contents"] += len(sizes)
            if sum(sizes):
                counts["bytes"] += sum(sizes)


def _count_jobs(history: Sequence[Recorded], sums: dict[Dimensions, Sums]) -> None:
    references: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for reference in fold_all(JOB_REFERENCES, history).values():
        if reference.kind != "job":
            references[reference.job_id].add((reference.kind, reference.id))
    rows: dict[Key, Any] = {}
    for recorded in history:
        event: Any = recorded.event
        before = rows.get((event.envelope.tenant_id, event.originator_id))
        changes = JOBS.fold(rows, recorded)
        apply(rows, changes)
        for row in filter(None, changes.values()):
            own = references[row.job_id] | {("job", str(row.job_id))}
            for dimensions in _of_each_sum(recorded.effective_at, row.media_kind, row.created_by, own):
                sums[dimensions].counts[event.TOPIC.removeprefix("job.")] += 1
                if row.status in ("succeeded", "failed", "cancelled"):
                    _count_end(sums[dimensions], before and before.started_at, recorded.effective_at, event.cost)


def _count_end(sums: Sums, started_at: datetime | None, at: datetime, cost: Any) -> None:
    if started_at and at - started_at > timedelta():
        sums.durations[bucket_of(at - started_at)] += 1
    if cost:
        sums.costs[cost.currency] += cost.amount


def _of_each_sum(at: datetime, media_kind: str, creator: str, references: set[tuple[str, str]]) -> Iterator[Dimensions]:
    day = at.astimezone(UTC).date().isoformat()
    without_jobs = frozenset((kind, id_) for kind, id_ in references if kind in KINDS and kind not in JOB_KINDS)
    values: list[tuple[str, bool, Any]] = [
        (TOTAL, False, ""),
        ("creator", False, creator),
        (COMBINATION, False, (creator, without_jobs)),
        (JOB_COMBINATION, False, (creator, frozenset(each for each in references if each[0] in KINDS))),
    ]
    values += [(kind, False, id_) for kind, id_ in references if kind in KINDS]
    values += [(kind, True, "") for kind in KINDS if kind not in dict(references)]
    for value in values:
        yield *value, day, media_kind
        if value[0] not in DAILY_ONLY:
            yield *value, "", media_kind
