"""One tenant's log as the library's application: load, decide, save."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import nullcontext
from functools import lru_cache
from typing import Any, Generic, NamedTuple, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.persistence import ApplicationRecorder, Mapper, StoredEvent
from eventsourcing.utils import Environment

from domain.errors import EntryTooLargeError, TooManyConflictsError
from domain.event import Event, Recorded
from domain.tenant.policy import Policy
from infra.database import Database
from infra.event_log.append_call import Place, PolicyChangedError
from infra.event_log.conflicts import Writers, check_expected_revision, retry_on_conflict
from infra.event_log.fold import Fold, S
from infra.event_log.group_commit import GroupWriter
from infra.event_log.mapper import EntryToAppend, SealingMapper
from infra.event_log.recorder import LogEntry, LogRecorder, missing_position
from infra.event_log.replay import replay
from infra.event_log.snapshots import Snapshot, SnapshotWriter, seal

SPAN = 10_000
"""Positions that one transaction looks through at the most."""

T = TypeVar("T")


class Changed(NamedTuple, Generic[S]):
    """What a change left: the state of the originator, and the new events, if any."""

    state: S
    recorded: list[Recorded]


class TenantLog(Application[UUID]):
    """The log of one tenant: commands are decided on it and recorded in it."""

    mapper: SealingMapper
    recorder: LogRecorder
    known_policy: tuple[Policy, int] | None = None
    """The tenant's policy and its revision as last read, until an append finds that it has changed."""

    def __init__(
        self, recorder: LogRecorder, mapper: SealingMapper, snapshots: SnapshotWriter, writers: Writers
    ) -> None:
        self._constructed = recorder, mapper
        self.tenant_id = recorder.tenant_id
        self.head, self.lock_head, self.position_at = recorder.head, recorder.lock_head, recorder.position_at
        self._snapshots = snapshots
        self._writers = writers
        super().__init__()

    def construct_env(self, name: str, env: Any = None) -> Environment:  # noqa: ANN401, ARG002
        """Nothing of the process's environment configures the log behind our back."""
        return Environment(name, {})

    def construct_mapper(self) -> Mapper[UUID]:
        return self._constructed[1]

    def construct_recorder(self) -> ApplicationRecorder:
        return self._constructed[0]

    def record(self, *events: Event, policy_revision: int | None = None) -> list[Recorded]:
        """Append the events, all or none; returns them with their places. IntegrityError if a revision is taken.

        `policy_revision` is that of the policy that admitted them, if one has a say: PolicyChangedError, which is an
        IntegrityError, if the policy has changed since.
        """
        entries = [self.mapper.to_stored_event(cast("Any", event)) for event in events]
        places = self._append(entries, policy_revision) if entries else ()
        return [Recorded(event, *place) for event, place in zip(events, places, strict=True)]

    def record_each(
        self, events: Iterable[Event], policy_revision: int | None = None
    ) -> list[Recorded | EntryTooLargeError]:
        """Append together all the events that fit in an entry; returns each with its place, or its error.

        IntegrityError if a revision is taken, or the policy that let them through has changed: then nothing was
        appended.
        """
        sealed = [(event, self._sealed(event)) for event in events]
        fitting = [entry for _, entry in sealed if isinstance(entry, EntryToAppend)]
        places = iter(self._append(fitting, policy_revision) if fitting else ())
        return [
            Recorded(event, *next(places)) if isinstance(entry, EntryToAppend) else entry for event, entry in sealed
        ]

    def state(
        self, originator_id: UUID, fold: Fold[S, Any], revision: int | None = None, position: int | None = None
    ) -> S:
        """What an originator's events come to: all of them, or those up to a revision and a position.

        The library's AggregateNotFoundError if they come to nothing: there are none, or they are of another kind.
        """
        replayed = replay(self.recorder, self._snapshots.keys, fold, originator_id, revision, position, revision)
        state = replayed.state
        for recorded in self._decode(replayed):
            if position is not None and recorded.position > position:
                break
            state = fold.step(state, recorded)
            if state is None:
                break
        if state is None:
            raise AggregateNotFoundError(originator_id)
        if revision is None and position is None and (replayed.due or replayed.damaged):
            self._snapshots.ask((originator_id, fold.name), lambda: self.keep_snapshots(originator_id, fold))
        return state

    def since(
        self,
        originator_id: UUID,
        fold: Fold[S, Any],
        at: int | None = None,
        after: int | None = None,
        until: int | None = None,
    ) -> tuple[S | None, Iterator[Recorded]]:
        """A state at no later revision than `at` and position than `after`, and the events from there to `until`.

        The state is None where there is none yet; the events are read as they are asked for.
        """
        replayed = replay(self.recorder, self._snapshots.keys, fold, originator_id, at, after, until)
        return replayed.state, self._decode(replayed)

    def keep_snapshots(self, originator_id: UUID, fold: Fold[S, Any]) -> None:
        """Keep the snapshots of an originator that are due, from the newest one on: of what is committed."""
        replayed = replay(self.recorder, self._snapshots.keys, fold, originator_id)
        if replayed.damaged:
            self.recorder.drop_snapshot(fold.name, replayed.damaged)
        state = replayed.state
        for entry in replayed:
            state = fold.step(state, self._recorded(entry))
            if state is None:
                return
            if replayed.due:
                place = self.tenant_id, originator_id, entry.originator_version, entry.id
                snapshot = Snapshot(*place, fold.subject(state), fold.dump(state))
                sealed_snapshot = seal(self._snapshots.keys, fold, snapshot, entry.state)
                self.recorder.keep_snapshot(fold.name, sealed_snapshot)
                replayed.keep(len(sealed_snapshot.state))

    def change(
        self,
        originator_id: UUID,
        fold: Fold[S, Any],
        decide: Callable[[S], Sequence[Event]],
        expected_revision: int | None = None,
        admit: Callable[[Sequence[Event], S], int | None] | None = None,
    ) -> Changed[S]:
        """Load the state, decide on it, save the events; returns the new state and the events.

        `admit` may refuse the events, or returns the revision of the policy that admits them. Decides again when
        another writer was first; the last attempts hold the log's head. Raises AggregateNotFoundError,
        StaleRevisionError if the originator is not at the expected revision, TooManyConflictsError.
        """

        def work() -> Changed[S]:
            state = self.state(originator_id, fold)
            check_expected_revision(expected_revision, state.version)
            events = decide(state)
            recorded = self.record(*events, policy_revision=admit(events, state) if admit else None)
            return Changed(cast("S", fold.after(state, recorded)), recorded)

        # A turn is never waited for in a transaction, which may hold what the writer before needs. Who was not first
        # there has queued on the head, and holds it.
        inside = self.recorder.is_in_transaction
        with nullcontext() if inside else self._writers.turn(originator_id):
            try:
                return retry_on_conflict(work, pause=not inside)
            except TooManyConflictsError:
                if inside:
                    raise
            with self.recorder.holding_head():
                return retry_on_conflict(work, pause=False)

    def known(self, ids: Iterable[UUID]) -> set[UUID]:
        """Those of the originators that have events."""
        entries = self.recorder.select_streams(dict.fromkeys(ids, 1))
        return {cast("UUID", entry.originator_id) for entry in entries}

    def begun_by(self, topic: str, ids: Collection[UUID]) -> set[UUID]:
        """Those of the originators whose first event has the topic: that is what they are, for good."""
        return self.recorder.select_begun_by(topic, ids) if ids else set()

    def history(self, originator_id: UUID, revision: int | None = None) -> list[Recorded]:
        """Every event of one originator, up to a revision. AggregateNotFoundError if there is none."""
        events = list(self._decode(self.recorder.select_events(originator_id, lte=revision)))
        if not events:
            raise AggregateNotFoundError(originator_id)
        return events

    def event(self, originator_id: UUID, revision: int) -> Recorded:
        """One event of an originator. AggregateNotFoundError if there is none of this revision."""
        for recorded in self.stretch(originator_id, revision, revision):
            return recorded
        raise AggregateNotFoundError(originator_id)

    def stretch(self, originator_id: UUID, first: int, last: int) -> Iterator[Recorded]:
        """The events of one originator from one revision to another."""
        return self._decode(self.recorder.select_events(originator_id, gt=first - 1, lte=last))

    def histories(self, revisions: dict[UUID, int]) -> list[Recorded]:
        """Every event of several originators, each up to a revision, in the order of positions."""
        return list(self._decode(self.recorder.select_streams(revisions)))

    def with_documents(self, span: int = SPAN) -> Iterator[Recorded]:
        """Every event that refers to documents in the store, read from end to end in short transactions."""
        for after in range(0, self.recorder.head(), span):
            yield from self._decode(self.recorder.select_with_documents(after, after + span))

    def of_topics(self, topics: Sequence[str]) -> Iterator[Recorded]:
        """Every event of some topics, read from end to end in short transactions."""
        for after in range(0, self.recorder.head(), SPAN):
            yield from self.page(after, after + SPAN, SPAN, topics)

    def page(self, after: int, until: int, limit: int, topics: Sequence[str] = ()) -> list[Recorded]:
        """At most `limit` events after one position and up to another, of some topics or of all.

        The log must reach as far as that. CorruptEntryError if one of them is damaged or missing.
        """
        entries = self.recorder.select_notifications(after, limit, until, topics, inclusive_of_start=False)
        if not topics and len(entries) < min(limit, until - after):
            raise missing_position(self.tenant_id, after + len(entries) + 1)
        return list(self._decode(entries))

    def at(self, positions: Sequence[int]) -> list[Recorded]:
        """The events at some positions, in their order. CorruptEntryError if one is damaged or missing."""
        return list(self._decode(self.recorder.select_at(positions)))

    def _append(self, entries: Sequence[StoredEvent], policy_revision: int | None) -> Sequence[Place]:
        try:
            return self.recorder.append(entries, policy_revision)
        except PolicyChangedError:
            self.known_policy = None
            raise

    def _sealed(self, event: Event) -> EntryToAppend | EntryTooLargeError:
        try:
            return self.mapper.to_stored_event(cast("Any", event))
        except EntryTooLargeError as error:
            return error

    def _decode(self, entries: Iterable[LogEntry]) -> Iterator[Recorded]:
        return map(self._recorded, entries)

    def _recorded(self, entry: LogEntry) -> Recorded:
        return Recorded(self.mapper.read(self.tenant_id, cast("Any", entry)), entry.id, entry.effective_at)


class EventLog:
    """Every tenant's log in one database."""

    def __init__(
        self, database: Database, writer: GroupWriter, mapper: SealingMapper, snapshots: SnapshotWriter
    ) -> None:
        self._database = database
        self._writer = writer
        self._mapper = mapper
        self._snapshots = snapshots
        self._writers = Writers()
        self.of = lru_cache(1_024)(self._open)

    def _open(self, tenant_id: UUID) -> TenantLog:
        recorder = LogRecorder(self._database, self._writer, tenant_id)
        return TenantLog(recorder, self._mapper, self._snapshots, self._writers)
