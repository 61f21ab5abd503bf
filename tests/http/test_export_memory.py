"""However long an export is, the service holds a few pages of it."""

import base64
import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from api.composition import connected
from domain.event import Actor
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import cloned, context, new_tenant
from tests.http.export_files import FORMATS
from tests.http.raw_connections import until
from tests.program import ServedProcess, environment_of, serve

MIB = 1 << 20
BATCHES = 12
FEW = 3
"""The batches of the export that comes first: enough for a row group."""
NOISE = 2_200
GROWTH = 12 * MIB
"""How much more memory a long export may take than one of a quarter of its length."""


@pytest.fixture(scope="module")
def ledger(
    cluster: EmbeddedCluster, template: Databases, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServedProcess, httpx.Client]]:
    """The service in a process of its own, with 12,000 assets of 3 KB, and a caller."""
    with cloned(cluster, template) as databases:
        with connected(settings.model_copy(update={"follow": False}), databases) as services:
            key = services.api_keys.issue(context(), new_tenant(services), Actor(id="ann", type="user"))
        log = tmp_path_factory.mktemp("exports") / "log"
        headers = {"Authorization": f"Bearer {key}"}
        with (
            serve(environment_of(settings, databases), log) as process,
            httpx.Client(base_url=process.url, headers=headers, timeout=120) as http,
        ):
            for number in range(BATCHES):
                answer = http.post("/v1/assets/batch", json=batch("few" if number < FEW else "other"))
                assert answer.status_code == 200, answer.text
            until(lambda: all(is_visible(http, name) for name in ("assets", "audit")))
            yield process, http


def is_visible(http: httpx.Client, name: str) -> bool:
    """Whether the list shows the last asset, after the tenant and its key."""
    params = {"min_position": 2 + 1_000 * BATCHES, "limit": 1}
    return http.get(f"/v1/{name}", params=params).status_code == 200


def batch(workflow_id: str) -> list[dict[str, Any]]:
    """A thousand assets with documents that do not compress."""
    noise = (base64.b64encode(os.urandom(NOISE)).decode() for _ in range(1_000))
    media = {"media_kind": "image", "width": 512}
    return [{"media": media, "workflow_id": workflow_id, "metadata": {"noise": text}} for text in noise]


def size(http: httpx.Client, name: str, kind: str, **params: Any) -> int:
    """How many bytes an export has."""
    with http.stream("GET", f"/v1/{name}.{kind}", params=params) as answer:
        assert answer.status_code == 200, answer.read()
        return sum(map(len, answer.iter_raw()))


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize("name", ["assets", "audit"])
def test_an_export_of_twelve_thousand_takes_no_more_memory_than_one_of_three_thousand(
    ledger: tuple[ServedProcess, httpx.Client], name: str, kind: str
) -> None:
    process, http = ledger
    few = {"workflow_id": "few"} if name == "assets" else {"ref": "workflow:few"}
    for _ in range(2):
        least = size(http, name, kind, **few)
    before = process.peak_memory()
    whole = size(http, name, kind)
    assert whole > 3 * least > 3 * FEW * 1_000 * NOISE
    assert process.peak_memory() - before < GROWTH
