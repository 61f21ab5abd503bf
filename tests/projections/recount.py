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
from projections.statistics.durations import bucket_of
from projections.statistics.rows import COUNTS, JOB_KINDS, KINDS, StatisticsRow
from tests.projections.tables import fold_all

Dimensions = tuple[Any, ...]


@dataclass
class Sums:
    """What is summed of equal dimensions."""

    counts: Counter[str] = field(default_factory=Counter)
    durations: Counter[int] = field(default_factory=Counter)
    costs: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))


def measured(rows: Iterable[StatisticsRow]) -> dict[Dimensions, Sums]:
    """The sums of a read model's rows, by grain and dimensions."""
    sums = {}
    for row in rows:
        if row.grain != "fact":
            references = {(kind, id_) for kind in KINDS for id_ in getattr(row, kind)}
            dimensions = row.grain, row.day, row.media_kind, row.creator, frozenset(references)
            assert dimensions not in sums
            counts = Counter({name: getattr(row, name) for name in COUNTS if getattr(row, name)})
            durations = Counter({int(bucket): count for bucket, count in (row.durations or {}).items()})
            costs = {currency: Decimal(amount) for currency, amount in (row.costs or {}).items()}
            sums[dimensions] = Sums(counts, durations, costs)
    return sums


def recount(history: Sequence[Recorded]) -> dict[Dimensions, Sums]:
    """The sums of one tenant's log, by grain and dimensions."""
    sums: dict[Dimensions, Sums] = defaultdict(Sums)
    _count_assets(history, sums)
    _count_jobs(history, sums)
    return dict(sums)


def _count_assets(history: Sequence[Recorded], sums: dict[Dimensions, Sums]) -> None:
    references: dict[UUID, set[tuple[str, str]]] = defaultdict(set)
    for reference in fold_all(ASSET_REFERENCES, history).values():
        references[reference.asset_id].add((reference.kind, reference.id))
    contents = [content for content in fold_all(CONTENTS, history).values() if content.purged_at is None]
    for asset in fold_all(ASSETS, history).values():
        sizes = [content.size or 0 for content in contents if content.asset_id == asset.asset_id]
        for dimensions in _of_each_grain(
            asset.created_at, asset.media_kind, asset.created_by, references[asset.asset_id]
        ):
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
            for dimensions in _of_each_grain(recorded.effective_at, row.media_kind, row.created_by, own):
                sums[dimensions].counts[event.TOPIC.removeprefix("job.")] += 1
                if row.status in ("succeeded", "failed", "cancelled"):
                    _count_end(sums[dimensions], before and before.started_at, recorded.effective_at, event.cost)


def _count_end(sums: Sums, started_at: datetime | None, at: datetime, cost: Any) -> None:
    if started_at and at - started_at > timedelta():
        sums.durations[bucket_of(at - started_at)] += 1
    if cost:
        sums.costs[cost.currency] += cost.amount


def _of_each_grain(
    at: datetime, media_kind: str, creator: str, references: set[tuple[str, str]]
) -> Iterator[Dimensions]:
    own = {(kind, id_) for kind, id_ in references if kind in KINDS}
    without_jobs = {(kind, id_) for kind, id_ in own if kind not in JOB_KINDS}
    first = at.astimezone(UTC).date(), media_kind
    yield "job", *first, creator, frozenset(own)
    yield "summary", *first, creator, frozenset(without_jobs)
    yield "total", *first, "", frozenset()
