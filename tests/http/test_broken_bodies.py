"""Bodies that break, and bodies of which the answer does not wait: the caller is told at once, and can read it."""

import time
from contextlib import closing, suppress

import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.content_requests import begin, pending
from tests.http.raw_connections import opened, to_the_end
from tests.http.test_connections import soon
from tests.http.test_half_closed import AT_ONCE, FORM, head, is_cut_short

CHUNKED = "Transfer-Encoding: chunked"
JSON = "Content-Type: application/json"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
MUCH = bytes(16 << 20)


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


def asked(client: Client, url: str, kind: str) -> tuple[bytes, bytes]:
    """A head whose body is sent in chunks once the service asks for it, and the body's beginning."""
    expecting = (CHUNKED, "Expect: 100-continue")
    if kind == "signed":
        upload = begin(client, pending(client))["url"].removeprefix(url)
        return f"PUT {upload} HTTP/1.1\r\nHost: x\r\n{expecting[0]}\r\n{expecting[1]}\r\n\r\n".encode(), b"bytes"
    if kind == "content":
        return head(client, f"PUT /v1/assets/{pending(client)}/content", *expecting), b"bytes"
    if kind == "form":
        return head(client, "POST /v1/assets/upload", "Content-Type: multipart/form-data; boundary=b", *expecting), FORM
    target = {"json": "/v1/assets", "batch": "/v1/assets/batch", "claim": "/v1/jobs/claim"}[kind]
    return head(client, f"POST {target}", JSON, *expecting), b'{"media'


@pytest.mark.parametrize("kind", ["json", "batch", "claim", "form", "content", "signed"])
@pytest.mark.parametrize(
    "broken", [b"zz\r\n", b"5\r\nbytesXX", b"0\r\nX" + bytes(100_000)], ids=["size", "end", "trailer"]
)
def test_a_body_that_breaks_is_refused_at_once(client: Client, url: str, kind: str, broken: bytes) -> None:
    sent, beginning = asked(client, url, kind)
    position = client.head()
    with closing(opened(url, sent)) as connection:
        assert connection.recv(len(CONTINUE)) == CONTINUE
        connection.sendall(chunk(beginning))
        began = time.monotonic()
        connection.sendall(broken)
        answer = to_the_end(connection)
    assert time.monotonic() - began < AT_ONCE
    assert is_cut_short(answer.removeprefix(b"HTTP/1.1 "))
    assert b"\r\nconnection: close\r\n" in answer
    assert client.head() == position


def test_a_body_that_is_broken_from_the_beginning_is_refused_at_once(client: Client, url: str) -> None:
    began = time.monotonic()
    with closing(opened(url, head(client, "POST /v1/assets", JSON, CHUNKED) + b"zz\r\n")) as connection:
        assert is_cut_short(to_the_end(connection).removeprefix(b"HTTP/1.1 "))
    assert time.monotonic() - began < AT_ONCE


@pytest.mark.parametrize("target", ["/v1/assets/zip?tag=none", "/v1/events?wait=1"])
def test_a_body_that_nobody_reads_may_break(client: Client, url: str, target: str) -> None:
    with closing(opened(url, head(client, f"GET {target}", CHUNKED) + b"zz\r\n")) as connection:
        answer = to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith((b"\r\n0\r\n\r\n", b"]"))


def refused(client: Client, kind: str) -> tuple[bytes, bytes]:
    """A request that is refused while its caller still sends, and the status."""
    length = f"Content-Length: {len(MUCH)}"
    return {
        "no key": (b"POST /v1/assets HTTP/1.0\r\n" + length.encode() + b"\r\n\r\n" + MUCH, b"401"),
        "too large": (head(client, "POST /v1/assets", JSON, length, "Connection: close") + MUCH, b"413"),
        "broken": (head(client, "POST /v1/assets", JSON, CHUNKED) + b"zz\r\n" + MUCH, b"400"),
        "not expected": (head(client, "POST /v1/nothing", length, "Expect: 100-continue") + MUCH, b"404"),
        "header": (b"GET /health HTTP/1.1\r\nX: " + b"x" * len(MUCH), b"431"),
        "no request": (b"\x16\x03\x01\r\n\r\n" + MUCH, b"400"),
    }[kind]


@pytest.mark.parametrize("kind", ["no key", "too large", "broken", "not expected", "header", "no request"])
def test_a_caller_that_is_still_sending_can_read_why_it_is_refused(client: Client, url: str, kind: str) -> None:
    sent, status = refused(client, kind)
    with closing(opened(url, sent)) as connection:  # a reset would end the sending
        answer = to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"urn:asset-ledger:problem:" in answer
    assert b"\r\nconnection: close\r\n" in answer.lower()


@pytest.mark.parametrize("kind", ["no key", "too large", "broken", "not expected", "header", "no request"])
def test_whoever_sends_on_after_a_refusal_is_given_up(client: Client, services: Services, kind: str) -> None:
    sent, status = refused(client, kind)
    with soon(services) as url, closing(opened(url, sent[:100_000])) as connection:
        assert connection.recv(12).endswith(status)
        assert to_the_end(connection)
        began = time.monotonic()
        with suppress(ConnectionError):
            while time.monotonic() < began + 30:
                connection.sendall(b"x")
        assert time.monotonic() - began < 5
