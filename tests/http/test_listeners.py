"""Who waits for events costs next to nothing, and is let go when it is time."""

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from uuid import UUID

import httpx
import psycopg
import pytest

from api.composition import Services
from api.http.feed import Listeners
from domain.event import Actor
from infra.embedded_postgres.cluster import EmbeddedCluster
from tests.conftest import Client, context, new_tenant
from tests.http.streams import batch, elsewhere, everything, next_events, served, streaming


def test_more_listeners_than_threads_and_connections_leave_the_service_free(client: Client, url: str) -> None:
    after = client.head()
    with ExitStack() as stack:
        streams = [
            stack.enter_context(streaming(stack.enter_context(elsewhere(client, url)), after=after)) for _ in range(60)
        ]
        asset = client.create()
        assert client.page()["items"] == [asset]
        for blocks in streams:
            assert [event["subject"] for event in next_events(blocks, 1)] == [f"asset:{asset['id']}"]


def test_a_quiet_stream_says_that_it_is_there_and_where_it_stands(client: Client, services: Services) -> None:
    client.create()
    topics = ["asset.held"]
    with (
        served(services, Listeners(heartbeat=0.05)) as url,
        elsewhere(client, url) as caller,
        streaming(caller, topics=topics) as blocks,
    ):
        assert next(blocks) == {"": "events follow", "retry": "1000"}
        for _ in range(3):
            assert next(blocks) == {"": "still here", "id": str(client.head())}


def until(listeners: Listeners, present: int, client: Client) -> None:
    """Return when so many wait; meanwhile the service is asked for other things."""
    deadline = time.monotonic() + 10
    while listeners.present != present:
        everything(client)
        assert time.monotonic() < deadline


def test_too_many_listeners_are_refused_until_one_goes_away(client: Client, services: Services) -> None:
    listeners = Listeners(most=1)
    with served(services, listeners) as url, elsewhere(client, url) as caller, elsewhere(client, url) as another:
        with streaming(caller) as blocks:
            next_events(blocks, 1)
            for accept in ("text/event-stream", "*/*"):
                refused = another.http.get("/v1/events", params={"wait": 1}, headers={"Accept": accept})
                assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
            assert everything(another)
        until(listeners, 0, another)
        with pytest.raises(httpx.ReadTimeout):
            caller.http.get("/v1/events", params={"after": client.head(), "wait": 30}, timeout=0.1)
        until(listeners, 0, another)


def test_a_stream_ends_when_its_key_is_revoked(client: Client, services: Services) -> None:
    (key_id,) = [event["data"]["key_id"] for event in everything(client, topics=["tenant.key_issued"])]
    with (
        served(services, Listeners(heartbeat=0.05)) as url,
        elsewhere(client, url) as caller,
        streaming(caller) as blocks,
    ):
        assert next(blocks)
        services.api_keys.revoke(context(), client.tenant_id, UUID(key_id))
        assert next_events(blocks, 100)[-1]["type"] == "tenant.key_revoked"
    assert client.get("/v1/events").status_code == 401


def cut_connections(services: Services, cluster: EmbeddedCluster) -> None:
    """End every connection of the service, and return when it has met one that is gone."""

    def met() -> int:
        stats = services.database._pool.get_stats()
        return stats.get("returns_bad", 0) + stats.get("connections_lost", 0)

    before = met()
    with services.database.connection() as connection:
        name = connection.info.dbname
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as operator:
        ended = "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s AND usename = %s"
        assert operator.execute(ended, (name, "asset_ledger_service")).fetchall()
    deadline = time.monotonic() + 10
    while met() == before:
        assert time.monotonic() < deadline


def test_a_stream_outlives_lost_connections_to_the_database(quiet: Services, cluster: EmbeddedCluster) -> None:
    tenant = new_tenant(quiet)
    key = quiet.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
    with (
        served(quiet, Listeners()) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
        streaming(Client(http, tenant)) as blocks,
    ):
        assert len(next_events(blocks, 2)) == 2
        for _ in range(3):
            cut_connections(quiet, cluster)
        quiet.database._pool.check()
        quiet.api_keys.issue(context(), tenant, Actor(id="ben", type="user"))
        assert [event["data"]["holder"]["id"] for event in next_events(blocks, 1)] == ["ben"]


def test_a_service_that_stops_lets_everybody_go_at_once(client: Client, services: Services) -> None:
    head, listeners = client.head(), Listeners()
    with ExitStack() as held, ThreadPoolExecutor() as pool:
        with served(services, listeners) as url:
            caller, another, third = (held.enter_context(elsewhere(client, url)) for _ in range(3))
            blocks = held.enter_context(streaming(caller, after=head))
            reading = pool.submit(next_events, blocks, 1)
            waiting = pool.submit(batch, another, after=head, wait=30)
            until(listeners, 2, third)
            started = time.monotonic()
        assert time.monotonic() - started < 5
        assert reading.result() == []
        assert waiting.result() == ([], head)
