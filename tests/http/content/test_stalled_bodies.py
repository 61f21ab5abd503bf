"""Bodies of which nothing arrives any more, or too little, are given up."""

from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from select import select

import pytest

from api.composition import Services
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import Client, Served, served_with
from tests.http.content.test_slow_bodies import begun
from tests.http.content_requests import begin, pending

FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nbytes'
LENGTH = 1_000_000


@pytest.fixture(scope="module")
def served(cluster: EmbeddedCluster, template: Databases, of_a_store: Settings) -> Iterator[Served]:
    """A ledger that gives up a body soon, on each of the stores."""
    with served_with(cluster, template, of_a_store.model_copy(update={"idle_seconds": 0.2})) as ledger:
        yield ledger


def begun_by(client: Client, url: str, method: str, target: str, **headers: str) -> HTTPConnection:
    return begun(url, method, target, LENGTH, Authorization=client.http.headers["Authorization"], **headers)


def to_the_end(connection: HTTPConnection) -> bytes:
    """All that is answered until the other side closes the connection."""
    return b"".join(iter(lambda: connection.sock.recv(4096), b""))


def is_given_up(answer: bytes) -> bool:
    return answer.startswith(b"HTTP/1.1 408 ") and b"urn:asset-ledger:problem:body-stalled" in answer


def nothing_is_left(client: Client, services: Services) -> bool:
    """Neither in the store nor among the uploads under way."""
    with services.database.transaction(client.tenant_id) as connection:
        under_way = connection.execute("SELECT count(*) FROM ledger.uploads").fetchone()
    return under_way == (0,) and not list(services.store.objects(f"{client.tenant_id}/"))


def test_a_body_that_stalls_is_given_up(client: Client, services: Services, url: str) -> None:
    asset_id = pending(client)
    with closing(begun_by(client, url, "PUT", f"/v1/assets/{asset_id}/content")) as connection:
        connection.send(b"the beginning")
        assert is_given_up(to_the_end(connection))
    assert len(client.history(asset_id)) == 1
    assert nothing_is_left(client, services)


@pytest.mark.parametrize("sent", [b"", FORM])
def test_a_form_that_stalls_is_given_up(client: Client, services: Services, url: str, sent: bytes) -> None:
    head = client.head()
    form = {"Content_Type": "multipart/form-data; boundary=b"}
    with closing(begun_by(client, url, "POST", "/v1/assets/upload", **form)) as connection:
        connection.send(sent)
        assert is_given_up(to_the_end(connection))
    assert client.head() == head
    assert nothing_is_left(client, services)


def test_a_body_that_drips_is_given_up(client: Client, services: Services, url: str) -> None:
    asset_id = pending(client)
    with closing(begun_by(client, url, "PUT", f"/v1/assets/{asset_id}/content")) as connection:
        while not select([connection.sock], [], [], 0.02)[0]:
            connection.send(b"x")
        assert connection.sock.recv(4096).startswith(b"HTTP/1.1 408 ")
    assert nothing_is_left(client, services)


@pytest.mark.parametrize("of_a_store", ["directory"], indirect=True)
def test_a_body_for_a_signed_url_that_stalls_is_given_up(client: Client, services: Services, url: str) -> None:
    upload = begin(client, pending(client))
    with closing(begun(url, "PUT", upload["url"].removeprefix(url), LENGTH)) as connection:
        connection.send(b"the beginning")
        assert is_given_up(to_the_end(connection))
    assert list(services.store.objects(f"{client.tenant_id}/")) == []
