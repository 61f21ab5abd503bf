"""A server whose clock is wrong, next to a right one: it removes nothing, records nothing, and says so."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
import pytest

from api.composition import Services
from api.content_schemas import SMALLEST_PART
from api.content_watch import ContentWatch
from infra.content.directory import DirectoryStore
from infra.content.signing import Grant
from infra.content.uploads import object_key
from infra.servers import Servers
from infra.settings import Settings
from tests.api.content.conftest import caller_of, served_on
from tests.api.content.crashing import Server
from tests.api.content.test_content import CASTLE, pending, put, streamed, with_content
from tests.api.content.test_crashes import environment, kept
from tests.api.content.test_purging import objects, topics
from tests.api.content.test_uploads import begin, complete, part_urls, send
from tests.conftest import Client
from tests.infra.embedding import eventually

assert kept  # a fixture
RETENTION = timedelta(days=30)
LOOKS = 3
ENTRY = "tests.api.content.moved_clock"


class Wrong(NamedTuple):
    """A caller of the wrong server, and where that notes how often it has looked around."""

    http: httpx.Client
    looks: Path

    def looked(self) -> int:
        return len(self.looks.read_text().splitlines()) if self.looks.exists() else 0


@pytest.fixture(params=[40, -40], ids=["ahead", "behind"])
def days(request: pytest.FixtureRequest) -> int:
    """By how much the clock is wrong."""
    number: int = request.param
    return number


@contextmanager
def wrong_server(kept: Settings, databases: Servers, client: Client, looks: Path, days: int) -> Iterator[Wrong]:
    """A server on the same databases and the same store, for the same caller."""
    key = client.http.headers["Authorization"]
    with (
        Server(environment(kept, databases), (sys.executable, "-m", ENTRY, str(days), str(looks))) as server,
        httpx.Client(base_url=server.url, headers={"Authorization": key}, timeout=30) as http,
    ):
        yield Wrong(http, looks)


@pytest.fixture
def right(databases: Servers, kept: Settings) -> Iterator[tuple[Services, Client]]:
    """A server whose clock is right, and a caller of it."""
    with served_on(databases, kept) as served, caller_of(served) as client:
        yield served.services, client


def test_a_wrong_clock_removes_nothing_and_health_names_it(
    right: tuple[Services, Client], databases: Servers, kept: Settings, tmp_path: Path, days: int
) -> None:
    services, client = right
    versions, deleted = with_content(client, b"first"), with_content(client, b"deleted just now")
    assert put(client, versions, b"second").status_code == 200
    assert client.call("DELETE", f"/v1/assets/{deleted}").status_code == 204
    landed, parts = begin(client, pending(client)), begin(client, pending(client), part_size=SMALLEST_PART)
    send(landed, CASTLE)
    (part,) = part_urls(client, parts, 1).values()
    assert httpx.put(part, content=b"the only part").status_code == 200
    client.page()
    before, half = objects(services, client), half_written(services)
    with wrong_server(kept, databases, client, tmp_path / "looks", days) as wrong:
        eventually(lambda: wrong.looked() >= LOOKS)
        health = wrong.http.get("/health")
    assert objects(services, client) == before
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
    path = services.store._incoming._folder / "0123.new"
    path.write_bytes(b"half of it")
    return [path]


def test_a_wrong_clock_records_nothing_that_retention_would_go_by(
    right: tuple[Services, Client], databases: Servers, kept: Settings, tmp_path: Path, days: int
) -> None:
    services, client = right
    asset_id = with_content(client, b"first", node_id="n1")
    client.page()
    with wrong_server(kept, databases, client, tmp_path / "looks", days) as wrong:
        answers = [
            wrong.http.delete(f"/v1/assets/{asset_id}"),
            wrong.http.put(f"/v1/assets/{asset_id}/content", content=b"second"),
            wrong.http.post("/v1/assets/purge", params={"node_id": "n1"}),
        ]
    kind = "clock-ahead" if days > 0 else "clock-behind"
    told = [(answer.status_code, answer.json()["type"].rpartition(":")[2]) for answer in answers]
    # A bucket's server takes no request of such a clock, be it to write: that is told first.
    stored = kind if isinstance(services.store, DirectoryStore) else "store-unavailable"
    assert told == [(503, kind), (503, stored), (503, kind)]
    assert topics(client, asset_id) == ["asset.created", "asset.content_stored"]
    ContentWatch(services, RETENTION).look()
    assert streamed(client, asset_id).content == b"first"


def test_a_wrong_clock_issues_urls_as_good_as_those_of_the_right_one(
    right: tuple[Services, Client], databases: Servers, kept: Settings, tmp_path: Path, days: int
) -> None:
    services, client = right
    asset_id = pending(client)
    with wrong_server(kept, databases, client, tmp_path / "looks", days) as wrong:
        upload = wrong.http.post(f"/v1/assets/{asset_id}/uploads", json={}).json()
        assert abs(begins(upload["url"], services) - datetime.now(UTC)) < timedelta(minutes=1)
        assert send(upload, CASTLE).status_code == 200
    assert complete(client, upload).status_code == 200
    assert streamed(client, asset_id).content == CASTLE


@pytest.mark.parametrize("kept", ["directory"], indirect=True)
def test_a_wrong_clock_takes_the_urls_of_the_right_one_and_refuses_those_that_are_over(
    right: tuple[Services, Client], databases: Servers, kept: Settings, tmp_path: Path, days: int
) -> None:
    services, client = right
    with_content(client, CASTLE)
    (key,) = objects(services, client)
    good, over = (
        urlsplit(services.signer.sign(Grant("GET", key, content_type="image/png"), datetime.now(UTC) + by))
        for by in (timedelta(minutes=1), timedelta(minutes=-1))
    )
    with wrong_server(kept, databases, client, tmp_path / "looks", days) as wrong:
        assert wrong.http.get(f"{good.path}?{good.query}").content == CASTLE
        assert wrong.http.get(f"{over.path}?{over.query}").status_code == 403


def begins(url: str, services: Services) -> datetime:
    """From when on a signed URL is good, as it says."""
    query = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
    if "expires" in query:
        return datetime.fromtimestamp(int(query["expires"]), UTC) - services.rules.url_time
    return datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


@pytest.mark.parametrize("kept", ["directory"], indirect=True)
@pytest.mark.parametrize("command", [["reconcile", "--repair"], ["purge", "--node", "n1"]])
def test_a_command_whose_clock_is_wrong_removes_nothing_and_says_why_in_one_line(
    right: tuple[Services, Client], databases: Servers, kept: Settings, tmp_path: Path, days: int, command: list[str]
) -> None:
    services, client = right
    asset_id = with_content(client, CASTLE, node_id="n1")
    services.store.write(object_key(client.tenant_id, UUID(asset_id), UUID(int=17)), [b"nobody knows me"])
    before = objects(services, client)
    ended = subprocess.run(
        [sys.executable, "-m", ENTRY, str(days), str(tmp_path / "looks"), "content", *command],
        env=environment(kept, databases),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ended.returncode, "server's clock is 40 days" in ended.stderr, "Traceback" in ended.stderr) == (
        1,
        True,
        False,
    )
    assert objects(services, client) == before
    assert topics(client, asset_id) == ["asset.created", "asset.content_stored"]
