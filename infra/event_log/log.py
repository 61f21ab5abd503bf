"""One tenant's log as the library's application: load, decide, save."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError, Application
from eventsourcing.domain import DomainEventProtocol, ImmutableAggregateProtocol
from eventsourcing.persistence import ApplicationRecorder, EventStore, IntegrityError, Mapper, Recording
from eventsourcing.utils import Environment

from domain.errors import StaleRevisionError, TooManyConflictsError
from domain.event import Event, Recorded
from infra.database import Database
from infra.event_log.mapper import SealingMapper
from infra.event_log.recorder import LogEntry, LogRecorder

ATTEMPTS = 5

A = TypeVar("A", bound=ImmutableAggregateProtocol[UUID])
E = TypeVar("E", bound=Event)


class LogEventStore(EventStore[UUID]):
    """Keeps what the append says of each event: its position and its effective time."""

    mapper: SealingMapper
    recorder: LogRecorder

    def put(self, domain_events: Sequence[DomainEventProtocol[UUID]], **kwargs: Any) -> list[Recording[UUID]]:  # noqa: ANN401, ARG002
        """Append the events, all or none, as part of the transaction around if there is one."""
        stored = [self.mapper.to_stored_event(event) for event in domain_events]
        entries = self.recorder.append(stored) if stored else []
        return [Recording(event, entry) for event, entry in zip(domain_events, entries, strict=True)]


class TenantLog(Application[UUID]):
    """The log of one tenant: commands are decided on it and recorded in it."""

    events: LogEventStore
    mapper: SealingMapper
    recorder: LogRecorder

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

    def construct_event_store(self) -> EventStore[UUID]:
        return LogEventStore(self._given[1], self._given[0])

    def record(self, *events: Event) -> list[Recorded]:
        """Append the events, all or none; returns them with their places. IntegrityError if a revision is taken."""
        return [_recorded(recording) for recording in self.save(*cast(Any, events))]

    def change(
        self,
        aggregate_id: UUID,
        project: Callable[[A | None, Iterable[E]], A | None],
        decide: Callable[[A], Sequence[E]],
        expected_revision: int | None = None,
    ) -> int:
        """Load the aggregate, decide on it, save what was decided; returns the revision that leaves it at.

        Decides again when another writer was first, up to five times. Raises AggregateNotFoundError,
        StaleRevisionError if the aggregate is not at the expected revision, TooManyConflictsError.
        """
        for _ in range(ATTEMPTS):
            aggregate = cast(A, self.repository.get(aggregate_id, projector_func=cast(Any, project)))
            if expected_revision not in (None, aggregate.version):
                raise StaleRevisionError(
                    f"If-Match names revision {expected_revision}, but the current one is {aggregate.version}."
                )
            events = decide(aggregate)
            try:
                self.record(*events)
            except IntegrityError:
                continue
            return events[-1].originator_version if events else aggregate.version
        raise TooManyConflictsError

    def history(self, originator_id: UUID, revision: int | None = None) -> list[Recorded]:
        """Every event of one originator, up to a revision. AggregateNotFoundError if there is none."""
        events = list(self._decode(self.recorder.select_events(originator_id, lte=revision)))
        if not events:
            raise AggregateNotFoundError(originator_id)
        return events

    def histories(self, revisions: dict[UUID, int]) -> list[Recorded]:
        """Every event of several originators, each up to a revision, in the order of positions."""
        return list(self._decode(self.recorder.select_streams(revisions)))

    def position_at(self, moment: int | datetime) -> int:
        """The position a moment stands for. BeyondHeadError for a position that is not there yet."""
        return self.recorder.position_at(moment)

    def _decode(self, entries: Iterable[LogEntry]) -> Iterator[Recorded]:
        for entry in entries:
            yield Recorded(self.mapper.to_domain_event(entry), entry.id, entry.effective_at)


def _recorded(recording: Recording[UUID]) -> Recorded:
    entry = cast("LogEntry", recording.notification)
    return Recorded(cast("Event", recording.domain_event), entry.id, entry.effective_at)


class EventLog:
    """Every tenant's log in one database."""

    def __init__(self, database: Database, mapper: SealingMapper, cached: int = 1_024) -> None:
        self._database = database
        self._mapper = mapper
        self.of = lru_cache(cached)(self._open)

    def _open(self, tenant_id: UUID) -> TenantLog:
        return TenantLog(LogRecorder(self._database, tenant_id), self._mapper)
