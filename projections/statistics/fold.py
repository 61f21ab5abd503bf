"""Folds the log into `statistics`: an event changes a fact, and sums are changed by as much."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from domain.asset.events import (
    AssetContentPurged,
    AssetContentStored,
    AssetCreated,
    AssetLinked,
    AssetPurgeRequested,
    AssetRestored,
    AssetSoftDeleted,
    AssetStateChange,
    AssetUnlinked,
)
from domain.event import Event, Recorded
from domain.job.events import JobCancelled, JobFailed, JobRequested, JobRequeued, JobStarted, JobSucceeded
from domain.reference import Reference
from projections.projection import OF_TENANTS, Changes, Key, Projection, Sums, classes, with_values
from projections.statistics import rows as statistics_rows
from projections.statistics.amounts import Part, differences, written
from projections.statistics.durations import histogram_of
from projections.statistics.rows import (
    COUNTS,
    KINDS,
    StatisticsRow,
    SumKey,
    change_rows,
    fact_key,
    fact_row,
    key_of,
    part_of,
)
from projections.statistics.sums import add, additions, rows_of_sums

Values = dict[str, Any]
AssetMeasure = AssetContentStored | AssetContentPurged | AssetSoftDeleted | AssetRestored
JobMeasure = JobStarted | JobSucceeded | JobFailed | JobCancelled | JobRequeued
_MEASURED: Final = classes(AssetMeasure, JobMeasure)
_FOLDED: Final = _MEASURED | classes(AssetCreated | AssetLinked | AssetUnlinked, JobRequested)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Change(NamedTuple):
    """A fact after an event, what it no longer adds to the sums, and what it adds now."""

    fact: StatisticsRow
    removed: Part | None
    added: Part


def keys(event: Event) -> Iterable[Key]:
    """The fact that an event changes. A new one has no row yet."""
    if type(event) in _MEASURED or (isinstance(event, AssetLinked | AssetUnlinked) and _values(event.references)):
        yield _fact_key(event)


def fold(rows: Mapping[Key, StatisticsRow], recorded: Recorded) -> Changes[StatisticsRow]:
    """The fact after the event, and what changed. Sums follow from the changes."""
    change = _change(rows, recorded)
    if change is None:
        return {}
    changed: dict[Key, StatisticsRow | None] = {key_of(change.fact): change.fact}
    for row in change_rows(change.fact.tenant_id, recorded.position, differences(change.removed, change.added)):
        changed[key_of(row)] = row
    return changed


def _change(rows: Mapping[Key, StatisticsRow], recorded: Recorded) -> Change | None:
    event, at = recorded.event, recorded.effective_at
    match event:
        case AssetCreated():
            references = (*event.origin, *event.references, *([event.scope] if event.scope else []))
            part = _new_part(event, at, event.media.media_kind, _values(references), "assets")
            return Change(_fact(event, part, {}), None, part)
        case AssetLinked() | AssetUnlinked():
            values = _values(event.references)
            return _changed_asset(rows[_fact_key(event)], event, values) if values else None
        case AssetContentStored() | AssetContentPurged() | AssetSoftDeleted() | AssetRestored():
            return _changed_asset(rows[_fact_key(event)], event, {})
        case JobRequested():
            values = _values((*event.references, *([event.scope] if event.scope else [])))
            values["job"] = {str(event.originator_id)}
            part = _new_part(event, at, event.media_kind, values, "requested")
            return Change(_fact(event, part._replace(counts=_counts()), {}), None, part)
        case JobStarted() | JobSucceeded() | JobFailed() | JobCancelled() | JobRequeued():
            fact = rows[_fact_key(event)]
            added = part_of(fact)._replace(day=_day(at), **_outcome(_started_at(fact), event, at))
            more = {"started_at": (at - _EPOCH) // _MICROSECOND} if isinstance(event, JobStarted) else {}
            return Change(_fact(event, part_of(fact), more), None, added)
    return None


def _new_part(event: Event, at: datetime, media_kind: str, values: Mapping[str, set[str]], count: str) -> Part:
    references = tuple(tuple(sorted(values.get(kind, ()))) for kind in KINDS)
    return Part(_day(at), media_kind, str(event.envelope.actor), references, _counts(count), None, None)


def _fact(event: Event, part: Part, more: Values) -> StatisticsRow:
    return fact_row(event.envelope.tenant_id, event.originator_id, part, more)


def _changed_asset(
    fact: StatisticsRow, event: AssetMeasure | AssetLinked | AssetUnlinked, values: Mapping[str, set[str]]
) -> Change | None:
    changed: Values
    match event:
        case AssetLinked():
            changed = {kind: sorted({*getattr(fact, kind), *ids}) for kind, ids in values.items()}
        case AssetUnlinked():
            changed = {kind: sorted({*getattr(fact, kind)} - ids) for kind, ids in values.items()}
        case AssetSoftDeleted():
            changed = {"assets": 0, "deleted": 1}
        case AssetRestored():
            changed = {"assets": 1, "deleted": 0}
        case AssetContentStored():
            changed = _stored(fact, {**_sizes(fact), str(event.content_version): event.content.size or 0})
        case AssetContentPurged():
            purged = set(map(str, event.content_versions))
            changed = _stored(fact, {version: size for version, size in _sizes(fact).items() if version not in purged})
    after = with_values(fact, changed)
    return None if after == fact else Change(after, part_of(fact), part_of(after))


def _sizes(fact: StatisticsRow) -> dict[str, int]:
    """The bytes of each content version of an asset that is not purged."""
    sizes: dict[str, int] = (fact.fact or {}).get("sizes", {})
    return sizes


def _stored(fact: StatisticsRow, sizes: dict[str, int]) -> Values:
    others = {name: value for name, value in (fact.fact or {}).items() if name != "sizes"}
    known = {**others, "sizes": sizes} if sizes else others
    return {"fact": known, "contents": len(sizes), "bytes": sum(sizes.values())}


def _started_at(fact: StatisticsRow) -> datetime | None:
    """When the attempt of a job that runs was started."""
    microseconds = (fact.fact or {}).get("started_at")
    return None if microseconds is None else _EPOCH + microseconds * _MICROSECOND


def _outcome(started_at: datetime | None, event: JobMeasure, at: datetime) -> Values:
    """What the event counts as. What starts and ends at once was imported, so that its duration is not known."""
    counts = _counts(event.TOPIC.removeprefix("job."))
    match event:
        case JobStarted() | JobRequeued():
            return {"counts": counts}
        case JobSucceeded() | JobFailed() | JobCancelled():
            took = at - started_at if started_at else None
            costs = {event.cost.currency: written(event.cost.amount)} if event.cost else None
            return {"counts": counts, "durations": histogram_of(took) if took else None, "costs": costs}


@cache
def _counts(name: str | None = None) -> tuple[int, ...]:
    """One of a name, and none of the others."""
    return tuple(int(name == known) for known in COUNTS)


def _values(references: Iterable[Reference]) -> dict[str, set[str]]:
    """The ids of the references that are dimensions, by kind."""
    values: dict[str, set[str]] = {}
    for reference in references:
        if reference.kind in KINDS:
            values.setdefault(reference.kind, set()).add(reference.id)
    return values


def _day(at: datetime) -> str:
    return at.astimezone(UTC).date().isoformat()


def _fact_key(event: Event) -> SumKey:
    return fact_key(event.envelope.tenant_id, event.originator_id)


STATISTICS = Projection(
    name="statistics",
    version=2,
    row=StatisticsRow,
    key={
        "tenant_id": "uuid",
        "grain": "text",
        "dimension": "text",
        "missing": "boolean",
        "value": "text",
        "day": "text",
        "media_kind": "text",
        "position": "bigint",
    },
    json=frozenset({"costs", "fact"}),
    keys=keys,
    fold=fold,
    sliced_by="originator",
    sums=Sums(additions, add, rows_of_sums, lambda: {"span": statistics_rows.SPAN}),
    final=lambda row: row.grain == "change",
    folder=Path(__file__).parent,
    folds=_FOLDED,
    leaves_out=(classes(AssetStateChange) - _FOLDED) | classes(AssetPurgeRequested) | OF_TENANTS,
)
