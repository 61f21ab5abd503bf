"""Callers that speak HTTP/1.0, and those that wait for `100 Continue` (RFC 9110, section 10.1.1)."""

from contextlib import closing, suppress

import pytest

from tests.conftest import Client
from tests.http.content_requests import with_content
from tests.http.raw_connections import opened, to_the_end
from tests.http.test_half_closed import BODY, head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECT = "Expect: 100-continue"
JSON = "Content-Type: application/json"


def in_1_0(request: bytes) -> bytes:
    """The request of a caller that knows no later version."""
    return request.replace(b" HTTP/1.1\r\n", b" HTTP/1.0\r\n", 1)


def parts(answer: bytes) -> tuple[bytes, bytes]:
    """The head of an answer, in lower case, and its body."""
    start, _, body = answer.partition(b"\r\n\r\n")
    return start.lower(), body


@pytest.mark.parametrize("target", ["/v1/assets/{}/content?stream=1", "/v1/assets/zip?id={}"])
def test_an_http_1_0_caller_gets_bytes_without_chunks(client: Client, url: str, target: str) -> None:
    content = b"a picture" * 100_000
    asset_id = with_content(client, content)
    with closing(opened(url, in_1_0(head(client, f"GET {target.format(asset_id)}")))) as connection:
        start, body = parts(to_the_end(connection))
    assert b"transfer-encoding" not in start
    assert b"\r\nconnection: close" in start
    assert body == content if "content" in target else (body[:2] == b"PK" and content in body)


def test_an_http_1_0_caller_gets_a_stream_without_chunks(client: Client, url: str) -> None:
    client.create()
    with closing(opened(url, in_1_0(head(client, "GET /v1/events", "Accept: text/event-stream")))) as connection:
        received = b""
        while b"asset.created" not in received:
            received += connection.recv(65_536)
    start, body = parts(received)
    assert b"transfer-encoding" not in start
    assert body.startswith(b": events follow\nretry: 1000\n\ndata: {")


def test_an_http_1_0_caller_that_would_keep_the_connection_is_told_that_it_is_closed(url: str) -> None:
    sent = b"GET /health HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    with closing(opened(url, sent)) as connection:
        start, body = parts(to_the_end(connection))
    assert b"\r\nconnection: close" in start
    assert b"\r\ncontent-length: %d" % len(body) in start


def test_an_http_1_0_caller_is_not_told_to_continue(client: Client, url: str) -> None:
    sent = in_1_0(head(client, "POST /v1/assets", JSON, f"Content-Length: {len(BODY)}", EXPECT))
    with closing(opened(url, sent)) as connection:
        connection.settimeout(0.3)
        with suppress(TimeoutError):
            assert connection.recv(1) == b"waiting"
        connection.settimeout(30)
        connection.sendall(BODY)
        assert to_the_end(connection).startswith(b"HTTP/1.1 201 ")


def test_a_caller_is_told_to_continue_once_its_body_is_read(client: Client, url: str) -> None:
    sent = head(client, "POST /v1/assets", JSON, f"Content-Length: {len(BODY)}", EXPECT)
    with closing(opened(url, sent)) as connection:
        for _ in range(2):
            assert connection.recv(65_536) == CONTINUE
            connection.sendall(BODY)
            answer = b""
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 201 ")
            assert b"connection: close" not in answer.lower()  # for the next request
            connection.sendall(sent)


@pytest.mark.parametrize(
    ("asked", "status"),
    [("GET /health", b"200"), ("GET /v1/assets/zip?tag=none", b"200"), ("POST /v1/assets", b"422")],
)
def test_nobody_is_told_to_continue_without_a_body(client: Client, url: str, asked: str, status: bytes) -> None:
    sent = head(client, asked, EXPECT, *["Content-Length: 0"][: asked.startswith("POST")])
    with closing(opened(url, sent + head(client, "GET /health", "Connection: close"))) as connection:
        answers = to_the_end(connection)
    assert answers.startswith(b"HTTP/1.1 " + status)
    assert answers.count(b"HTTP/1.1 ") == 2  # and the connection was kept


def test_nobody_is_told_to_continue_whose_body_is_there(client: Client, url: str) -> None:
    sent = head(client, "POST /v1/assets", JSON, f"Content-Length: {len(BODY)}", EXPECT) + BODY
    with closing(opened(url, sent + head(client, "GET /health", "Connection: close"))) as connection:
        assert to_the_end(connection).startswith(b"HTTP/1.1 201 ")


REFUSED = {
    "no such key": ("POST /v1/assets", ["Content-Length: 9"], b"401"),
    "too large": ("POST /v1/assets", ["Content-Length: 99000000"], b"413"),
    "unknown": ("POST /v1/nothing", ["Content-Length: 9"], b"404"),
    "parameter": ("POST /v1/assets?colour=red", ["Content-Length: 9"], b"422"),
    "header": ("POST /v1/assets", ["Content-Length: 9", "X-Actor: nobody"], b"400"),
    "chunked": ("POST /v1/assets?colour=red", ["Transfer-Encoding: chunked"], b"422"),
}


@pytest.mark.parametrize(("asked", "fields", "status"), REFUSED.values(), ids=REFUSED)
def test_who_is_refused_is_not_told_to_continue_and_sends_no_request_as_a_body(
    client: Client, url: str, asked: str, fields: list[str], status: bytes
) -> None:
    sent = head(client, asked, JSON, EXPECT, *fields)
    with closing(opened(url, sent.replace(b"alk_", b"alk_x") if status == b"401" else sent)) as connection:
        answer = to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"\r\nconnection: close\r\n" in answer  # nobody knows whether the body follows, or the next request
