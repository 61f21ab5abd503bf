"""Transactions: nested ones are one, and take one connection; connections that are gone are replaced."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import psycopg
import pytest
import uuid6

from api.composition import Services
from domain.errors import LogBusyError
from domain.event import Actor
from infra.database import Database
from infra.embedded import EmbeddedCluster
from infra.event_log.appending import Append
from infra.event_log.group_commit import GroupWriter, Patience
from infra.event_log.recorder import LogRecorder
from infra.servers import Servers
from tests.conftest import context, new_tenant
from tests.infra.grouping import an_append, held


def test_a_transaction_inside_another_is_part_of_it(quiet: Services) -> None:
    tenant = new_tenant(quiet)

    def issue_a_key_and_fail() -> None:
        with quiet.database.transaction(tenant):
            quiet.tenants.issue_key(context(), tenant, Actor(id="ann", type="user"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        issue_a_key_and_fail()
    assert quiet.tenants.list_keys(tenant) == []
    assert quiet.log.of(tenant).recorder.head() == 1


def test_a_transaction_of_one_tenant_cannot_hold_anothers(quiet: Services) -> None:
    with quiet.database.transaction(uuid6.uuid7()), pytest.raises(ValueError, match="one tenant"):
        quiet.log.of(UUID(int=1)).recorder.head()


def test_more_writers_than_connections_wait_their_turn(databases: Servers, quiet: Services) -> None:
    tenant = new_tenant(quiet)
    with Database(databases.service, size=2) as small, ThreadPoolExecutor(16) as pool:

        def nested(_: int) -> int:
            with small.transaction(tenant), small.transaction(tenant) as inner:
                (row,) = inner.execute("SELECT position FROM ledger.log_heads").fetchall()
                return int(row[0])

        assert set(pool.map(nested, range(64))) == {1}


def test_a_connection_that_the_server_has_left_is_not_handed_out(
    cluster: EmbeddedCluster, databases: Servers, quiet: Services
) -> None:
    tenant = new_tenant(quiet)
    with Database(databases.service, size=1) as database, psycopg.connect(cluster.conninfo("postgres")) as owner:
        with database.transaction(tenant) as connection:
            backend = connection.info.backend_pid
        # Waits until the backend is gone, so that the next use of the connection would fail.
        assert owner.execute("SELECT pg_terminate_backend(%s, 30000)", (backend,)).fetchone() == (True,)
        with database.transaction(tenant) as connection:
            assert connection.execute("SELECT position FROM ledger.log_heads").fetchall() == [(1,)]


def test_an_append_in_a_transaction_waits_for_a_locked_head_only_so_long(databases: Servers, quiet: Services) -> None:
    tenant = new_tenant(quiet)
    append: Append = an_append(tenant)
    with GroupWriter(quiet.database, patience=Patience(lane=50)) as writer, held(databases, tenant):
        recorder = LogRecorder(quiet.database, writer, tenant)
        with pytest.raises(LogBusyError), quiet.database.transaction(tenant):
            recorder.append(append.entries)
    assert quiet.log.of(tenant).recorder.head() == 1
