"""The OpenAPI document is rendered once, and sent only to those that do not have it."""

import asyncio
import socket
from collections import Counter
from contextlib import ExitStack, closing, nullcontext

import httpx
import pytest

from api.composition import Services
from api.http.app import MOST_PAGES, create_app
from api.http.routers.description_pages import OpenApiDocument, Rendered
from api.http.server import listening, serving
from tests.http.raw_connections import opened


def test_whoever_has_the_document_gets_it_no_second_time(url: str) -> None:
    answer = httpx.get(f"{url}/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.json()["openapi"].startswith("3.1")
    for known in (answer.headers["ETag"], f'"x", W/{answer.headers["ETag"]}'):
        again = httpx.get(f"{url}/openapi.json", headers={"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == answer.headers["ETag"]
    other = httpx.get(f"{url}/openapi.json", headers={"If-None-Match": '"x"'})
    assert (other.status_code, other.content) == (200, answer.content)


def test_the_head_of_the_document(url: str) -> None:
    whole, head = httpx.get(f"{url}/openapi.json"), httpx.head(f"{url}/openapi.json")
    assert (head.status_code, head.content) == (200, b"")
    for name in ("ETag", "Content-Length", "Content-Type", "Cache-Control"):
        assert head.headers[name] == whole.headers[name]


def test_all_who_ask_at_first_get_the_same_rendering() -> None:
    document = OpenApiDocument(create_app(lambda: pytest.fail("nothing is opened")).openapi)

    async def at_once() -> list[Rendered]:
        return await asyncio.gather(*(document.rendered() for _ in range(8)))

    first, *rest = asyncio.run(at_once())
    assert all(rendered is first for rendered in rest)


def test_documents_that_nobody_reads_fill_no_memory(services: Services) -> None:
    asked = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
    listener = listening("127.0.0.1", 0)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)  # or the kernel would hold all of them
    with serving(create_app(lambda: nullcontext(services)), listener) as url, ExitStack() as stack:
        unread = [stack.enter_context(closing(opened(url, asked))) for _ in range(MOST_PAGES + 8)]
        began = Counter(connection.recv(12)[9:] for connection in unread)
    assert began == {b"200": MOST_PAGES, b"503": 8}
