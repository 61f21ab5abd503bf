"""Read models are switched and rolled back while callers write and read: no request fails, and no list is wrong."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from api.application.switches import Switches
from api.composition import Services
from domain.event import Actor
from infra.databases import Databases
from infra.settings import Settings
from projections.asset_references.fold import ASSET_REFERENCES
from projections.assets.fold import ASSETS
from projections.engine.rebuild import rebuild
from projections.projection import Projection
from tests.conftest import Client, caller_of, served_on

ROOT = Actor(id="root", type="user")


def write(client: Client, stopped: threading.Event, mine: list[str], number: int) -> None:
    """Record assets, and look for each of them at once, in the list and by its reference."""
    reference = f"claim:c{number}"
    while not stopped.is_set():
        answer = client.call(
            "POST",
            "/v1/assets",
            json={"media": {"media_kind": "image"}, "references": [{"kind": "claim", "id": f"c{number}"}]},
        )
        assert answer.status_code == 201, answer.text
        mine.append(answer.json()["id"])
        by_reference = client.get("/v1/assets", ref=reference, limit=5, min_position=answer.headers["Ledger-Position"])
        assert by_reference.status_code == 200, by_reference.text
        assert [asset["id"] for asset in by_reference.json()["items"]] == mine[:-6:-1]


def read(client: Client, stopped: threading.Event) -> None:
    """Read pages that must never lose what an earlier one has shown, nor say that something is missing."""
    known: list[str] = []
    while not stopped.is_set():
        answer = client.get("/v1/assets", limit=200, order="asc")
        assert answer.status_code == 200, answer.text
        assert "Ledger-Rebuilding" not in answer.headers
        shown = [asset["id"] for asset in answer.json()["items"]]
        assert shown[: len(known)] == known
        known = shown


def switches(services: Services, projection: Projection[Any]) -> Switches:
    """An operator's switches of a read model."""
    return Switches(
        services.engine, services.projector, lambda tenant_id: services.session(tenant_id, ROOT), projection
    )


@contextmanager
def busy(client: Client) -> Iterator[None]:
    """Three writers and two readers while the block runs. AssertionError if one of their answers is wrong."""
    stopped = threading.Event()
    tasks: list[Callable[[], None]] = [lambda: read(client, stopped)] * 2
    tasks += [lambda number=number: write(client, stopped, [], number) for number in range(3)]  # type: ignore[misc]
    with ThreadPoolExecutor(len(tasks)) as pool:
        futures = [pool.submit(task) for task in tasks]
        try:
            yield
        finally:
            stopped.set()
        for future in futures:
            future.result()


@pytest.mark.parametrize("projection", [ASSETS, ASSET_REFERENCES], ids=["assets", "asset_references"])
def test_no_request_fails_and_no_list_is_wrong(
    databases: Databases, settings: Settings, projection: Projection[Any]
) -> None:
    with served_on(databases, settings) as served, caller_of(served) as client:
        services = served.services
        with busy(client):
            rebuild(services.engine, switches(services, projection).candidate(), beside=True)
            for _ in range(3):
                assert switches(services, projection).switch("mended") == 1
                assert switches(services, projection).roll_back("taken back") == 1
        assert client.page()["items"]
        assert len(client.page("/v1/audit", topic="projection.switched")["items"]) == 6
        assert services.engine.progress.miscounted() == []
