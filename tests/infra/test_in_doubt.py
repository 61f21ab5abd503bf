"""Transactions whose connection is lost: what was committed is told as committed, and nothing else is."""

import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from api.composition import Services
from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra.database import Database
from infra.databases import Databases
from infra.event_log.group_commit import GroupWriter
from infra.event_log.pending_append import Patience
from infra.event_log.recorder import LogRecorder
from tests.chaos.cutting import LOSING, Cutter, When
from tests.conftest import empty_log
from tests.infra.grouping import entry, held, stored, until_blocked

COUNT = "SELECT count(*) FROM ledger.uploads"
BEGIN = """INSERT INTO ledger.uploads (tenant_id, content_id, asset_id, expires_at)
           VALUES (%s, gen_random_uuid(), gen_random_uuid(), now())"""


@pytest.fixture
def cutter(databases: Databases) -> Iterator[Cutter]:
    """A proxy before this test's databases."""
    with tempfile.TemporaryDirectory() as directory, Cutter(databases.service, Path(directory)) as proxy:
        yield proxy


@pytest.fixture
def database(databases: Databases, cutter: Cutter) -> Iterator[Database]:
    """The database behind the proxy."""
    with Database(cutter.through(databases.service), size=4, prepare=False) as pool:
        yield pool


class Log:
    """A tenant's log behind the proxy, appended to in transactions."""

    def __init__(self, services: Services, database: Database) -> None:
        self.tenant = empty_log(services)
        self.database = database
        self._writer = GroupWriter(database, patience=Patience())
        self._recorder = LogRecorder(database, self._writer, self.tenant)
        self.attempts = 0

    def append(self) -> int:
        """Append an entry and begin an upload, in the transaction around; returns which attempt it was."""
        self.attempts += 1
        self._recorder.append([entry(self.tenant)])
        with self.database.connection() as connection:
            connection.execute(BEGIN, (self.tenant,))
        return self.attempts


@pytest.fixture
def log(quiet: Services, database: Database) -> Log:
    return Log(quiet, database)


def uploads(services: Services, tenant: UUID) -> int:
    """How many uploads of the tenant are under way."""
    with services.database.transaction(tenant) as connection:
        row = connection.execute(COUNT).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_an_append_in_a_transaction_whose_connection_is_lost_at_commit_is_recorded_once(
    quiet: Services, cutter: Cutter, database: Database, log: Log, when: When
) -> None:
    cutter.cut_commit(str(log.tenant).encode(), when)
    attempt = database.in_transaction(log.tenant, log.append)
    assert cutter.armed == 0
    assert (len(stored(quiet, log.tenant)), uploads(quiet, log.tenant)) == (1, 1)
    assert attempt == log.attempts == (2 if when in (When.BEFORE, When.HALFWAY) else attempt)


@pytest.mark.parametrize("when", LOSING, ids=lambda when: when.name.lower())
def test_a_transaction_that_nobody_repeats_is_told_as_it_ended(
    quiet: Services, cutter: Cutter, database: Database, log: Log, when: When
) -> None:
    cutter.cut_commit(str(log.tenant).encode(), when)
    try:
        with database.transaction(log.tenant):
            log.append()
    except OutcomeUnknownError:
        pytest.fail("the log tells")
    except ServiceUnavailableError:
        recorded = 0
    else:
        recorded = 1
    assert cutter.armed == 0
    assert len(stored(quiet, log.tenant)) == recorded


def test_a_commit_that_lands_late_is_waited_for(
    quiet: Services, databases: Databases, cutter: Cutter, database: Database, log: Log
) -> None:
    """A look that does not queue behind the lost transaction would find nothing, and record it twice."""
    with psycopg.connect(str(databases.owner), autocommit=True) as owner, ThreadPoolExecutor(1) as caller:
        owner.execute(SLOW_COMMIT)
        cutter.cut_commit(str(log.tenant).encode(), When.SENT)
        with held_commits(databases):
            answer = caller.submit(database.in_transaction, log.tenant, log.append)
            until_blocked(databases, 2)  # the lost COMMIT, and who asks for its end
        assert answer.result(30) == 1
    assert (len(stored(quiet, log.tenant)), uploads(quiet, log.tenant)) == (1, 1)


SLOW_COMMIT = """
CREATE TABLE public.gate (open boolean); INSERT INTO public.gate VALUES (true);
CREATE FUNCTION public.wait_at_commit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
$$ BEGIN PERFORM FROM public.gate FOR UPDATE; RETURN NULL; END $$;
CREATE CONSTRAINT TRIGGER waits AFTER INSERT ON ledger.uploads
DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.wait_at_commit();
"""
"""Whoever has begun an upload waits for a gate while it commits."""


