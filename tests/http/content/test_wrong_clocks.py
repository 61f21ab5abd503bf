"""A server whose clock is wrong, next to a right one: it removes nothing, records nothing, and says so."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from api.composition import Services
from api.workers.content_watch import ContentWatch
from infra.content.directory import DirectoryStore
from infra.content.signed_urls import Grant
from infra.content.store import SMALLEST_PART
from infra.content.upload_table import object_key
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import Client, Served, caller_of, cloned, served_on
from tests.http.content.crashing import Server
from tests.http.content_requests import (
    CASTLE,
    begin,
    complete,
    part_urls,
    pending,
    put,
    send,
    streamed,
    topics,
    with_content,
)
from tests.infra.embedding import eventually
from tests.program import environment_of
from tests.stores import objects

RETENTION = timedelta(days=30)
LOOKS = 3
ENTRY = "tests.http.content.moved_clock"


class Wrong(NamedTuple):
    """A server whose clock is wrong, and where it notes how often it has looked around."""

    url: str
    looks: Path

    def look(self) -> None:
        """Return when everything has been looked after three times since now."""
        before = self._looked()
        eventually(lambda: self._looked() >= before + LOOKS)

    def _looked(self) -> int:
        return len(self.looks.read_text().splitlines()) if self.looks.exists() else 0


@pytest.fixture(scope="module", params=["directory", "s3"])
def kept(request: pytest.FixtureRequest, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings of each store; the directory is of these tests' own."""
    if request.param == "directory":
        return settings.model_copy(update={"content_store": tmp_path_factory.mktemp("kept").as_uri()})
    s3: Settings = request.getfixturevalue("s3_settings")
    return s3


@pytest.fixture(scope="module", params=[40, -40], ids=["ahead", "behind"])
def days(request: pytest.FixtureRequest) -> int:
    """By how much the clock is wrong."""
    number: int = request.param
    return number


@pytest.fixture(scope="module")
def shared(cluster: EmbeddedCluster, template: Databases) -> Iterator[Databases]:
    """Databases that both servers use."""
    with cloned(cluster, template) as clones:
        yield clones


@pytest.fixture(scope="module")
def right(shared: Databases, kept: Settings) -> Iterator[Served]:
    """A server whose clock is right."""
    with served_on(shared, kept) as served:
        yield served


@pytest.fixture(scope="module")
def wrong(shared: Databases, kept: Settings, days: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wrong]:
    """A server on the same databases and the same store, whose clock is wrong."""
    looks = tmp_path_factory.mktemp("looks") / "looks"
    with Server(environment_of(kept, shared), (sys.executable, "-m", ENTRY, str(days), str(looks))) as server:
        yield Wrong(server.url, looks)


@pytest.fixture
def services(right: Served) -> Services:
    """What the right server is served with."""
    return right.services


@pytest.fixture
def client(right: Served) -> Iterator[Client]:
    """A caller of the right server, of a tenant of its own."""
    with caller_of(right) as client:
        yield client


@pytest.fixture
def misled(wrong: Wrong, client: Client) -> Iterator[httpx.Client]:
    """The same caller at the wrong server."""
    key = client.http.headers["Authorization"]
    with httpx.Client(base_url=wrong.url, headers={"Authorization": key}, timeout=30) as http:
        yield http


def test_a_wrong_clock_removes_nothing_and_health_names_it(
    services: Services, client: Client, wrong: Wrong, misled: httpx.Client
) -> None:
    versions, deleted = with_content(client, b"first"), with_content(client, b"deleted just now")
    assert put(client, versions, b"second").status_code == 200
    assert client.call("DELETE", f"/v1/assets/{deleted}").status_code == 204
    landed, parts = begin(client, pending(client)), begin(client, pending(client), part_size=SMALLEST_PART)
    send(landed, CASTLE)
    (part,) = part_urls(client, parts, 1).values()
    assert httpx.put(part, content=b"the only part").status_code == 200
    client.page()
    before, half = objects(services, client), half_written(services)
    wrong.look()
    assert objects(services, client) == before
    health = misled.get("/health")
    assert (health.status_code, "clock" in health.json()["problems"]) == (503, True)
    assert client.get("/health").status_code == 200
    assert all(path.exists() for path in half)
    for asset_id in (versions, deleted):
        assert not {"asset.purge_requested", "asset.content_purged"} & set(topics(client, asset_id))
    assert client.get(f"/v1/assets/{versions}/content", version=1, stream=True).content == b"first"
    for upload in (landed, parts):
        assert complete(client, upload).status_code == 200
    ContentWatch(services, RETENTION).look()
    assert len(objects(services, client)) == len({*before, parts["id"]})


