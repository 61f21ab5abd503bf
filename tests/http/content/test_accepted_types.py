"""A service that takes content of some media types refuses all other, as soon as it is said or seen."""

from collections.abc import Iterator

import httpx
import pytest

from api.composition import Services
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import Client, Served, served_with
from tests.http.assertions import problem
from tests.http.content_requests import CASTLE, SAMPLES, begin, complete, pending, put, send
from tests.infra.content import sites

CHIME = (SAMPLES / "chime.wav").read_bytes()
UNSAID = "application/octet-stream"
REFUSED = (415, "content-type-refused")


@pytest.fixture(scope="module")
def served(cluster: EmbeddedCluster, template: Databases, of_a_store: Settings) -> Iterator[Served]:
    """A ledger that takes pictures only, on each of the stores."""
    with served_with(cluster, template, of_a_store.model_copy(update={"content_types": ("image/",)})) as ledger:
        yield ledger


def is_pending_without_bytes(client: Client, services: Services, asset_id: str) -> bool:
    status = client.get(f"/v1/assets/{asset_id}").json()["status"]
    return status == "pending" and not list(services.store.objects(f"{client.tenant_id}/"))


@pytest.mark.parametrize("declared", ["audio/wav", "TEXT/PLAIN", "text/plain; charset=utf-8"])
def test_a_type_that_is_not_taken_gets_no_url(client: Client, services: Services, declared: str) -> None:
    asset_id = pending(client)
    problem(client.call("POST", f"/v1/assets/{asset_id}/uploads", json={"content_type": declared}), *REFUSED)
    with services.database.transaction(client.tenant_id) as connection:
        assert connection.execute("SELECT count(*) FROM ledger.uploads").fetchone() == (0,)


@pytest.mark.parametrize("announced", [{}, {"content_type": "image/png"}, {"content_type": UNSAID}])
def test_what_landed_is_looked_at_whatever_was_announced(
    client: Client, services: Services, announced: dict[str, str]
) -> None:
    asset_id = pending(client)
    upload = begin(client, asset_id, **announced)
    assert send(upload, CHIME).status_code == 200
    problem(complete(client, upload), *REFUSED)
    assert is_pending_without_bytes(client, services, asset_id)
    assert send(upload, CASTLE).status_code == 200
    assert complete(client, upload).json()["content"]["content_type"] == "image/png"


@pytest.mark.parametrize(
    ("data", "declared"), [(CASTLE, {"Content-Type": "audio/wav"}), (CHIME, {}), (b"\x00 of no type", {})]
)
def test_a_body_that_is_said_or_seen_not_to_be_taken_is_refused(
    client: Client, services: Services, data: bytes, declared: dict[str, str]
) -> None:
    asset_id = pending(client)
    problem(put(client, asset_id, data, **declared), *REFUSED)
    problem(client.call("POST", "/v1/assets/upload", files={"file": ("a", data, *declared.values())}), *REFUSED)
    assert is_pending_without_bytes(client, services, asset_id)


@pytest.mark.parametrize("declared", ["", UNSAID, "binary/octet-stream", "image/png", "Image/PNG; q=1"])
def test_a_type_that_says_nothing_refuses_nothing(client: Client, declared: str) -> None:
    content_type = {"Content-Type": declared} if declared else {}
    assert put(client, pending(client), CASTLE, **content_type).status_code == 200
    upload = begin(client, pending(client), **({"content_type": declared} if declared else {}))
    assert httpx.put(upload["url"], content=CASTLE, headers=content_type).status_code == 200
    assert complete(client, upload).status_code == 200


@pytest.mark.parametrize(
    ("data", "declared", "refused"),
    [(CASTLE, "", None), (CASTLE, UNSAID, None), (CASTLE, "text/plain", 415), (CHIME, "", 415), (CHIME, UNSAID, 415)],
)
def test_what_lies_behind_a_url_is_held_to_the_same(
    client: Client, data: bytes, declared: str, refused: int | None
) -> None:
    with sites.served(sites.Site()) as site:
        site.answers["/a"] = sites.says(body=data, Content_Type=declared)
        url = site.url("/a", host="127.0.0.1")
        (result,) = client.call("POST", "/v1/assets/from-urls", json={"items": [{"url": url}]}).json()["results"]
    assert (result["problem"] or {"status": None})["status"] == refused
