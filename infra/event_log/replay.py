"""A replay: one originator from its nearest snapshot on, read in pages, so that no read holds a long history."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic
from uuid import UUID

from infra.event_log.fold import Fold, S
from infra.event_log.recorder import LogEntry, LogRecorder
from infra.event_log.snapshots import EVERY, Snapshot, opened
from infra.keys.store import Keys

PAGE = 100
"""Entries of one originator that are read at once."""


@dataclass
class Replay(Generic[S]):
    """Where an originator's fold stands, and the entries after that; iterate over them once."""

    state: S | None
    damaged: Snapshot | None
    """A snapshot that did not open."""
    entries: Iterator[LogEntry] = field(repr=False)
    kept: int
    """Bytes of the snapshot it began at; 0 without one."""
    count: int = 0
    size: int = 0

    def __iter__(self) -> Iterator[LogEntry]:
        for entry in self.entries:
            self.count += 1
            self.size += len(entry.state)
            yield entry

    @property
    def due(self) -> bool:
        """Whether a snapshot pays: no sooner than after as many bytes as it has, so that the log outgrows them all."""
        return self.count >= EVERY and self.size >= self.kept

    def keep(self, size: int) -> None:
        """Count anew from a snapshot of so many bytes."""
        self.kept, self.count, self.size = size, 0, 0


def replay(
    recorder: LogRecorder,
    keys: Keys,
    fold: Fold[S],
    originator_id: UUID,
    *,
    at_version: int | None = None,
    at_position: int | None = None,
    until_version: int | None = None,
) -> Replay[S]:
    """One originator from the newest snapshot that stands at no later revision and position than asked for."""
    snapshot, first = recorder.select_from_snapshot(
        originator_id, fold.name, PAGE, at_version=at_version, at_position=at_position, until_version=until_version
    )
    if snapshot is None:
        return Replay(None, None, _paged(recorder, originator_id, first, until_version), 0)
    # A log without the entry that a snapshot stands at is another log.
    stands = bool(first) and first[0].originator_version == snapshot.originator_version
    state = opened(keys, fold, snapshot, first[0].state) if stands else None
    if state is None:
        first = recorder.select_events(originator_id, lte=until_version, limit=PAGE)
        return Replay(None, snapshot, _paged(recorder, originator_id, first, until_version), 0)
    entries = _paged(recorder, originator_id, first, until_version)
    next(entries)
    return Replay(state, None, entries, len(snapshot.state))


def _paged(
    recorder: LogRecorder, originator_id: UUID, page: list[LogEntry], until_version: int | None
) -> Iterator[LogEntry]:
    while page:
        yield from page
        more, last = len(page) == PAGE, page[-1].originator_version
        page = recorder.select_events(originator_id, gt=last, lte=until_version, limit=PAGE) if more else []
