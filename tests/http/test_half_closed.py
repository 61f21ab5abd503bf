"""Callers that shut down their side and still read, as `nc -N` does, and those that may be gone."""

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext

import pytest

from api.composition import Services
from api.http.app import create_app
from api.http.connections import Bounds
from api.http.feed import Listeners
from api.http.server import listening, serving
from tests.conftest import Client
from tests.http.content_requests import begin, pending, with_content
from tests.http.raw_connections import SOON, next_answer, opened, to_the_end, until
from tests.http.streams import served
from tests.http.test_connections import soon

BODY = b'{"media":{"media_kind":"image"}}'
AT_ONCE = 4.0
"""Seconds: less than any deadline of the service."""


def head(client: Client, asked: str, *fields: str) -> bytes:
    """The head of a request with the client's key."""
    key = f"Authorization: {client.http.headers['Authorization']}"
    return "\r\n".join([f"{asked} HTTP/1.1", "Host: x", key, *fields, "", ""]).encode()


def post(client: Client, length: int = len(BODY)) -> bytes:
    """The head of a request that records an asset."""
    return head(client, "POST /v1/assets", "Content-Type: application/json", f"Content-Length: {length}")


@contextmanager
def half_closed(url: str, sent: bytes) -> Iterator[socket.socket]:
    """A connection on which these bytes have been sent, and no more will be."""
    with closing(opened(url, sent)) as connection:
        connection.shutdown(socket.SHUT_WR)
        yield connection


def answers_to(url: str, sent: bytes) -> list[bytes]:
    """What is answered to a caller that sends these bytes and shuts down its side. All of it comes at once."""
    asked = time.monotonic()
    with half_closed(url, sent) as connection:
        answers = to_the_end(connection).split(b"HTTP/1.1 ")
    assert time.monotonic() - asked < AT_ONCE
    return answers[1:]


def body(answer: bytes) -> bytes:
    """The body of an answer."""
    return answer.partition(b"\r\n\r\n")[2]


def test_an_asset_that_is_recorded_is_answered(client: Client, url: str) -> None:
    (answer,) = answers_to(url, post(client) + BODY)
    assert answer.startswith(b"201 ")
    assert client.get(f"/v1/assets/{json.loads(body(answer))['id']}").status_code == 200


def test_content_is_sent_whole(client: Client, url: str) -> None:
    content = bytes(range(256)) * 4_096
    asset_id = with_content(client, content)
    (answer,) = answers_to(url, head(client, f"GET /v1/assets/{asset_id}/content?stream=1"))
    assert body(answer) == content


def test_every_request_that_was_sent_is_answered(client: Client, url: str) -> None:
    sent = head(client, "GET /v1/assets") + post(client) + BODY + head(client, "GET /health/live") + b"GET /heal"
    assert [answer[:3] for answer in answers_to(url, sent)] == [b"200", b"201", b"200", b"400"]


@pytest.mark.parametrize("sent", [b"", b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"], ids=["new", "kept"])
def test_a_connection_on_which_nothing_is_asked_is_closed_at_once(url: str, sent: bytes) -> None:
    with closing(opened(url, sent)) as connection:
        assert not sent or next_answer(connection).startswith(b"HTTP/1.1 200 ")
        asked = time.monotonic()
        connection.shutdown(socket.SHUT_WR)
        assert to_the_end(connection) == b""
    assert time.monotonic() - asked < AT_ONCE


def test_half_a_header_is_refused_at_once(url: str) -> None:
    (answer,) = answers_to(url, b"GET /health/live HTTP/1.1\r\nHost")
    assert answer.startswith(b"400 ")


FORM = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\nbytes'
CHUNK = b"5\r\n{"


def is_cut_short(answer: bytes) -> bool:
    return answer.startswith(b"400 ") and b"urn:asset-ledger:problem:body-cut-short" in answer


def test_half_a_body_is_refused_at_once_and_nothing_is_recorded(client: Client, url: str) -> None:
    asset_id, chunked = pending(client), "Transfer-Encoding: chunked"
    upload = begin(client, asset_id)["url"].removeprefix(url)
    form = "Content-Type: multipart/form-data; boundary=b"
    position = client.head()
    for sent in (
        post(client) + BODY[:9],
        post(client),
        head(client, "POST /v1/assets", "Content-Type: application/json", chunked) + CHUNK,
        head(client, "POST /v1/assets/batch", "Content-Type: application/json", chunked) + CHUNK,
        head(client, "POST /v1/assets/upload", form, "Content-Length: 999") + FORM,
        head(client, f"PUT /v1/assets/{asset_id}/content", "Content-Length: 999") + b"bytes",
        f"PUT {upload} HTTP/1.1\r\nHost: x\r\nContent-Length: 999\r\n\r\nbytes".encode(),
    ):
        (answer,) = answers_to(url, sent)
        assert is_cut_short(answer), (sent, answer)
    assert client.head() == position


def test_half_a_body_that_nobody_reads_changes_no_answer(client: Client, url: str) -> None:
    asset_id, position = client.create()["id"], client.head()
    (answer,) = answers_to(url, head(client, f"DELETE /v1/assets/{asset_id}", "Content-Length: 9") + b"{")
    assert answer.startswith(b"20")
    assert client.head() == position + 1


def test_a_stream_goes_on(client: Client, url: str) -> None:
    asked = head(client, f"GET /v1/events?after={client.head()}", "Accept: text/event-stream")
    with half_closed(url, asked) as connection:
        assert connection.recv(12) == b"HTTP/1.1 200"
        asset, received = client.create(), b""
        while asset["id"].encode() not in received:
            received += connection.recv(65_536)


def test_who_waits_for_events_is_soon_answered(client: Client, url: str) -> None:
    asked = head(client, f"GET /v1/events?wait=30&after={client.head()}")
    (answer,) = answers_to(url, asked)
    assert body(answer) == b"[]"


@pytest.mark.parametrize("waiting", ["Accept: text/event-stream", "Accept: */*"], ids=["stream", "wait"])
def test_whoever_is_gone_leaves_its_place(client: Client, services: Services, waiting: str) -> None:
    listeners, after = Listeners(), client.head()
    with served(services, listeners) as url:
        with closing(opened(url, head(client, f"GET /v1/events?wait=30&after={after}", waiting))) as connection:
            until(lambda: listeners.present == 1)
            if "stream" in waiting:
                until(lambda: b"events follow" in connection.recv(65_536))
        gone = time.monotonic()
        until(lambda: listeners.present == 0)
        assert time.monotonic() - gone < AT_ONCE


def test_an_answer_that_nobody_takes_is_given_up(client: Client, services: Services) -> None:
    asset_id = with_content(client, bytes(32 << 20))
    app = create_app(lambda: nullcontext(services))
    with serving(app, listening("127.0.0.1", 0), SOON) as url, ExitStack() as stack:
        for _ in range(3):
            asked = head(client, f"GET /v1/assets/{asset_id}/content?stream=1")
            connection = stack.enter_context(half_closed(url, asked))
            assert connection.recv(12) == b"HTTP/1.1 200"
        assert app.state.asking.present == 3
        until(lambda: app.state.asking.present == 0)


def test_beyond_the_most_connections_half_closed_ones_make_room(services: Services) -> None:
    with soon(services, Bounds(connections=16)) as url, ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(half_closed(url, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"))
        (answer,) = answers_to(url, b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer.startswith(b"200 ")
