"""A database that is frozen, not dead: nothing passes any more, and nobody is told so. Every wait has an end."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from typing import Any

import psycopg
import pytest

from api.composition import Services
from domain.errors import LogBusyError, OutcomeUnknownError, ServiceUnavailableError
from infra.connections import NETWORK, OWNER, PROJECTOR, SERVICE, Bounds, connect, fetch_at_once
from infra.database import Database
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.event_log.group_commit import GroupWriter
from infra.event_log.pending_append import Patience
from tests.chaos.cutting import Cutter
from tests.conftest import empty_log
from tests.infra.embedding import PROJECT
from tests.infra.grouping import an_append, bytes_at, held, stored

HASTY = Bounds(1, SERVICE.settings)
WAVES = 1.5
"""Times that a writer waits in its lane: long enough for callers to come who wait behind others who wait."""
ENOUGH = 5
"""Seconds in which whoever waits a second for an answer, and as long for a connection, has given up twice over."""


@pytest.fixture
def cutter(databases: Databases) -> Iterator[Cutter]:
    """A proxy before this test's databases."""
    with tempfile.TemporaryDirectory() as directory, Cutter(databases.service, Path(directory)) as proxy:
        yield proxy


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """The block is over in time."""
    started = time.monotonic()
    yield
    assert time.monotonic() - started < seconds


def ask(database: Database) -> None:
    with database.connection() as connection:
        connection.execute("SELECT 1")


def ask_in_a_transaction(database: Database) -> None:
    with database.transaction() as connection:
        connection.execute("SELECT 1")


def fetch(database: Database) -> None:
    with database.connection() as connection:
        fetch_at_once(connection, "SELECT 1", [], tuple[Any, ...])


@pytest.mark.parametrize("question", [ask, ask_in_a_transaction, fetch])
def test_who_asks_a_frozen_database_is_told_in_time_and_is_answered_once_it_is_back(
    databases: Databases, cutter: Cutter, question: Callable[[Database], None]
) -> None:
    with Database(cutter.through(databases.service), size=2, timeout=1, bounds=HASTY) as database:
        question(database)
        cutter.freeze()
        for _ in range(3):  # the connection there is, and then none to be had
            with within(ENOUGH), pytest.raises(ServiceUnavailableError):
                question(database)
        cutter.thaw()
        question(database)


def test_a_commit_that_is_not_answered_ends_in_time(databases: Databases, cutter: Cutter) -> None:
    def commit_frozen() -> None:
        with database.transaction() as connection:
            connection.execute("SELECT 1")
            cutter.freeze()

    with Database(cutter.through(databases.service), size=2, timeout=1, bounds=HASTY) as database:
        with within(ENOUGH), pytest.raises(ServiceUnavailableError):
            commit_frozen()
        cutter.thaw()
        ask(database)


def test_a_group_that_is_not_answered_is_sent_again_and_its_callers_are_told_in_time(
    quiet: Services, databases: Databases, cutter: Cutter
) -> None:
    tenant = empty_log(quiet)
    with (
        Database(cutter.through(databases.service), timeout=1, bounds=HASTY) as database,
        GroupWriter(database, patience=Patience(resend=1)) as writer,
        ThreadPoolExecutor(8) as callers,
    ):
        writer.append(an_append(tenant))
        cutter.freeze()
        with within(2 * ENOUGH):
            answers = [callers.submit(writer.append, an_append(tenant)) for _ in range(8)]
            errors = {type(answer.exception(30)) for answer in answers}
        assert errors <= {OutcomeUnknownError, ServiceUnavailableError}
        cutter.thaw()
        append = an_append(tenant)
        assert bytes_at(append, writer.append(append)).items() <= stored(quiet, tenant).items()


def test_no_connection_is_made_to_a_frozen_database_for_ever(databases: Databases, cutter: Cutter) -> None:
    cutter.freeze()
    with within(2 * ENOUGH), pytest.raises(psycopg.OperationalError):
        connect(cutter.through(databases.service))


def test_every_connection_of_the_service_has_bounds(quiet: Services) -> None:
    pools = {
        quiet.database: SERVICE,
        quiet.projector: PROJECTOR,
        quiet.encryption_keys._database: SERVICE,
        quiet.log._writer._delivery._database: SERVICE,
    }
    for database, bounds in pools.items():
        with database.connection() as connection:
            assert connection.info.get_parameters().items() >= NETWORK.items()
            for name, value in bounds.settings.items():
                row = connection.execute("SELECT current_setting(%s, true)", (name,)).fetchone()
                assert row in {(value,), (value.replace("60s", "1min").replace("120s", "2min"),)}