def half_written(services: Services) -> list[Path]:
    """What somebody is writing right now, where that can be seen."""
    if not isinstance(services.store, DirectoryStore):
        return []
    path = services.store._incoming / "0123.new"
    path.write_bytes(b"half of it")
    return [path]


def test_a_wrong_clock_records_nothing_that_retention_would_go_by(
    services: Services, client: Client, misled: httpx.Client, days: int
) -> None:
    asset_id = with_content(client, b"first", node_id="n1")
    client.page()
    answers = [
        misled.delete(f"/v1/assets/{asset_id}"),
        misled.put(f"/v1/assets/{asset_id}/content", content=b"second"),
        misled.post("/v1/assets/purge", params={"node_id": "n1"}),
    ]
    kind = "clock-ahead" if days > 0 else "clock-behind"
    problems = [(answer.status_code, answer.json()["type"].rpartition(":")[2]) for answer in answers]
    # A bucket's server takes no request of such a clock, be it to write: that is told first.
    stored = kind if isinstance(services.store, DirectoryStore) else "store-unavailable"
    assert problems == [(503, kind), (503, stored), (503, kind)]
    assert topics(client, asset_id) == ["asset.created", "asset.content_stored"]
    ContentWatch(services, RETENTION).look()
    assert streamed(client, asset_id).content == b"first"


def test_a_wrong_clock_issues_urls_as_good_as_those_of_the_right_one(
    services: Services, client: Client, misled: httpx.Client
) -> None:
    asset_id = pending(client)
    upload = misled.post(f"/v1/assets/{asset_id}/uploads", json={}).json()
    assert abs(begins(upload["url"], services) - datetime.now(UTC)) < timedelta(minutes=1)
    assert send(upload, CASTLE).status_code == 200
    assert complete(client, upload).status_code == 200
    assert streamed(client, asset_id).content == CASTLE


@pytest.mark.parametrize("kept", ["directory"], indirect=True)
def test_a_wrong_clock_takes_the_urls_of_the_right_one_and_refuses_those_that_are_over(
    services: Services, client: Client, misled: httpx.Client
) -> None:
    with_content(client, CASTLE)
    (key,) = objects(services, client)
    good, over = (
        urlsplit(services.signer.sign(Grant("GET", key, content_type="image/png"), datetime.now(UTC) + by))
        for by in (timedelta(minutes=1), timedelta(minutes=-1))
    )
    assert misled.get(f"{good.path}?{good.query}").content == CASTLE
    assert misled.get(f"{over.path}?{over.query}").status_code == 403


def begins(url: str, services: Services) -> datetime:
    """From when on a signed URL is good, as it says."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if "expires" in query:
        return datetime.fromtimestamp(int(query["expires"]), UTC) - services.rules.url_time
    return datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize("kept", ["directory"], indirect=True)
@pytest.mark.parametrize("command", [["reconcile", "--repair"], ["purge", "--node", "n1"]])
def test_a_command_whose_clock_is_wrong_removes_nothing_and_says_why_in_one_line(
    services: Services,
    client: Client,
    shared: Databases,
    kept: Settings,
    tmp_path: Path,
    days: int,
    command: list[str],
) -> None:
    asset_id = with_content(client, CASTLE, node_id="n1")
    services.store.write(object_key(client.tenant_id, UUID(asset_id), UUID(int=17)), [b"nobody knows me"])
    before = objects(services, client)
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            ENTRY,
            str(days),
            str(tmp_path / "looks"),
            "content",
            *command,
            "--tenant",
            str(client.tenant_id),
        ],
        env=environment_of(kept, shared),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 1
    assert "server's clock is 40 days" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert objects(services, client) == before
    assert topics(client, asset_id) == ["asset.created", "asset.content_stored"]
