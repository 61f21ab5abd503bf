"""Tells what happened: each event with what it changed, before and after, found by folding the log itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from domain.event import Actor, Authenticated, Recorded, to_parts
from domain.json_documents import same_json
from infra.event_log.fold import Fold
from infra.event_log.log import TenantLog
from projections.assets.fold import ASSETS
from projections.jobs.fold import JOBS
from projections.paging import Keyset, Page
from projections.projection import Key, apply
from projections.states import AssetState, JobState

R = TypeVar("R", AssetState, JobState)

_BOOKKEEPING = frozenset(
    "tenant_id asset_id revision position created_position live_status media_kind name_search "
    "created_at created_by updated_at updated_by deleted_at content_type sha256 "
    "job_id error_search started_at finished_at".split()
)


@dataclass(frozen=True)
class Change:
    """One field before and after an event."""

    field: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Entry:
    """One event as a person reads it."""

    position: int
    originator_id: UUID
    revision: int
    topic: str
    time: datetime
    recorded_at: datetime
    actor: Actor
    authenticated: Authenticated | None
    subject: str | None
    reason: str | None
    correlation_id: str
    causation_id: str | None
    changes: tuple[Change, ...]


def entries(history: Iterable[Recorded]) -> Iterator[Entry]:
    """The events with what they changed, in the order of positions. Must begin at each originator's first event."""
    rows: dict[Key, Any] = {}
    for recorded in history:
        after = {**ASSETS.fold(rows, recorded), **JOBS.fold(rows, recorded)}
        if after:
            changes = [change for key, row in after.items() for change in differences(rows.get(key), row)]
        else:  # what the event says stands for what it changes
            changes = [Change(name, None, value) for name, value in to_parts(recorded.event).clear["data"].items()]
        yield _entry(recorded, tuple(changes))
        apply(rows, after)


def entries_after(
    log: TenantLog,
    originator_id: UUID,
    fold: Fold[R, Any],
    *,
    at: int | None = None,
    after: int | None = None,
    until: int | None = None,
) -> Iterator[Entry]:
    """The events of one originator after a revision or a position, with what they changed, up to a revision.

    They are read from the nearest snapshot on. The library's AggregateNotFoundError if there is none, or it is of
    another kind.
    """
    state, events = log.since(originator_id, fold, at=at, after=after, until=until)
    for recorded in events:
        following = fold.step(state, recorded)
        if following is None:
            break
        if recorded.position > (after or 0) and recorded.event.originator_version > (at or 0):
            yield _entry(recorded, tuple(differences(state.row if state else None, following.row)))
        state = following
    if state is None:
        raise AggregateNotFoundError(originator_id)


def page_of_entries(
    log: TenantLog, originator_id: UUID, fold: Fold[R, Any], keyset: Keyset, limit: int, cursor: str | None
) -> Page[Entry]:
    """A page of one originator's events with what they changed, the oldest first.

    CursorError before the history is read: a foreign cursor tells nothing about what is there.
    """
    after = keyset.decode(cursor) if cursor is not None else 0
    page = list(islice(entries_after(log, originator_id, fold, after=after), limit + 1))
    more = len(page) > limit
    return Page(page[:limit], keyset.encode(page[limit - 1].position) if more else None)


def differences(before: Any, after: Any) -> Iterator[Change]:  # noqa: ANN401 - rows of either kind
    """The fields that differ between two rows of an asset or a job; before there is a row, all of them were null."""
    old = before._asdict() if before else {}
    for name, value in after._asdict().items():
        if name not in _BOOKKEEPING and not same_json(old.get(name), value) and not (before is None and value == []):
            yield Change(name, old.get(name), value)


def _entry(recorded: Recorded, changes: tuple[Change, ...]) -> Entry:
    event, position, time = recorded
    circumstances = dict(event.envelope)
    del circumstances["tenant_id"]
    revision = circumstances.pop("originator_version")
    return Entry(position=position, revision=revision, topic=event.TOPIC, time=time, changes=changes, **circumstances)
