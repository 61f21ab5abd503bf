"""Threads that work in the background go on after whatever happens, and whoever waits for them is answered."""

import threading
import time
from typing import Any

import pytest
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra.database import Database
from infra.databases import Databases
from infra.event_log.append_call import Append
from infra.event_log.group_commit import GroupWriter
from infra.supervision import FAILURES, SupervisedThread
from tests.conftest import empty_log
from tests.infra.embedding import eventually
from tests.infra.grouping import an_append, held, stored


def test_work_that_raises_is_begun_again_and_ends_when_it_returns() -> None:
    begun: list[None] = []

    def work() -> None:
        begun.append(None)
        if len(begun) < FAILURES:
            raise SystemExit("as no thread should")

    thread = SupervisedThread("worker", work, pause=lambda _: None)
    with capture_logs() as logged:
        thread.start()
        thread.join(10)
    assert [(entry["event"], entry["thread"]) for entry in logged] == [("thread failed", "worker")] * (FAILURES - 1)
    assert len(begun) == FAILURES
    assert not thread.alive


def test_a_thread_works_while_it_gives_signs_of_life_and_is_in_no_trouble() -> None:
    ended = threading.Event()
    thread = SupervisedThread("worker", lambda: assert_(ended.wait(30)), overdue=0.2)
    thread.start()
    assert thread.works
    eventually(lambda: not thread.alive)
    assert thread.seconds_silent >= 0.2
    thread.beat(within=60)
    assert thread.works
    thread.trouble = "the database is away"
    assert (thread.alive, thread.works) == (True, False)
    ended.set()
    thread.join(10)


def assert_(holds: bool) -> None:
    assert holds


def test_a_thread_that_fails_again_and_again_does_not_work() -> None:
    ended = threading.Event()
    failing = threading.Event()

    def work() -> None:
        if not ended.is_set():
            raise ZeroDivisionError

    def pause(_: float) -> None:
        if len(thread._failures) == FAILURES:
            failing.set()
            ended.wait(30)

    thread = SupervisedThread("worker", work, pause=pause)
    with capture_logs():
        thread.start()
        assert failing.wait(10)
        assert (thread.alive, thread.works) == (True, False)
        ended.set()
        thread.join(10)


def test_an_error_that_nobody_expected_ends_neither_the_writer_nor_the_wait_of_its_callers(
    quiet: Services, databases: Databases
) -> None:
    tenant = empty_log(quiet)
    broken = threading.Event()

    def committed() -> None:
        if broken.is_set():
            broken.clear()
            raise ZeroDivisionError

    with Database(databases.service) as database, GroupWriter(database, committed) as writer, capture_logs():
        broken.set()
        assert writer.append(an_append(tenant))[0].position == 1
        assert writer.append(an_append(tenant))[0].position == 2  # by the thread that failed, once it has begun again
        nonsense: Any = None
        with pytest.raises(ServiceUnavailableError) as refusal:
            writer.append(Append(tenant, nonsense, 0))
        assert not isinstance(refusal.value, OutcomeUnknownError)  # nothing was sent
        assert writer.append(an_append(tenant))[0].position == 3
        assert [thread.name for thread in writer.threads] == ["group-commit"]
    assert list(stored(quiet, tenant)) == [1, 2, 3]


def test_an_error_that_nobody_expected_in_a_lane_leaves_nobody_without_an_answer(
    quiet: Services, databases: Databases
) -> None:
    tenant = empty_log(quiet)
    raising = threading.Event()

    def committed() -> None:
        if raising.is_set() and threading.current_thread().name == "group-commit-lane":
            raising.clear()
            raise ZeroDivisionError

    with Database(databases.service, size=4) as database, GroupWriter(database, committed) as writer, capture_logs():
        raising.set()
        answers = []
        with held(databases, tenant):
            threads = [
                threading.Thread(target=lambda: answers.append(writer.append(an_append(tenant, uuid7()))))
                for _ in range(3)
            ]
            for thread in threads:
                thread.start()
            eventually(lambda: "group-commit-lane" in [thread.name for thread in writer.threads])
        for thread in threads:
            thread.join(20)
        assert sorted(place.position for (place,) in answers) == [1, 2, 3]
        assert writer.append(an_append(tenant))[0].position == 4


def test_an_idle_writer_gives_signs_of_life(quiet: Services, databases: Databases) -> None:
    with Database(databases.service) as database, GroupWriter(database) as writer:
        writer.append(an_append(empty_log(quiet)))
        (thread,) = writer.threads
        since = time.monotonic() - thread.seconds_silent
        eventually(lambda: time.monotonic() - thread.seconds_silent > since + 0.5)
        assert thread.works