def test_a_migrated_database_bounds_whoever_connects_without_a_word(
    cluster: EmbeddedCluster, databases: Databases
) -> None:
    """As a pooler does. The embedded one is migrated itself; clones have no defaults of their own."""
    names = ("idle_in_transaction_session_timeout", "lock_timeout", "default_transaction_isolation")
    expected = {
        "asset_ledger_service": ("5s", "3s", "read committed"),
        "asset_ledger_projector": ("1min", "1min", "read committed"),
        "asset_ledger_owner": ("0", "0", "read committed"),
    }
    assert databases.owner
    for role, values in expected.items():
        with psycopg.connect(cluster.conninfo("asset_ledger", role)) as connection:
            for name, value in zip(names, values, strict=True):
                assert connection.execute("SELECT current_setting(%s)", (name,)).fetchone() == (value,)


def test_what_an_operator_has_set_for_a_role_holds(cluster: EmbeddedCluster, databases: Databases) -> None:
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as administrator:
        name = psycopg.conninfo.conninfo_to_dict(databases.service)["dbname"]
        administrator.execute(
            f"ALTER ROLE asset_ledger_service IN DATABASE {name} SET lock_timeout = '1234ms'".encode()
        )
    with connect(databases.service, SERVICE) as connection:
        assert connection.execute("SHOW lock_timeout").fetchone() == ("1234ms",)
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("5s",)


HOLDER = """
import sys
from uuid import UUID
from infra.database import Database

with Database(sys.argv[1]) as database, database.transaction(UUID(sys.argv[2])) as connection:
    connection.execute("SELECT ledger.lock_head(%s)", (UUID(sys.argv[2]),))
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_service_that_is_frozen_with_a_head_in_its_hand_loses_it_and_others_write(
    quiet: Services, databases: Databases
) -> None:
    tenant = empty_log(quiet)
    command = [sys.executable, "-c", HOLDER, databases.service, str(tenant)]
    with subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        os.kill(holder.pid, SIGSTOP)
        try:
            with within(10):
                assert quiet.log._writer.append(an_append(tenant))[0].position == 1
        finally:
            os.kill(holder.pid, SIGCONT)
            holder.kill()


@pytest.mark.parametrize(
    ("mode", "patience"),
    [("ACCESS EXCLUSIVE", Patience(lane=2_000)), ("SHARE", Patience())],
    ids=["locked", "indexed"],
)
def test_while_somebody_locks_the_events_every_writer_is_told_in_time(
    quiet: Services, databases: Databases, mode: str, patience: Patience
) -> None:
    """An index that is made takes the lock named SHARE for as long as that lasts."""
    quiet.writer.patience = patience
    tenants = [empty_log(quiet) for _ in range(4)]
    slowest = 0.0
    stopped = threading.Event()

    def append(number: int) -> None:
        if number % 4:
            quiet.log._writer.append(an_append(tenants[number % 4]))
            return
        with quiet.database.transaction(tenants[0]):
            quiet.log.of(tenants[0]).recorder.append(an_append(tenants[0]).entries)

    def write(number: int) -> None:
        nonlocal slowest
        while not stopped.is_set():
            started = time.monotonic()
            with pytest.raises(LogBusyError):
                append(number)
            slowest = max(slowest, time.monotonic() - started)

    with psycopg.connect(str(databases.owner)) as owner, ThreadPoolExecutor(12) as callers:
        owner.execute(f"LOCK TABLE ledger.events IN {mode} MODE".encode())
        answers = [callers.submit(write, number) for number in range(12)]
        stopped.wait(WAVES * patience.lane / 1_000)
        stopped.set()
        for answer in answers:
            answer.result(30)
        owner.rollback()
    assert slowest < 10
    assert [stored(quiet, tenant) for tenant in tenants] == [{}] * 4


def test_who_waits_for_a_head_in_a_transaction_is_told_that_the_log_is_busy(
    quiet: Services, databases: Databases
) -> None:
    tenant = empty_log(quiet)
    with held(databases, tenant), within(10), pytest.raises(LogBusyError):
        quiet.log.of(tenant).recorder.lock_head()


def test_the_owner_waits_as_long_as_it_takes() -> None:
    assert OWNER.answer >= 3_600
    assert not OWNER.settings
