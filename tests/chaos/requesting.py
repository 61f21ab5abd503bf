"""A writer's requests that are transactions: jobs that are asked for, begun and ended, and what was told of each."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from api.application.jobs import Jobs
from api.composition import Services
from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from domain.job.inputs import Completion, Failure, NewJob
from domain.reference import Reference
from infra.event_log.append_call import Place
from infra.event_log.recorder import LogRecorder
from projections.jobs.fold import JobRow
from tests.chaos.plan import context
from tests.chaos.records import Records


class KeptRecorder(LogRecorder):
    """Keeps what was attempted before it is, and the places of what was not refused."""

    def __init__(self, recorder: LogRecorder, attempt: Callable[[Sequence[StoredEvent]], None]) -> None:
        super().__init__(recorder._database, recorder._writer, recorder.tenant_id)
        self._attempt = attempt
        self.attempts: list[tuple[Sequence[StoredEvent], Sequence[Place]]] = []

    def append(self, events: Sequence[StoredEvent], policy_revision: int | None = None) -> Sequence[Place]:
        """Append as the log does."""
        self._attempt(events)
        self.attempts.append((events, ()))
        places = super().append(events, policy_revision)
        self.attempts[-1] = events, places
        return places


class Requests:
    """One thread's requests to one tenant."""

    def __init__(self, services: Services, tenant_id: UUID, number: int, chance: random.Random, kept: Records) -> None:
        self._number = number
        self._chance = chance
        self._kept = kept
        log = copy.copy(services.log.of(tenant_id))
        log.recorder = self._recorder = KeptRecorder(
            log.recorder, lambda entries: kept.write("attempts", number, entries)
        )
        self._jobs = Jobs(replace(services.session(tenant_id, context().actor), log=log))

    def run(self) -> list[str]:
        """Take a job from its request to its end, as far as it is known; returns how many requests came to what.

        Raises what no request may come to: that its own attempt, whose answer was lost, was first.
        """
        new = NewJob(media_kind="image", references=(Reference(kind="run", id=str(uuid7())),))
        outcomes, row = self._ask(lambda: self._jobs.request(new, None)[0])
        for step in (self._start, self._end):
            if row is None:
                break
            step_outcomes, row = self._ask(lambda step=step, row=row: step(row))  # type: ignore[misc]
            outcomes += step_outcomes
        return outcomes

    def _start(self, row: JobRow) -> JobRow:
        return self._jobs.change(row.id, lambda job, context: job.start(context, 1), None)

    def _end(self, row: JobRow) -> JobRow:
        if self._chance.random() < 0.5:
            completion = {"attempt": 1, "assets": [{"media": {"media_kind": "image"}}]}
            return self._jobs.succeed(row.id, Completion.model_validate(completion))
        failure = Failure(attempt=1, code="broken")
        return self._jobs.change(row.id, lambda job, context: job.fail(context, failure), None)

    def _ask(self, request: Callable[[], JobRow]) -> tuple[list[str], JobRow | None]:
        """Make the request, and keep what was told of it; returns that, and the job if it is known."""
        self._recorder.attempts.clear()
        try:
            row = request()
        except OutcomeUnknownError:
            return ["unknown"], None
        except ServiceUnavailableError:
            self._refused(self._recorder.attempts)
            return ["unavailable"], None
        *earlier, (entries, places) = self._recorder.attempts
        self._refused([attempt for attempt in earlier if not _same(attempt[0], entries)])
        self._kept.write("acks", self._number, entries, [place.position for place in places])
        return ["acknowledged"], row

    def _refused(self, attempts: Sequence[tuple[Sequence[StoredEvent], Sequence[Place]]]) -> None:
        for entries, _ in attempts:
            self._kept.write("refusals", self._number, entries)


def _same(earlier: Sequence[StoredEvent], later: Sequence[StoredEvent]) -> bool:
    """Whether both attempts were of the same bytes: what is sealed differs, and anything else is decided alike."""
    return [entry.state for entry in earlier] == [entry.state for entry in later]
