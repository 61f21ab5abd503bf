"""Exports that take long: cut where they cannot be completed, bounded in number, and of the moment they began at."""

import base64
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from api.composition import Services, connected
from api.http.app import MOST_EXPORTS, create_app
from api.http.server import listening, serving
from domain.event import Actor
from infra.api_keys import key_id_of
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from projections.assets.fold import ASSETS
from projections.engine.rebuild import rebuild
from tests.conftest import Client, cloned, context, new_tenant
from tests.http.assertions import path, problem
from tests.http.export_files import FORMATS
from tests.http.raw_connections import until
from tests.http.test_slow_lists import locked
from tests.projections.tables import catch_up

COUNT = 1_000
NOISE = 22_500
"""Bytes of each asset, which do not compress: together more than may be sent before anybody reads."""


class Ledger(NamedTuple):
    """A served ledger whose read models move only when a test moves them, and a tenant with much to export."""

    services: Services
    app: FastAPI
    url: str
    tenant_id: UUID

    @contextmanager
    def client(self) -> Iterator[Client]:
        """A client with a key of its own."""
        key = self.services.api_keys.issue(context(), self.tenant_id, Actor(id="ann", type="user"))
        with httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {key}"}, timeout=60) as http:
            yield Client(http, self.tenant_id)


@pytest.fixture(scope="module")
def ledger(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[Ledger]:
    changed = settings.model_copy(update={"follow": False, "list_seconds": 2})
    with cloned(cluster, template) as databases, connected(changed, databases) as services:
        app = create_app(lambda: nullcontext(services))
        with serving(app, listening("127.0.0.1", 0)) as url:
            large = Ledger(services, app, url, new_tenant(services))
            with large.client() as client:
                for _ in range(0, COUNT, 250):
                    assert client.call("POST", "/v1/assets/batch", json=noisy(250)).status_code == 200
            catch_up(services)
            yield large


def noisy(count: int) -> list[dict[str, Any]]:
    """Assets with documents that do not compress."""
    noise = (base64.b64encode(os.urandom(NOISE)).decode() for _ in range(count))
    return [{"media": {"media_kind": "image"}, "metadata": {"noise": text}} for text in noise]


@pytest.fixture
def client(ledger: Ledger) -> Iterator[Client]:
    with ledger.client() as client:
        yield client


@pytest.fixture(autouse=True)
def every_slot_is_given_back(ledger: Ledger) -> Iterator[None]:
    yield
    until(lambda: ledger.app.state.exporting.present == 0)


@contextmanager
def begun(client: Client, target: str, **params: Any) -> Iterator[tuple[httpx.Response, Iterator[bytes]]]:
    """An export of which something has arrived, and what arrives of it."""
    with client.http.stream("GET", target, params=params) as answer:
        assert answer.status_code == 200, answer.read()
        arriving = answer.iter_bytes()
        next(arriving)
        yield answer, arriving


def cut(arriving: Iterator[bytes]) -> None:
    """The connection is cut before the end."""
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):
        for _ in arriving:
            pass


@pytest.mark.parametrize("name", ["assets", "audit"])
@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_is_cut_when_its_key_is_revoked(ledger: Ledger, client: Client, name: str, kind: str) -> None:
    key = client.http.headers["Authorization"].removeprefix("Bearer ")
    with begun(client, f"/v1/{name}.{kind}") as (_, arriving):
        ledger.services.api_keys.revoke(context(), ledger.tenant_id, key_id_of(key))
        cut(arriving)


@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_is_cut_when_a_page_takes_too_long(ledger: Ledger, client: Client, kind: str) -> None:
    with begun(client, f"/v1/assets.{kind}") as (_, arriving), locked(ledger.services):
        cut(arriving)


def test_an_export_is_cut_when_its_read_model_is_made_anew_and_refused_meanwhile(
    ledger: Ledger, client: Client
) -> None:
    with begun(client, "/v1/assets.jsonl") as (_, arriving):
        ledger.services.engine.tables.reset(ASSETS)
        cut(arriving)
    for kind in FORMATS:
        problem(client.http.get(f"/v1/assets.{kind}"), 503, "read-model-rebuilding")
    rebuild(ledger.services.engine, ASSETS)
    assert client.get("/v1/assets.jsonl").text.count("\n") >= COUNT


def test_an_export_shows_nothing_that_was_recorded_after_it_began(ledger: Ledger, client: Client) -> None:
    last, *_ = client.get("/v1/assets", limit=1).json()["items"]
    with client.http.stream("GET", "/v1/assets.jsonl", params={"order": "asc"}) as answer:
        lines = answer.iter_lines()
        first = json.loads(next(lines))
        position = int(answer.headers["Ledger-Position"])
        new = client.create(name="new")
        client.call("PATCH", path(last), json={"name": "changed meanwhile"})
        client.call("PATCH", path(first), json={"name": "changed after it was sent"})
        catch_up(ledger.services)
        items = [first, *map(json.loads, lines)]
    ids = [item["id"] for item in items]
    assert len(set(ids)) == len(ids) >= COUNT
    assert new["id"] not in ids
    assert (items[-1]["id"], items[-1]["name"]) == (last["id"], "changed meanwhile")
    assert items[0]["name"] is None
    assert [item["id"] for item in items if item["position"] > position] == [last["id"]]
    assert client.ids(limit=1) == [new["id"]]


def test_exports_of_one_key_leave_slots_to_other_keys(ledger: Ledger, client: Client) -> None:
    with ExitStack() as stack:
        for _ in range(MOST_EXPORTS // 4):
            stack.enter_context(begun(client, "/v1/assets.csv"))
        refused = client.http.get("/v1/jobs.jsonl")
        problem(refused, 429, "share-used-up")
        assert refused.headers["Retry-After"] == "1"
        assert client.get("/v1/jobs").status_code == 200
        another = stack.enter_context(ledger.client())
        assert another.get("/v1/jobs.jsonl").status_code == 200
    until(lambda: ledger.app.state.exporting.present == 0)
    assert client.get("/v1/jobs.jsonl").status_code == 200
