"""The database's clock: how far this process's own is from it, however slow the way is and whatever is set when."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from domain.errors import ClockAheadError, ClockApartError, ClockBehindError
from infra.clock import DatabaseClock, Reading
from infra.database import Database
from infra.databases import Databases

SECOND = timedelta(seconds=1)


class Local:
    """A process's clock, which can be set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def local() -> Local:
    return Local()


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    with Database(databases.service, size=1) as pool:
        yield pool


@pytest.fixture
def clock(database: Database, local: Local) -> DatabaseClock:
    return DatabaseClock(database, local)


@pytest.mark.parametrize(
    ("ahead", "refusal"),
    [(timedelta(days=40), ClockAheadError), (6 * SECOND, ClockAheadError), (-6 * SECOND, ClockBehindError)],
)
def test_clocks_more_than_five_seconds_apart_are_refused_either_way(
    clock: DatabaseClock, local: Local, ahead: timedelta, refusal: type[ClockApartError]
) -> None:
    local.ahead = ahead
    asked: list[Callable[[], object]] = [clock.ask, clock.local]
    for ask in asked:
        with pytest.raises(refusal):
            ask()
    assert "set the one that is wrong" in (clock.problem() or "")


@pytest.mark.parametrize("ahead", [timedelta(), 3 * SECOND, -3 * SECOND])
def test_clocks_less_than_five_seconds_apart_do(clock: DatabaseClock, local: Local, ahead: timedelta) -> None:
    local.ahead = ahead
    assert abs(clock.ask() - datetime.now(UTC)) < SECOND
    assert abs(clock.local() - datetime.now(UTC) - ahead) < SECOND
    assert clock.problem() is None


def test_a_clock_that_is_set_while_it_runs_is_noticed_at_once_and_trusted_again_once_it_is_right(
    clock: DatabaseClock, local: Local
) -> None:
    clock.ask()
    local.ahead = timedelta(days=-40)
    assert clock.problem() is not None
    with pytest.raises(ClockBehindError):
        clock.local()
    assert abs(clock.now() - datetime.now(UTC)) < SECOND
    local.ahead = timedelta()
    assert clock.problem() is None
    assert clock.local()


def test_as_part_of_a_transaction_it_is_asked_on_its_connection(clock: DatabaseClock, database: Database) -> None:
    with database.transaction(), database.transaction():
        first = clock.ask()
        time.sleep(0.001)  # not to wait for anything: it is no time of the transaction's beginning that is told
        assert clock.ask() > first


def test_nothing_is_known_before_it_was_asked(clock: DatabaseClock) -> None:
    assert clock.problem() is None


@contextmanager
def slow_server(database: Database) -> Iterator[None]:
    """The server's process for this connection stands still for two seconds."""
    with database.connection() as connection:
        pid = connection.info.backend_pid
    os.kill(pid, signal.SIGSTOP)
    goes_on = threading.Timer(2, os.kill, (pid, signal.SIGCONT))
    goes_on.start()
    try:
        yield
    finally:
        goes_on.join()


def test_a_slow_answer_is_no_difference_and_hides_none_that_is_larger(
    clock: DatabaseClock, local: Local, database: Database
) -> None:
    local.ahead = 5.5 * SECOND  # the answer may have been on its way for that half second
    with slow_server(database):
        clock.ask()
    local.ahead = timedelta(days=40)
    with slow_server(database), pytest.raises(ClockAheadError):
        clock.ask()


def test_the_time_is_taken_from_the_middle_of_the_round_trip() -> None:
    answered = datetime(2026, 11, 20, tzinfo=UTC)
    reading = Reading(answered, 100.0, 120.0)
    assert (reading.at(130.0), reading.uncertainty) == (answered + 20 * SECOND, 10 * SECOND)
