"""Given what happened, when something is asked of a job, then this happens."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.asset import asset as assets
from domain.errors import (
    DocumentTooLargeError,
    IllegalTransitionError,
    LedgerError,
    WrongAttemptError,
)
from domain.event import Actor, Event, from_parts, to_parts
from domain.identity import Identity
from domain.job import job as aggregate
from domain.job.events import JobEvent
from domain.job.inputs import Completion, Failure, NewJob
from domain.job.job import Job
from tests.domain.test_asset import CONTEXT, TENANT

IDENTITY = Identity(bytes(32))
IMAGE: dict[str, Any] = {"media": {"media_kind": "image"}}

Command = Callable[[Job], Sequence[Event]]


def requested(key: str | None = None, **fields: Any) -> Job:
    """A job right after it was asked for."""
    new = NewJob.model_validate({"media_kind": "image"} | fields)
    return aggregate.requested(aggregate.request(CONTEXT, TENANT, IDENTITY, new, key))


def of_jobs(events: Iterable[Event]) -> list[JobEvent]:
    """Those that happen to the job, and not to its assets."""
    return [event for event in events if isinstance(event, JobEvent)]


def after(job: Job, *commands: Command) -> Job:
    """The job after commands."""
    for command in commands:
        job = aggregate.project(job, of_jobs(command(job))) or job
    return job


def start(attempt: int) -> Command:
    return lambda job: job.start(CONTEXT, attempt)


def succeed(attempt: int, known: assets.Asset | None = None, **fields: Any) -> Command:
    completion = Completion.model_validate({"attempt": attempt} | fields)
    context = CONTEXT.model_copy(update={"reason": completion.reason})
    return lambda job: job.succeed(context, completion, IDENTITY, {known.id: known} if known else {})


def fail(attempt: int) -> Command:
    return lambda job: job.fail(CONTEXT, Failure(attempt=attempt, code="out_of_memory", message="full"))


def cancel(attempt: int | None) -> Command:
    return lambda job: job.cancel(CONTEXT, attempt)


def requeue(attempt: int) -> Command:
    return lambda job: job.requeue(CONTEXT, attempt)


def ask(key: str | None = None) -> Command:
    return lambda job: job.request_again(CONTEXT, key)


QUEUED: list[Command] = []
RUNNING: list[Command] = [start(1)]
SUCCEEDED = [start(1), succeed(1)]
FAILED = [start(1), fail(1)]
CANCELLED = [cancel(1)]


@pytest.mark.parametrize(
    ("before", "command", "then", "status"),
    [
        (QUEUED, start(1), ("job.started", {"attempt": 1}), "running"),
        (QUEUED, cancel(1), ("job.cancelled", {"attempt": 1}), "cancelled"),
        (QUEUED, cancel(None), ("job.cancelled", {"attempt": 1}), "cancelled"),
        (RUNNING, cancel(None), ("job.cancelled", {"attempt": 1}), "cancelled"),
        (RUNNING, fail(1), ("job.failed", {"attempt": 1, "code": "out_of_memory"}), "failed"),
        (RUNNING, requeue(1), ("job.requeued", {"attempt": 2, "cause": "lease_lost"}), "queued"),
        (FAILED, requeue(1), ("job.requeued", {"attempt": 2, "cause": "requested"}), "queued"),
        (CANCELLED, requeue(1), ("job.requeued", {"attempt": 2, "cause": "requested"}), "queued"),
        (FAILED, ask(), ("job.requeued", {"attempt": 2, "cause": "requested"}), "queued"),
        (CANCELLED, ask("k"), ("job.requeued", {"attempt": 2, "cause": "requested", "key_digest": "k"}), "queued"),
        ([start(1), requeue(1)], start(2), ("job.started", {"attempt": 2}), "running"),
        ([*FAILED, ask(), start(2)], cancel(2), ("job.cancelled", {"attempt": 2}), "cancelled"),
    ],
)
def test_what_may_happen_happens(
    before: list[Command], command: Command, then: tuple[str, dict[str, Any]], status: str
) -> None:
    job = after(requested(), *before)
    (event,) = command(job)
    assert (event.TOPIC, to_parts(event).clear["data"]) == then
    assert event.originator_version == job.version + 1
    assert after(job, command).status == status


@pytest.mark.parametrize(
    ("before", "status", "refused"),
    [
        (QUEUED, "queued", {"succeed": succeed(1), "fail": fail(1), "requeue": requeue(1)}),
        (RUNNING, "running", {"start": start(1)}),
        (
            SUCCEEDED,
            "succeeded",
            {"start": start(1), "fail": fail(1), "cancel": cancel(1), "requeue": requeue(1)},
        ),
        (FAILED, "failed", {"start": start(1), "succeed": succeed(1), "fail": fail(1), "cancel": cancel(None)}),
        (CANCELLED, "cancelled", {"start": start(1), "succeed": succeed(1), "fail": fail(1), "cancel": cancel(None)}),
    ],
)
def test_what_the_status_does_not_allow_is_refused_and_says_the_status(
    before: list[Command], status: str, refused: dict[str, Command]
) -> None:
    job = after(requested(), *before)
    for action, command in refused.items():
        with pytest.raises(IllegalTransitionError, match=f"A job that is {status} cannot {action}"):
            command(job)


@pytest.mark.parametrize(
    ("before", "command"),
    [
        (QUEUED, start(2)),
        (QUEUED, cancel(2)),
        (RUNNING, succeed(2)),
        (RUNNING, fail(2)),
        (RUNNING, cancel(2)),
        (RUNNING, requeue(2)),
        (FAILED, requeue(2)),
        (SUCCEEDED, succeed(2)),
        ([start(1), requeue(1)], start(1)),
        ([start(1), requeue(1), start(2)], succeed(1)),
        ([start(1), requeue(1), start(2)], fail(1)),
        ([start(1), requeue(1), start(2), succeed(2)], succeed(1)),
    ],
)
def test_another_attempts_number_is_refused(before: list[Command], command: Command) -> None:
    with pytest.raises(WrongAttemptError, match="at attempt"):
        command(after(requested(), *before))


@pytest.mark.parametrize("before", [QUEUED, RUNNING])
def test_a_worker_says_which_attempt_it_cancels(before: list[Command]) -> None:
    worker = CONTEXT.model_copy(update={"actor": Actor(id="comfy-1", type="worker")})
    job = after(requested(), *before)
    with pytest.raises(WrongAttemptError, match="a worker says which one"):
        job.cancel(worker, None)
    assert job.cancel(worker, 1)


@pytest.mark.parametrize("before", [QUEUED, RUNNING, SUCCEEDED])
@pytest.mark.parametrize("key", [None, "k1", "k2"])
def test_asking_again_for_work_that_waits_runs_or_is_done_makes_no_event(
    before: list[Command], key: str | None
) -> None:
    assert ask(key)(after(requested("k1"), *before)) == ()


def test_a_key_that_caused_an_attempt_never_starts_another() -> None:
    job = after(requested("k1"), start(1), fail(1))
    assert ask("k1")(job) == ()
    job = after(job, ask("k2"), cancel(2))
    assert ask("k1")(job) == ask("k2")(job) == ()
    assert after(job, ask()).attempt == after(job, ask("k3")).attempt == 3


def test_a_key_that_caused_nothing_may_start_an_attempt_later() -> None:
    job = after(requested("k1"), ask("k2"), start(1), fail(1))
    assert after(job, ask("k2")).attempt == 2


def test_each_document_has_at_most_a_mebibyte() -> None:
    requested(snapshot={"text": "x" * 1_000_000}, prompt_spec={"text": "x" * 1_000_000})
    with pytest.raises(DocumentTooLargeError):
        requested(snapshot={"text": "x" * 2**20})


attempts = st.integers(1, 3)
commands = st.one_of(
    attempts.map(start),
    attempts.map(fail),
    attempts.map(requeue),
    attempts.map(cancel),
    st.builds(lambda attempt, count: succeed(attempt, assets=[IMAGE] * count), attempts, st.integers(0, 2)),
    (st.none() | st.sampled_from("ab")).map(ask),
)


@given(st.lists(commands, max_size=20))
def test_replaying_what_happened_gives_the_same_job_and_never_refuses(asked: list[Command]) -> None:
    new = NewJob.model_validate({"media_kind": "image", "claim_id": "c7"})
    happened: list[JobEvent] = [aggregate.request(CONTEXT, TENANT, IDENTITY, new, "a")]
    job = aggregate.project(None, happened)
    for command in asked:
        assert job is not None
        try:
            events = of_jobs(command(job))
        except LedgerError:
            continue
        happened += events
        job = aggregate.project(job, events)
    stored: list[Any] = [from_parts(*to_parts(event)) for event in happened]
    assert stored == happened
    assert aggregate.project(None, stored) == job
    assert [event.originator_version for event in happened] == list(range(1, len(happened) + 1))


@given(st.permutations([*RUNNING, *SUCCEEDED, fail(1), cancel(None), requeue(1), ask("k"), start(2)]))
def test_even_events_no_rule_would_allow_now_can_be_replayed(asked: list[Command]) -> None:
    states = [after(requested(), *commands) for commands in (QUEUED, RUNNING, SUCCEEDED, FAILED, CANCELLED)]
    anything = [event for command in asked for job in states for event in of_jobs(_if_allowed(command, job))]
    assert aggregate.project(states[0], anything) is not None


def _if_allowed(command: Command, job: Job) -> Sequence[Event]:
    try:
        return command(job)
    except LedgerError:
        return ()
