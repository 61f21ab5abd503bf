"""Folds the log into `statistics`: an event changes a fact, and the sums are changed by as much."""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

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
from projections.statistics.durations import bucket_of
from projections.statistics.rows import KINDS, StatisticsRow, of_each_grain, summed, written

Values = dict[str, Any]
AssetMeasure = AssetContentStored | AssetContentPurged | AssetSoftDeleted | AssetRestored
JobMeasure = JobStarted | JobSucceeded | JobFailed | JobCancelled | JobRequeued
_MEASURED: Final = classes(AssetMeasure, JobMeasure)
_FOLDED: Final = _MEASURED | classes(AssetCreated | AssetLinked | AssetUnlinked, JobRequested)


class Change(NamedTuple):
    """A fact after an event, what it no longer adds to the sums, and what it adds now."""

    fact: StatisticsRow
    removed: StatisticsRow | None
    added: StatisticsRow


def keys(event: Event) -> Iterable[Key]:
    """The fact that an event changes; the sums it is part of follow from it. A new one has no row yet."""
    if type(event) in _MEASURED or (isinstance(event, AssetLinked | AssetUnlinked) and _values(event.references)):
        yield _fact_key(event)


def related(rows: Mapping[Key, StatisticsRow], history: Iterable[Recorded]) -> Iterator[Key]:
    """The sums that the events change."""
    facts: dict[Key, StatisticsRow] = {}
    known = ChainMap(facts, cast("dict[Key, StatisticsRow]", rows))
    for recorded in history:
        if change := _change(known, recorded):
            facts[_key(change.fact)] = change.fact
            for part in (change.removed, change.added):
                if part:
                    yield from map(_key, of_each_grain(part))


def fold(rows: Mapping[Key, StatisticsRow], recorded: Recorded) -> Changes[StatisticsRow]:
    """The fact and the sums after the event; sums of nothing are deleted."""
    change = _change(rows, recorded)
    if change is None:
        return {}
    changed: dict[Key, StatisticsRow | None] = {_key(change.fact): change.fact}
    for part, sign in ((change.removed, -1), (change.added, 1)):
        for row in of_each_grain(part) if part else ():
            key = _key(row)
            changed[key] = summed(changed[key] if key in changed else rows.get(key), row, sign)
    return changed


def _change(rows: Mapping[Key, StatisticsRow], recorded: Recorded) -> Change | None:
    event, at = recorded.event, recorded.effective_at
    match event:
        case AssetCreated():
            references = (*event.origin, *event.references, *([event.scope] if event.scope else []))
            fact = with_values(_new_fact(event, at, event.media.media_kind, references), {"assets": 1})
            return Change(fact, None, fact)
        case AssetLinked() | AssetUnlinked():
            values = _values(event.references)
            return _changed_asset(rows[_fact_key(event)], event, values) if values else None
        case AssetContentStored() | AssetContentPurged() | AssetSoftDeleted() | AssetRestored():
            return _changed_asset(rows[_fact_key(event)], event, {})
        case JobRequested():
            references = (*event.references, *([event.scope] if event.scope else []))
            fact = with_values(_new_fact(event, at, event.media_kind, references), {"job": [str(event.originator_id)]})
            return Change(fact, None, with_values(fact, {"requested": 1}))
        case JobStarted() | JobSucceeded() | JobFailed() | JobCancelled() | JobRequeued():
            fact = rows[_fact_key(event)]
            added = with_values(fact, {"day": _day(at), **_outcome(fact, event, at)})
            started = with_values(fact, {"started_at": at if isinstance(event, JobStarted) else None})
            return Change(started, None, added)
    return None


def _new_fact(event: Event, at: datetime, media_kind: str, references: Iterable[Reference]) -> StatisticsRow:
    envelope, values = event.envelope, _values(references)
    dimensions: Values = {kind: sorted(values.get(kind, ())) for kind in KINDS}
    return StatisticsRow(
        tenant_id=envelope.tenant_id,
        grain="fact",
        id=envelope.originator_id,
        day=_day(at),
        media_kind=media_kind,
        creator=str(envelope.actor),
        **dimensions,
    )


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
            changed = _stored({**(fact.sizes or {}), str(event.content_version): event.content.size or 0})
        case AssetContentPurged():
            purged = set(map(str, event.content_versions))
            sizes = fact.sizes or {}
            changed = _stored({version: size for version, size in sizes.items() if version not in purged})
    after = with_values(fact, changed)
    return None if after == fact else Change(after, fact, after)


def _stored(sizes: dict[str, int]) -> Values:
    return {"sizes": sizes or None, "contents": len(sizes), "bytes": sum(sizes.values())}


def _outcome(fact: StatisticsRow, event: JobMeasure, at: datetime) -> Values:
    """What the event counts as. What starts and ends at once was imported, so that its duration is not known."""
    match event:
        case JobStarted():
            return {"started": 1}
        case JobRequeued():
            return {"requeued": 1}
        case JobSucceeded() | JobFailed() | JobCancelled():
            took = at - fact.started_at if fact.started_at else None
            durations = {str(bucket_of(took)): 1} if took else None
            costs = {event.cost.currency: written(event.cost.amount)} if event.cost else None
            return {event.TOPIC.removeprefix("job."): 1, "durations": durations, "costs": costs}


def _values(references: Iterable[Reference]) -> dict[str, set[str]]:
    """The ids of the references that are dimensions, by kind."""
    values: dict[str, set[str]] = {}
    for reference in references:
        if reference.kind in KINDS:
            values.setdefault(reference.kind, set()).add(reference.id)
    return values


def _day(at: datetime) -> date:
    return at.astimezone(UTC).date()


def _key(row: StatisticsRow) -> Key:
    return row.tenant_id, row.grain, row.id


def _fact_key(event: Event) -> Key:
    return event.envelope.tenant_id, "fact", event.envelope.originator_id


STATISTICS = Projection(
    name="statistics",
    version=1,
    row=StatisticsRow,
    key={"tenant_id": "uuid", "grain": "text", "id": "uuid"},
    json=frozenset({"durations", "costs", "sizes"}),
    keys=keys,
    related=related,
    fold=fold,
    folder=Path(__file__).parent,
    folds=_FOLDED,
    leaves_out=(classes(AssetStateChange) - _FOLDED) | classes(AssetPurgeRequested) | OF_TENANTS,
    sliced_by="originator",
    sums=Sums(contain=lambda key: key[1] != "fact", add=partial(summed, sign=1)),
)
