"""What a server answers that is down, going, or a standby: callers are told to try again, not that something broke."""

import psycopg
import pytest

from domain.errors import ServiceUnavailableError
from infra.database import Database
from infra.databases import Databases

SAYS_SO = "DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{}'; END $$"


@pytest.mark.parametrize(
    "sqlstate",
    ["25006", "25P03", "25P04", "57P01", "57P02", "57P03", "57P05", "08000", "08003", "08006", "08P01", "53300"],
)
def test_an_answer_that_is_no_fault_of_the_request_is_told_as_unavailable(databases: Databases, sqlstate: str) -> None:
    statement = SAYS_SO.format(sqlstate).encode()
    with Database(databases.service, size=1) as database:
        with pytest.raises(ServiceUnavailableError), database.connection() as connection:
            connection.execute(statement)
        with pytest.raises(ServiceUnavailableError), database.transaction() as connection:
            connection.execute(statement)
        with database.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_to_a_server_that_is_read_only_is_left(databases: Databases) -> None:
    with Database(databases.service, size=1) as database:
        with database.connection() as connection:
            connection.execute("SET default_transaction_read_only = on")
            before = connection.info.backend_pid
        with pytest.raises(ServiceUnavailableError), database.connection() as connection:
            connection.execute("SELECT ledger.open_log(gen_random_uuid(), 'a', now())")
        with database.connection() as connection:
            assert connection.info.backend_pid != before


def test_any_other_error_is_still_the_faults_own(databases: Databases) -> None:
    with (
        Database(databases.service, size=1) as database,
        pytest.raises(psycopg.errors.DivisionByZero),
        database.connection() as connection,
    ):
        connection.execute("SELECT 1/0")
