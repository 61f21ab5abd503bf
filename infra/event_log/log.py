"""One tenant's log as the library's application: load, decide, save."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import ImmutableAggregateProtocol
from eventsourcing.persistence import ApplicationRecorder, IntegrityError, Mapper, StoredEvent
from eventsourcing.utils import Environment

from domain.errors import EntryTooLargeError, StaleRevisionError, TooManyConflictsError
from domain.event import Event, Recorded
from domain.tenant.policy import Policy
from infra.database import Database
from infra.event_log.appending import Place, PolicyChangedError
from infra.event_log.group_commit import GroupWriter
from infra.event_log.mapper import EntryToAppend, SealingMapper
from infra.event_log.recorder import LogEntry, LogRecorder, missing_position

ATTEMPTS = 5
SPAN = 10_000
"""Positions that one transaction looks through at the most."""

A = TypeVar("A", bound=ImmutableAggregateProtocol[UUID])
E = TypeVar("E", bound=Event)
T = TypeVar("T")


class Changed(NamedTuple):
    """What a change left: the revision the aggregate is at, and the new events, if any."""

    revision: int
    recorded: list[Recorded]


class TenantLog(Application[UUID]):
    """The log of one tenant: commands are decided on it and recorded in it."""

    mapper: SealingMapper
    recorder: LogRecorder
    known_policy: tuple[Policy, int] | None = None
    """The tenant's policy and its revision as last read, until an append finds that it has changed."""

    def __init__(self, recorder: LogRecorder, mapper: SealingMapper) -> None:
        self._given = recorder, mapper
        super().__init__()

    @property
    def tenant_id(self) -> UUID:
        return self.recorder.tenant_id

    def construct_env(self, name: str, env: Any = None) -> Environment:  # noqa: ANN401, ARG002
        """Nothing of the process's environment configures the log behind our back."""
        return Environment(name, {})

    def construct_mapper(self) -> Mapper[UUID]:
        return self._given[1]

    def construct_recorder(self) -> ApplicationRecorder:
        return self._given[0]

    def record(self, *events: Event, under: int | None = None) -> list[Recorded]:
        """Append the events, all or none; returns them with their places. IntegrityError if a revision is taken.

        `under` is the revision of the policy that let them through, if one was asked: PolicyChangedError, which is
        an IntegrityError, if it has changed since.
        """
        entries = [self.mapper.to_stored_event(cast("Any", event)) for event in events]
        places = self._append(entries, under) if entries else ()
        return [Recorded(event, *place) for event, place in zip(events, places, strict=True)]

    def record_each(self, events: Iterable[Event], under: int | None = None) -> list[Recorded | EntryTooLargeError]:
        """Append together all the events that fit in an entry; tells of each its place, or that it is too large.

        IntegrityError if a revision is taken, or the policy that let them through has changed: then nothing was
        appended.
        """
        sealed = [(event, self._sealed(event)) for event in events]
        fitting = [entry for _, entry in sealed if isinstance(entry, EntryToAppend)]
        places = iter(self._append(fitting, under) if fitting else ())
        return [
            Recorded(event, *next(places)) if isinstance(entry, EntryToAppend) else entry for event, entry in sealed
        ]

    def load(self, aggregate_id: UUID, project: Callable[[A | None, Iterable[E]], A | None]) -> A:
        """The aggregate as it is now. The library's AggregateNotFoundError if there is none."""
        return cast(A, self.repository.get(aggregate_id, projector_func=cast(Any, project)))

    def change(
        self,
        aggregate_id: UUID,
        project: Callable[[A | None, Iterable[E]], A | None],
        decide: Callable[[A], Sequence[E]],
        expected_revision: int | None = None,
        admit: Callable[[Sequence[E], A], int | None] | None = None,
    ) -> Changed:
        """Load the aggregate, decide on it, save what was decided; returns what that left.

        `admit` may refuse what was decided, or names the policy that lets it through. Decides again when another
        writer was first, up to five times. Raises AggregateNotFoundError, StaleRevisionError if the aggregate is
        not at the expected revision, TooManyConflictsError.
        """

        def work() -> Changed:
            aggregate = self.load(aggregate_id, project)
            expect_revision(expected_revision, aggregate.version)
            events = decide(aggregate)
            recorded = self.record(*events, under=admit(events, aggregate) if admit else None)
            return Changed(events[-1].originator_version if events else aggregate.version, recorded)

        return persistently(work)

    def history(self, originator_id: UUID, revision: int | None = None) -> list[Recorded]:
        """Every event of one originator, up to a revision. AggregateNotFoundError if there is none."""
        events = list(self._decode(self.recorder.select_events(originator_id, lte=revision)))
        if not events:
            raise AggregateNotFoundError(originator_id)
        return events

    def histories(self, revisions: dict[UUID, int]) -> list[Recorded]:
        """Every event of several originators, each up to a revision, in the order of positions."""
        return list(self._decode(self.recorder.select_streams(revisions)))

    def with_documents(self, span: int = SPAN) -> Iterator[Recorded]:
        """Every event that refers to documents in the store, read from end to end in short transactions."""
        for after in range(0, self.recorder.head(), span):
            yield from self._decode(self.recorder.select_with_documents(after, after + span))

    def of_topics(self, topics: Sequence[str], span: int = SPAN) -> Iterator[Recorded]:
        """Every event of some topics, read from end to end in short transactions."""
        for after in range(0, self.recorder.head(), span):
            yield from self.page(after, after + span, span, topics)

    def page(self, after: int, until: int, limit: int, topics: Sequence[str] = ()) -> list[Recorded]:
        """At most `limit` events after one position and up to another, of some topics or of all.

        The log must reach as far as that. CorruptEntryError if one of them is damaged or missing.
        """
        entries = self.recorder.select_notifications(after, limit, until, topics, inclusive_of_start=False)
        if not topics and len(entries) < min(limit, until - after):
            raise missing_position(self.tenant_id, after + len(entries) + 1)
        return list(self._decode(entries))

    def position_at(self, moment: int | datetime) -> int:
        """The position a moment stands for. BeyondHeadError for a position that is not there yet."""
        return self.recorder.position_at(moment)

    def _append(self, entries: Sequence[StoredEvent], under: int | None) -> Sequence[Place]:
        try:
            return self.recorder.append(entries, under)
        except PolicyChangedError:
            self.known_policy = None
            raise

    def _sealed(self, event: Event) -> EntryToAppend | EntryTooLargeError:
        try:
            return self.mapper.to_stored_event(cast("Any", event))
        except EntryTooLargeError as error:
            return error

    def _decode(self, entries: Iterable[LogEntry]) -> Iterator[Recorded]:
        for entry in entries:
            yield Recorded(self.mapper.to_domain_event(entry), entry.id, entry.effective_at)


def expect_revision(expected: int | None, current: int, of: str = "") -> None:
    """StaleRevisionError if a revision is expected, and it is not the current one."""
    if expected not in (None, current):
        raise StaleRevisionError(f"If-Match names revision {expected}{of}, but the current one is {current}.")


def persistently(work: Callable[[], T]) -> T:
    """Do the work, and again from the start when another writer was first.

    Raises TooManyConflictsError after five times.
    """
    for _ in range(ATTEMPTS):
        try:
            return work()
        except IntegrityError:
            continue
    raise TooManyConflictsError


class EventLog:
    """Every tenant's log in one database."""

    def __init__(self, database: Database, writer: GroupWriter, mapper: SealingMapper, cached: int = 1_024) -> None:
        self._database = database
        self._writer = writer
        self._mapper = mapper
        self.of = lru_cache(cached)(self._open)

    def _open(self, tenant_id: UUID) -> TenantLog:
        return TenantLog(LogRecorder(self._database, self._writer, tenant_id), self._mapper)
