"""The library's application recorder over the log of one tenant: a position is its notification id."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import ApplicationRecorder, Notification, StoredEvent

from domain.errors import BeyondHeadError, CorruptEntryError, LogBusyError, OutcomeUnknownError, ServiceUnavailableError
from infra.database import Database
from infra.event_log.append_call import Append, Place, ServerChangedError, send
from infra.event_log.group_commit import GroupWriter
from infra.event_log.polling_subscription import PollingSubscription
from infra.event_log.snapshots import Snapshot
from infra.sql import load_statements
from infra.tenant_table import TenantTable

_SQL = load_statements(__file__, "queries.sql")


@dataclass(frozen=True)
class LogEntry(Notification):
    """An entry of the log as it was stored, and whose log that is. `id` is its position."""

    effective_at: datetime
    tenant_id: UUID


class LogRecorder(TenantTable, ApplicationRecorder):
    """Appends to and reads from one tenant's log."""

    statements = _SQL

    def __init__(self, database: Database, writer: GroupWriter, tenant_id: UUID) -> None:
        super().__init__(database, tenant_id)
        self._writer = writer
        self._heads = writer.heads

    def append(self, events: Sequence[StoredEvent], policy_revision: int | None = None) -> Sequence[Place]:
        """Append all the events or none, as part of the transaction around if there is one; returns their places.

        `policy_revision` is that of the policy they were decided under, if one had a say: 0 stands for none set.
        Raises the library's IntegrityError if a revision is taken, and PolicyChangedError, which is one, if the
        policy has changed since; TenantNotFoundError, ClockAheadError, ServiceUnavailableError.
        """
        append = Append(self.tenant_id, events, policy_revision)
        return self._within(append) if self._database.is_in_transaction else self._writer.append(append)

    def _within(self, append: Append) -> Sequence[Place]:
        """Append in the transaction around, which may be holding the head already."""
        lineage = self._database.lineage
        with self._database.connection() as connection:
            server = lineage.seen(connection) if lineage else None
            self._heads.check(self.tenant_id)
            try:
                (outcome,) = send(connection, [append], self._writer.patience.each_lock, server=server)
            except psycopg.errors.LockNotAvailable:
                raise LogBusyError from None
            except ServerChangedError:
                raise ServiceUnavailableError("Another server of the database has taken over. Try again.") from None
        self._writer.committed()  # or about to be
        if isinstance(outcome, Exception):
            raise outcome
        if outcome:
            self._database.after_commit(
                partial(self._heads.note_entries, [(self.tenant_id, outcome[-1].position, append.entries[-1].state)])
            )
        if events := append.entries:
            self._database.proven_by(lambda: self._is_stored(events[0]))
        return outcome

    def _is_stored(self, entry: StoredEvent) -> bool:
        """Whether the log has the entry's bytes, once its head is free. OutcomeUnknownError if there is no log yet."""
        try:
            self.lock_head()
        except psycopg.Error as error:
            if error.sqlstate == "AL001":
                raise OutcomeUnknownError from None
            raise
        revision = entry.originator_version
        stored = self.select_events(entry.originator_id, gt=revision - 1, lte=revision)
        return [each.state for each in stored] == [entry.state]

    def insert_events(self, stored_events: Sequence[StoredEvent], **kwargs: Any) -> list[int] | None:  # noqa: ANN401, ARG002
        """Append all the events or none; returns their positions."""
        return [place.position for place in self.append(stored_events)] if stored_events else None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> list[LogEntry]:
        """The entries of one originator, by revision. CorruptEntryError if one of them is missing."""
        statement = _SQL["stream_backwards" if desc else "stream"]
        parameters = {"tenant_id": self.tenant_id, "originator_id": originator_id, "gt": gt, "lte": lte, "limit": limit}
        entries = self._entries(self._database.execute(statement, **parameters))
        if entries:
            stream = entries[::-1] if desc else entries
            self._must_follow(stream, stream[0].originator_version if desc else (gt or 0) + 1)
        return entries

    def select_from_snapshot(
        self,
        originator_id: UUID,
        fold: str,
        limit: int,
        at_version: int | None = None,
        at_position: int | None = None,
        until_version: int | None = None,
    ) -> tuple[Snapshot | None, list[LogEntry]]:
        """The newest snapshot that stands at no later revision and position than asked for, and the entries from there.

        The first of these is the one that the snapshot stands at; without a snapshot, that of the first revision.
        CorruptEntryError if one of them is missing.
        """
        parameters = {
            "tenant_id": self.tenant_id,
            "originator_id": originator_id,
            "fold": fold,
            "at_version": at_version,
            "at_position": at_position,
            "until_version": until_version,
            "limit": limit,
        }
        with self._database.connection() as connection:
            rows: Any = connection.execute(_SQL["stream_from_snapshot"], parameters, binary=True).fetchall()
        snapshot = None
        if rows and rows[0][1] is None:
            version, _, state, position, _, subject = rows.pop(0)
            snapshot = Snapshot(self.tenant_id, originator_id, version, position, subject, state)
        entries = self._entries((originator_id, *row[:5]) for row in rows)
        if entries:
            self._must_follow(entries, snapshot.originator_version if snapshot else 1)
        return snapshot, entries

    def keep_snapshot(self, fold: str, snapshot: Snapshot) -> None:
        """Keep a snapshot in place of the one before, and drop those of folds that are not used any more."""
        with self._database.transaction(self.tenant_id) as connection:
            row = {**snapshot._asdict(), "fold": fold}
            connection.execute(_SQL["keep_snapshot"], row)
            connection.execute(_SQL["drop_foreign_snapshots"], row)

    def drop_snapshot(self, fold: str, snapshot: Snapshot) -> None:
        """Forget a snapshot."""
        self._run("drop_snapshot", **snapshot._asdict(), fold=fold)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> list[LogEntry]:
        """The entries from a position on, in order. LogWentBackError; CorruptEntryError if one of them is missing."""
        first = (start or 0) + (not inclusive_of_start)
        if topics:
            entries = self._select("page_of_topics", start=first, stop=stop, topics=list(topics), limit=limit)
        else:
            last = max(first, 1) + limit - 1  # positions have no gaps
            entries = self._select("page", start=first, stop=last if stop is None else min(stop, last))
        self._heads.check(self.tenant_id)
        if not topics:
            for position, entry in enumerate(entries, max(first, 1)):
                if entry.id != position:
                    raise missing_position(self.tenant_id, position)
        if entries and not self._database.is_in_transaction:
            self._heads.note_entries([(self.tenant_id, entries[-1].id, entries[-1].state)])
        return entries

    def select_at(self, positions: Sequence[int]) -> list[LogEntry]:
        """The entries at some positions, in their order. LogWentBackError; CorruptEntryError if one is missing."""
        entries = self._select("at_positions", positions=list(positions)) if positions else []
        self._heads.check(self.tenant_id)
        if missing := set(positions) - {entry.id for entry in entries}:
            raise missing_position(self.tenant_id, min(missing))
        return entries

    def select_with_documents(self, after: int, until: int) -> list[LogEntry]:
        """The entries after one position and up to another that refer to documents in the store."""
        return self._select("with_documents", after=after, until=until)

    def select_streams(self, revisions: dict[UUID, int]) -> list[LogEntry]:
        """Entries of several originators, each up to a revision, by position. CorruptEntryError if one is missing."""
        if not revisions:
            return []
        entries = self._select("streams_until", originator_ids=list(revisions), revisions=list(revisions.values()))
        streams: dict[UUID | str, list[LogEntry]] = defaultdict(list)
        for entry in entries:
            streams[entry.originator_id].append(entry)
        for stream in streams.values():
            self._must_follow(stream, 1)
        return entries

    def select_begun_by(self, topic: str, originator_ids: Iterable[UUID]) -> set[UUID]:
        """Those of the originators whose first event has the topic."""
        return {row[0] for row in self._read("begun_by", topic=topic, originator_ids=list(originator_ids))}

    def max_notification_id(self) -> int | None:
        """The head of the log; None if it is empty."""
        return self.head() or None

    def head(self) -> int:
        """The last position; 0 if the log is empty."""
        rows = self._read("head")
        self._heads.check(self.tenant_id)
        head = cast("int", rows[0][0]) if rows else 0
        if not self._database.is_in_transaction:  # else it may be of what is not committed yet
            self._heads.note(self.tenant_id, head)
        return head

    @property
    def is_in_transaction(self) -> bool:
        """Whether there is a transaction around."""
        return self._database.is_in_transaction

    @contextmanager
    def holding_head(self) -> Iterator[None]:
        """A transaction that keeps other writers from appending to the log."""
        with self._database.transaction(self.tenant_id):
            self.lock_head()
            yield

    def lock_head(self) -> None:
        """Queue on the head until the transaction around ends; afterwards every read sees all that was appended.

        LogWentBackError if that is not all that was known to be.
        """
        self._read("lock_head")
        self._heads.check(self.tenant_id)

    def position_at(self, moment: int | datetime) -> int:
        """The position a moment stands for. BeyondHeadError for a position that is not there yet."""
        if isinstance(moment, int):
            if moment > (head := self.head()):
                raise BeyondHeadError(f"The log ends at position {head}; there is no position {moment} yet.")
            return moment
        rows = self._read("position_at", at=moment)
        return cast("int", rows[0][0]) if rows else 0

    def subscribe(self, gt: int | None = None, topics: Sequence[str] = ()) -> PollingSubscription:
        """The entries after a position, and then the new ones as they come."""
        return PollingSubscription(self, gt=gt, topics=topics)

    def _select(self, statement: str, **parameters: object) -> list[LogEntry]:
        return self._entries(self._read(statement, **parameters))

    def _entries(self, rows: Iterable[tuple[Any, ...]]) -> list[LogEntry]:
        return [LogEntry(*cast("Any", (*row, self.tenant_id))) for row in rows]

    def _must_follow(self, stream: Sequence[LogEntry], first: int) -> None:
        for revision, entry in enumerate(stream, first):
            if entry.originator_version != revision:
                raise CorruptEntryError(
                    f"Revision {revision} of {entry.originator_id} is missing in the log of tenant {self.tenant_id}."
                )


def missing_position(tenant_id: UUID, position: int) -> CorruptEntryError:
    """The error of a log that has a gap."""
    return CorruptEntryError(f"Position {position} of the log of tenant {tenant_id} is missing.")
