"""Answers bytes of the store: whole or in ranges (RFC 9110), under a name that survives (RFC 6266, RFC 8187)."""

import re
from collections.abc import Generator
from contextlib import ExitStack, closing
from typing import Final
from urllib.parse import quote
from uuid import uuid4

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.ranges import Range, ranges
from domain.errors import ContentMissingError
from infra.content.store import ContentStore, ObjectNotFoundError

SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, max-age=0, must-revalidate",
}
"""Whatever the bytes are, a browser runs nothing of them."""
_SHOWN = ("image/", "video/", "audio/", "application/pdf", "text/plain")
_UNSAFE_IN_QUOTES = re.compile(r"[^ !#-\[\]-~]")


Blocks = Generator[bytes, None, None]


class BlocksResponse(StreamingResponse):
    """Blocks that are read while they are sent. What they come from is closed with the answer, however that ends."""

    def __init__(self, blocks: Blocks, status: int, headers: dict[str, str], media_type: str) -> None:
        super().__init__(blocks, status, headers, media_type)
        self._blocks = blocks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send them. No thread reads any more when this ends, even where it is cancelled."""
        with closing(self._blocks):
            await super().__call__(scope, receive, send)


def disposition(file_name: str, content_type: str) -> str:
    """The Content-Disposition of content: shown where a browser can, and saved under its own name."""
    how = "inline" if content_type.startswith(_SHOWN) and "svg" not in content_type else "attachment"
    name = re.split(r"[/\\]", file_name)[-1]
    if not name:
        return how
    fallback = _UNSAFE_IN_QUOTES.sub("_", name)
    return f'{how}; filename="{fallback}"' + (f"; filename*=UTF-8''{quote(name, safe='')}" if fallback != name else "")


def unchanged(request: Request, etag: str) -> bool:
    """Whether the caller has this representation already (If-None-Match)."""
    given = request.headers.get("If-None-Match", "")
    tags = (tag.strip().removeprefix("W/") for tag in given.split(","))
    return any(tag in {etag, "*"} for tag in tags)


def size_of(store: ContentStore, key: str) -> int:
    """The size of an object in bytes. ContentMissingError if it is gone."""
    try:
        return store.stat(key).size
    except ObjectNotFoundError:
        raise ContentMissingError from None


def download(
    request: Request, store: ContentStore, key: str, size: int, content_type: str, headers: dict[str, str]
) -> Response:
    """The bytes, or the ranges of them that are asked for; of HEAD none. ContentMissingError, RangeRefusedError."""
    headers = SAFE | {"Accept-Ranges": "bytes"} | headers
    if "ETag" in headers and unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(None, 200, headers | {"Content-Length": str(size)}, content_type)
    asked = ranges(_range(request, headers.get("ETag")), size) if size else []
    if len(asked) > 1:
        return _several(store, key, size, content_type, headers, asked)
    one = asked[0] if asked else Range(0, size - 1)
    status = 200
    if asked:
        status, headers = 206, headers | {"Content-Range": one.of(size)}
    headers["Content-Length"] = str(one.length)
    return BlocksResponse(_opened(store, key, one), status, headers, content_type)


def _range(request: Request, etag: str | None) -> str | None:
    condition = request.headers.get("If-Range")
    return request.headers.get("Range") if condition in {None, etag} else None


def _opened(store: ContentStore, key: str, one: Range) -> Blocks:
    """The range's bytes; opened at once, so that what is missing is told before the answer begins."""
    stack = ExitStack()
    try:
        chunks = stack.enter_context(store.open(key, one.first, one.length))
    except ObjectNotFoundError:
        raise ContentMissingError from None

    def read() -> Blocks:
        with stack:
            yield from chunks

    return read()


def _several(
    store: ContentStore, key: str, size: int, content_type: str, headers: dict[str, str], asked: list[Range]
) -> Response:
    """Several ranges as `multipart/byteranges` (RFC 9110, section 14.6)."""
    boundary = uuid4().hex
    heads = [
        f"--{boundary}\r\nContent-Type: {content_type}\r\nContent-Range: {one.of(size)}\r\n\r\n".encode()
        for one in asked
    ]
    end = f"--{boundary}--\r\n".encode()
    length = sum(len(head) + one.length + len(b"\r\n") for head, one in zip(heads, asked, strict=True)) + len(end)

    def written() -> Blocks:
        for head, one in zip(heads, asked, strict=True):
            yield head
            yield from _opened(store, key, one)
            yield b"\r\n"
        yield end

    headers["Content-Length"] = str(length)
    return BlocksResponse(written(), 206, headers, f"multipart/byteranges; boundary={boundary}")
