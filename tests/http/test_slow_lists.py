"""Lists that take long are given up, and leave room for everything else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, nullcontext
from queue import SimpleQueue
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from psycopg import sql

from api.composition import Services, connected
from api.http.app import create_app
from api.http.server import listening, serving
from domain.errors import ListsBusyError
from domain.event import Actor
from infra.connection_slots import ListSlots
from infra.databases import Databases
from infra.settings import Settings
from projections.catalogue import CATALOGUE
from tests.conftest import Client, context, new_tenant
from tests.projections.tables import catch_up

PATHS = (
    "/v1/assets",
    "/v1/assets?total=true&name=ab",
    "/v1/assets?prompt=castle&metadata.shot=12",
    "/v1/jobs",
    "/v1/audit",
    "/v1/references/client/assets?id=c1",
    "/v1/statistics",
)


@contextmanager
def ledger(databases: Databases, settings: Settings, **changed: Any) -> Iterator[tuple[Services, Client]]:
    """A served ledger whose read models hold one asset, and a client of it."""
    with connected(settings.model_copy(update={"follow": False, **changed}), databases) as services:
        tenant = new_tenant(services)
        key = services.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
        with (
            serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0)) as url,
            httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
        ):
            client = Client(http, tenant)
            client.create(name="abc", references=["client:c1"])
            catch_up(services)
            yield services, client


@contextmanager
def locked(services: Services) -> Iterator[None]:
    """Somebody has every table of the read models to himself, so that no list comes to an end."""
    with services.projector.transaction() as connection:
        tables = [sql.Identifier("read_models", projection.table.name) for projection in CATALOGUE]
        connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(sql.SQL(", ").join(tables)))
        yield


def problem(response: httpx.Response) -> str:
    return f"{response.status_code} {response.json()['type'].rpartition(':')[2]}"


def test_a_list_that_takes_too_long_is_given_up_and_says_so(databases: Databases, settings: Settings) -> None:
    with ledger(databases, settings, list_seconds=0.2) as (services, client):
        with locked(services):
            for path in PATHS:
                answer = client.http.get(path)
                assert problem(answer) == "503 list-too-slow"
                assert "0.2 s. Narrow it" in answer.json()["detail"]
        for path in PATHS:
            assert client.call("GET", path).status_code == 200


def test_slow_lists_leave_half_of_the_connections_to_everything_else(databases: Databases, settings: Settings) -> None:
    with ledger(databases, settings, list_seconds=8, pool_size=4) as (services, client):
        asset = client.ids()[0]
        with locked(services), ThreadPoolExecutor(8) as pool:
            slow = [pool.submit(client.http.get, "/v1/assets") for _ in range(8)]
            deadline = time.monotonic() + 7
            while sum(future.done() for future in slow) < 6:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert {problem(future.result()) for future in slow if future.done()} == {"503 lists-busy"}
            started = time.monotonic()
            assert problem(client.http.get("/v1/jobs")) == "503 lists-busy"
            assert client.get(f"/v1/assets/{asset}").status_code == 200
            client.create()
            assert time.monotonic() - started < 5
            assert sorted(problem(future.result()) for future in slow)[:2] == ["503 list-too-slow"] * 2
        assert client.get("/v1/assets").status_code == 200


def test_one_tenants_lists_leave_places_to_other_tenants(quiet: Services) -> None:
    slots, busy, other = ListSlots(16), new_tenant(quiet), new_tenant(quiet)
    with ExitStack() as full:
        for _ in range(slots.most_of_tenant):
            full.enter_context(slots.slot(busy))
        with pytest.raises(ListsBusyError), slots.slot(busy):
            pass
        with slots.slot(other), slots.slot(other), pytest.raises(ListsBusyError), slots.slot(other):
            pass
    with slots.slot(busy):
        pass


def test_a_slot_goes_to_the_first_that_may_have_it_and_wakes_nobody_else() -> None:
    slots, busy, other, third = ListSlots(16), uuid4(), uuid4(), uuid4()
    entered: SimpleQueue[UUID] = SimpleQueue()

    def wait_for_a_slot(tenant: UUID) -> None:
        with slots.slot(tenant):
            entered.put(tenant)

    with ExitStack() as of_busy, ExitStack() as of_other, ThreadPoolExecutor(2) as pool:
        for _ in range(slots.most_of_tenant):
            of_busy.enter_context(slots.slot(busy))
        for _ in range(slots.most - slots.most_of_tenant):
            of_other.enter_context(slots.slot(other))
        waiting = []
        for number, tenant in enumerate([busy, third], 1):
            waiting.append(pool.submit(wait_for_a_slot, tenant))
            deadline = time.monotonic() + 5
            while len(slots.waiting) < number:
                assert time.monotonic() < deadline
                time.sleep(0.001)

        of_other.close()
        assert entered.get(timeout=5) == third
        waiting[1].result(5)
        assert slots.waiting == [busy]
        of_busy.close()
        assert entered.get(timeout=5) == busy
        waiting[0].result(5)
    assert slots.waiting == []


def test_many_quick_lists_at_once_are_all_answered(databases: Databases, settings: Settings) -> None:
    with ledger(databases, settings, pool_size=4) as (_, client), ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: client.http.get("/v1/assets").status_code, range(400)))
    assert set(answers) == {200}
