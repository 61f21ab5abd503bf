"""Bodies that stall, on their way in or out, keep nobody else waiting."""

from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from socket import MSG_PEEK, MSG_WAITALL
from urllib.parse import urlsplit

import httpx
import pytest

from api.http.app import MOST_BODIES
from tests.conftest import Client
from tests.http.content_requests import begin, pending, send, with_content

MORE = MOST_BODIES + 9


def begun(url: str, method: str, target: str, length: int, **headers: str) -> HTTPConnection:
    """A request whose head has been sent."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.putrequest(method, target)
    for name, value in {"Content-Length": str(length), **headers}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    return connection


def status(connection: HTTPConnection) -> int:
    """The status that is answered first; it is left to be read."""
    return int(connection.sock.recv(len("HTTP/1.1 100"), MSG_PEEK | MSG_WAITALL)[-3:])


def stalled(stack: ExitStack, url: str, target: str, share: int, **headers: str) -> list[HTTPConnection]:
    """More requests than may bring content at once, of which one byte is missing. Those that it is waited for."""
    connections = [begun(url, "PUT", target, 1, Expect="100-continue", **headers) for _ in range(MORE)]
    for connection in connections:
        stack.enter_context(closing(connection))
    answers = [status(connection) for connection in connections]
    assert Counter(answers) == {100: share, 429: MORE - share}
    for connection, answer in zip(connections, answers, strict=True):
        if answer == 429:
            assert connection.getresponse().headers["Retry-After"] == "1"
    return [connection for connection, answer in zip(connections, answers, strict=True) if answer == 100]


def finished(connection: HTTPConnection) -> HTTPResponse:
    """The answer once the byte that is missing has come."""
    connection.send(b"x")
    return connection.getresponse()


def test_bodies_that_stall_keep_nobody_else_waiting(clients: Callable[..., Client], url: str) -> None:
    client, another = clients(), clients()
    asset_id, key = pending(client), client.http.headers["Authorization"]
    with ExitStack() as stack:
        waiting = stalled(stack, url, f"/v1/assets/{asset_id}/content", MOST_BODIES // 4, Authorization=key)
        with_content(another, b"of another tenant")
        assert client.get(f"/v1/assets/{asset_id}").status_code == 200
        assert httpx.get(f"{url}/health").status_code == 200
        assert {finished(connection).status for connection in waiting} <= {200, 409}  # many write at the same moment


@pytest.mark.parametrize("served", ["directory"], indirect=True)
def test_a_signed_url_takes_one_body_at_a_time_and_keeps_nobody_else_waiting(client: Client, url: str) -> None:
    asset_id = pending(client)
    others = [begin(client, pending(client)) for _ in range(3)]
    target = begin(client, asset_id)["url"].removeprefix(url)
    with ExitStack() as stack:
        waiting = stalled(stack, url, target, 1)
        assert [send(upload, b"x").status_code for upload in others] == [200] * 3
        with_content(client, b"of the same key")
        assert client.get(f"/v1/assets/{asset_id}").status_code == 200
        assert httpx.get(f"{url}/health").status_code == 200
        assert {finished(connection).status for connection in waiting} == {200}


@pytest.mark.parametrize("target", ["/v1/assets/{}/content?stream=1", "/v1/assets/zip?id={}"])
def test_readers_that_stall_keep_nobody_else_waiting(client: Client, url: str, target: str) -> None:
    asset_id, key = with_content(client, bytes(8 << 20)), client.http.headers["Authorization"]
    with ExitStack() as stack:
        for _ in range(MORE):
            connection = stack.enter_context(closing(begun(url, "GET", target.format(asset_id), 0, Authorization=key)))
            assert status(connection) == 200
        assert client.get(f"/v1/assets/{asset_id}").status_code == 200
        assert httpx.get(f"{url}/health").status_code == 200
