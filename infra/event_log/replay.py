"""A replay: one originator from its nearest snapshot on, read in pages, so that no read holds a long history."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Generic
from uuid import UUID

from infra.encryption_keys.store import Keys
from infra.event_log.fold import Fold, S
from infra.event_log.recorder import LogEntry, LogRecorder
from infra.event_log.snapshots import EVERY, ROOM, Snapshot, unseal

PAGE = 100
"""Entries of one originator that are read at once."""


@dataclass(slots=True)
class Replay(Generic[S]):
    """Where an originator's fold stands, and the entries after that; iterate over them once."""

    recorder: LogRecorder
    originator_id: UUID
    until_version: int | None
    page: list[LogEntry]
    state: S | None = None
    snapshot_size: int = 0
    """Bytes of the snapshot it began at; 0 without one."""
    damaged: Snapshot | None = None
    """A snapshot that did not open."""
    count: int = 0
    size: int = 0

    def __iter__(self) -> Iterator[LogEntry]:
        page, full = self.page, len(self.page) == PAGE
        if self.snapshot_size:
            page = page[1:]
        while page:
            for entry in page:
                self.count += 1
                self.size += len(entry.state)
                yield entry
            if not full:
                return
            last = page[-1].originator_version
            page = self.recorder.select_events(self.originator_id, gt=last, lte=self.until_version, limit=PAGE)
            full = len(page) == PAGE

    @property
    def due(self) -> bool:
        """Whether a snapshot pays: after so many events, and so many bytes that snapshots do not outgrow the log."""
        return self.count >= EVERY and self.size * ROOM >= self.snapshot_size

    def keep(self, size: int) -> None:
        """Count anew from a snapshot of so many bytes."""
        self.snapshot_size, self.count, self.size = size, 0, 0


def replay(
    recorder: LogRecorder,
    keys: Keys,
    fold: Fold[S, Any],
    originator_id: UUID,
    at_version: int | None = None,
    at_position: int | None = None,
    until_version: int | None = None,
) -> Replay[S]:
    """One originator from the newest snapshot that stands at no later revision and position than asked for."""
    snapshot, page = recorder.select_from_snapshot(
        originator_id, fold.name, PAGE, at_version, at_position, until_version
    )
    if snapshot is None:
        return Replay(recorder, originator_id, until_version, page)
    # A log without the entry that a snapshot stands at is another log.
    stands = bool(page) and page[0].originator_version == snapshot.originator_version
    state = unseal(keys, fold, snapshot, page[0].state) if stands else None
    if state is not None:
        return Replay(recorder, originator_id, until_version, page, state, len(snapshot.state))
    page = recorder.select_events(originator_id, lte=until_version, limit=PAGE)
    return Replay(recorder, originator_id, until_version, page, damaged=snapshot)