def held_commits(databases: Databases) -> psycopg.Connection:
    """Keeps the gate shut until it is closed."""
    stranger = psycopg.connect(str(databases.owner))
    stranger.execute("SELECT FROM public.gate FOR UPDATE")
    return stranger


@pytest.mark.parametrize("when", LOSING, ids=lambda when: when.name.lower())
def test_work_that_may_be_done_twice_is_done_again_and_anything_else_is_unknown(
    quiet: Services, cutter: Cutter, database: Database, when: When
) -> None:
    tenant = empty_log(quiet)

    def work() -> None:
        with database.connection() as connection:
            connection.execute(f"{BEGIN} ON CONFLICT DO NOTHING".replace("gen_random_uuid()", "%s"), (tenant,) * 3)

    cutter.cut_commit(str(tenant).encode(), when)
    database.in_transaction(tenant, work, repeatable=True)
    assert (cutter.armed, uploads(quiet, tenant)) == (0, 1)
    cutter.cut_commit(str(tenant).encode(), when)
    with pytest.raises(OutcomeUnknownError):
        database.in_transaction(tenant, work)


def test_before_commit_nothing_is_recorded_and_the_work_is_done_again(
    quiet: Services, cutter: Cutter, database: Database, log: Log
) -> None:
    cutter.cut_next(b"INSERT INTO ledger.uploads", When.ANSWERED, When.SENT)
    assert database.in_transaction(log.tenant, log.append) == 3
    assert (len(stored(quiet, log.tenant)), uploads(quiet, log.tenant)) == (1, 1)
    cutter.cut_next(b"INSERT INTO ledger.uploads", When.ANSWERED)
    with pytest.raises(ServiceUnavailableError) as refusal, database.transaction(log.tenant):
        log.append()
    assert type(refusal.value) is ServiceUnavailableError
    assert len(stored(quiet, log.tenant)) == 1


def test_what_was_read_stands_though_the_end_of_its_transaction_is_lost(
    quiet: Services, cutter: Cutter, database: Database
) -> None:
    tenant = empty_log(quiet)
    for when in LOSING:
        cutter.cut_next(b"COMMIT", when)
        with database.reading(tenant) as connection:
            (row,) = connection.execute("SELECT 1").fetchall()
        assert (row, cutter.armed) == ((1,), 0)


def test_a_database_that_stays_away_leaves_the_outcome_unknown(
    quiet: Services, databases: Databases, cutter: Cutter
) -> None:
    with Database(cutter.through(databases.service), prepare=False, timeout=0.2, in_doubt=0.2) as database:
        log = Log(quiet, database)
        cutter.cut_commit(str(log.tenant).encode(), When.ANSWERED, for_all=True)
        with pytest.raises(OutcomeUnknownError):
            database.in_transaction(log.tenant, log.append, repeatable=True)
    assert len(stored(quiet, log.tenant)) == 1


def test_a_head_that_somebody_keeps_leaves_the_outcome_unknown(
    quiet: Services, databases: Databases, cutter: Cutter
) -> None:
    shut = threading.Event()

    def keep(tenant: UUID) -> None:
        with held(databases, tenant):
            shut.wait(60)

    with Database(cutter.through(databases.service), prepare=False, in_doubt=0.5) as database:
        log = Log(quiet, database)
        keeper = threading.Thread(target=keep, args=(log.tenant,))

        def work() -> None:
            log.append()
            keeper.start()
            until_blocked(databases, 1)
            cutter.cut_commit(str(log.tenant).encode(), When.ANSWERED)

        with pytest.raises(OutcomeUnknownError):
            database.in_transaction(log.tenant, work)
        shut.set()
        keeper.join()
    assert len(stored(quiet, log.tenant)) == 1


def test_a_statement_that_failed_unnoticed_is_not_committed_as_a_success(quiet: Services, database: Database) -> None:
    tenant = empty_log(quiet)

    def work() -> None:
        with database.connection() as connection:
            connection.execute(BEGIN, (tenant,))
            with suppress(psycopg.errors.DivisionByZero):
                connection.execute("SELECT 1 / 0")

    with pytest.raises(psycopg.errors.InFailedSqlTransaction):
        database.in_transaction(tenant, work)
    assert uploads(quiet, tenant) == 0


def test_a_connection_that_was_lost_unnoticed_is_not_taken_for_a_success(
    quiet: Services, cutter: Cutter, database: Database
) -> None:
    tenant, attempts = empty_log(quiet), 0

    def work() -> None:
        nonlocal attempts
        attempts += 1
        with database.connection() as connection:
            connection.execute(BEGIN, (tenant,))
            if attempts == 1:
                cutter.cut_all()
            with suppress(psycopg.OperationalError):
                connection.execute("SELECT 1")

    database.in_transaction(tenant, work)
    assert (attempts, uploads(quiet, tenant)) == (2, 1)
