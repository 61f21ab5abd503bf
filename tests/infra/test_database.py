"""Transactions: nested ones are one, and take one connection; connections that are gone are replaced."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.errors import LogBusyError, ServiceUnavailableError
from domain.event import Actor
from infra.connections import fetch_at_once
from infra.database import Database
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.event_log.append_call import Append
from infra.event_log.group_commit import GroupWriter
from infra.event_log.pending_append import Patience
from infra.event_log.recorder import LogRecorder
from tests.conftest import context, new_tenant
from tests.infra.grouping import an_append, held


def test_a_transaction_inside_another_is_part_of_it(quiet: Services) -> None:
    tenant = new_tenant(quiet)

    def issue_a_key_and_fail() -> None:
        with quiet.database.transaction(tenant):
            quiet.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        issue_a_key_and_fail()
    assert quiet.api_keys.keys_of(tenant) == []
    assert quiet.log.of(tenant).head() == 1


def test_a_transaction_of_one_tenant_cannot_hold_anothers(quiet: Services) -> None:
    with quiet.database.transaction(uuid7()), pytest.raises(ValueError, match="one tenant"):
        quiet.log.of(UUID(int=1)).head()


def test_more_writers_than_connections_wait_their_turn(databases: Databases, quiet: Services) -> None:
    tenant = new_tenant(quiet)
    with Database(databases.service, size=2) as small, ThreadPoolExecutor(16) as pool:

        def nested(_: int) -> int:
            with small.transaction(tenant), small.transaction(tenant) as inner:
                (row,) = inner.execute("SELECT position FROM ledger.log_heads").fetchall()
                return int(row[0])

        assert set(pool.map(nested, range(64))) == {1}


def test_a_connection_that_the_server_has_left_is_not_handed_out(
    cluster: EmbeddedCluster, databases: Databases, quiet: Services
) -> None:
    tenant = new_tenant(quiet)
    with Database(databases.service, size=1) as database, psycopg.connect(cluster.conninfo("postgres")) as owner:
        with database.transaction(tenant) as connection:
            backend = connection.info.backend_pid
        # Waits until the backend is gone, so that the next use of the connection would fail.
        assert owner.execute("SELECT pg_terminate_backend(%s, 30000)", (backend,)).fetchone() == (True,)
        with database.transaction(tenant) as connection:
            assert connection.execute("SELECT position FROM ledger.log_heads").fetchall() == [(1,)]


def test_an_append_in_a_transaction_waits_for_a_locked_head_only_so_long(databases: Databases, quiet: Services) -> None:
    tenant = new_tenant(quiet)
    append: Append = an_append(tenant)
    with GroupWriter(quiet.database, patience=Patience(lane=50)) as writer, held(databases, tenant):
        recorder = LogRecorder(quiet.database, writer, tenant)
        with pytest.raises(LogBusyError), quiet.database.transaction(tenant):
            recorder.append(append.entries)
    assert quiet.log.of(tenant).head() == 1


def test_rows_fetched_at_once_are_those_a_cursor_gives(databases: Databases) -> None:
    first, second = uuid7(), uuid7()
    with Database(databases.service, size=1) as database, database.connection() as connection:
        rows = fetch_at_once(
            connection, "SELECT id, now() FROM unnest($1::uuid[]) AS given (id)", [[first, second]], tuple[Any, ...]
        )
        assert [row[0] for row in rows] == [first, second]
        with pytest.raises(psycopg.errors.UndefinedTable):
            fetch_at_once(connection, "SELECT * FROM nowhere", [], tuple[Any, ...])
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_a_connection_that_is_lost_while_rows_are_fetched_at_once_is_told_as_such(
    cluster: EmbeddedCluster, databases: Databases
) -> None:
    with Database(databases.service, size=1) as database, psycopg.connect(cluster.conninfo("postgres")) as owner:

        def lost() -> None:
            with database.connection() as connection:
                backend = connection.info.backend_pid
                assert owner.execute("SELECT pg_terminate_backend(%s, 30000)", (backend,)).fetchone() == (True,)
                fetch_at_once(connection, "SELECT 1", [], tuple[Any, ...])

        with pytest.raises(ServiceUnavailableError):
            lost()
        with database.connection() as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
