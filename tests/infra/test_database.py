"""Transactions: nested ones are one, and take one connection."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
import uuid6

from api.composition import Services
from domain.event import Actor
from infra.database import Database
from infra.servers import Servers
from tests.conftest import context, new_tenant


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
