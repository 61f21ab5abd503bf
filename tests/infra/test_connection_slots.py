"""Slots that tenants share: a tenant that is stuck is refused more, and one that is only busy waits its turn."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from uuid_utils.compat import uuid7

from domain.errors import ServiceUnavailableError, TenantBusyError
from infra import connection_slots
from infra.connection_slots import TransactionSlots
from infra.connections import Bounds
from infra.database import Database
from infra.databases import Databases

BRIEF = Bounds(5, {"idle_in_transaction_session_timeout": "300ms"})
IDLE_SECONDS = 1.0


def test_a_busy_tenant_waits_its_turn_and_everybody_gets_a_place() -> None:
    slots, tenant = TransactionSlots(2), uuid7()
    present, most = 0, 0
    counting = threading.Lock()

    def work(_: int) -> None:
        nonlocal present, most
        with slots.slot(tenant):
            with counting:
                present += 1
                most = max(most, present)
            time.sleep(0.005)
            with counting:
                present -= 1

    with ThreadPoolExecutor(16) as callers:
        list(callers.map(work, range(200)))
    assert most == 2
    assert slots._holders == {}


def test_a_tenant_that_is_stuck_is_refused_at_once_until_it_goes_on_and_others_are_not() -> None:
    slots, tenant = TransactionSlots(2, stuck_seconds=0.2), uuid7()
    with slots.slot(tenant), slots.slot(tenant):
        with pytest.raises(TenantBusyError), slots.slot(tenant):
            pass
        started = time.monotonic()
        for _ in range(20):
            with pytest.raises(TenantBusyError), slots.slot(tenant):
                pass
        assert time.monotonic() - started < 0.2
        with slots.slot(uuid7()), slots.slot(None):
            pass
    with slots.slot(tenant), slots.slot(tenant):
        pass
    assert slots._holders == {}


def test_a_place_that_comes_late_does_not_make_a_stuck_tenant_wait_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_slots, "PROMPT_SECONDS", 0.0)
    slots, tenant = TransactionSlots(1, stuck_seconds=0.2), uuid7()
    with slots.slot(tenant), pytest.raises(TenantBusyError), slots.slot(tenant):
        pass
    with slots.slot(tenant):  # nobody waited, so nothing is known of it any more
        with pytest.raises(TenantBusyError), slots.slot(tenant):
            pass
        started = time.monotonic()
        with pytest.raises(TenantBusyError), slots.slot(tenant):
            pass
        assert time.monotonic() - started < 0.2


def test_a_transaction_is_ended_when_it_is_idle_unless_a_store_works_meanwhile(databases: Databases) -> None:
    def idle(*, allowed: bool) -> None:
        with database.transaction() as connection:
            if allowed:
                database.allow_idle()
            time.sleep(IDLE_SECONDS)
            connection.execute("SELECT 1")

    with Database(databases.service, bounds=BRIEF) as database:
        idle(allowed=True)
        with pytest.raises(ServiceUnavailableError):
            idle(allowed=False)
