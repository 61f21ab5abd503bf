"""Answers bytes of the store: the whole or a range (RFC 9110), under a name that survives (RFC 6266, RFC 8187)."""

import re
from collections.abc import Generator
from contextlib import ExitStack, closing
from typing import Final, NamedTuple
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from domain.errors import ContentMissingError, LedgerError
from infra.content.store import ContentStore, ObjectNotFoundError

SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'",
    "Cache-Control": "private, max-age=0, must-revalidate",
}
"""Whatever the bytes are, a browser runs nothing of them."""
_SHOWN = ("image/", "video/", "audio/", "application/pdf", "text/plain")
_UNSAFE_IN_QUOTES = re.compile(r"[^ !#-\[\]-~]")
_ONE_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})-(\d{0,18})\s*", re.IGNORECASE)

Blocks = Generator[bytes, None, None]


class RangeRefusedError(LedgerError):
    """The range asked for does not lie within the content."""

    def __init__(self, size: int = 0) -> None:
        super().__init__(f"The range asked for does not lie within the {size:,} bytes there are." if size else None)
        self.size = size


class Range(NamedTuple):
    """Bytes from the first to the last one, both included."""

    first: int
    last: int

    @property
    def length(self) -> int:
        """The number of bytes."""
        return self.last - self.first + 1


def byte_range(header: str | None, size: int) -> Range | None:
    """The range that a Range header asks for within `size` bytes.

    None stands for the whole: without the header, for one that is not understood, and for several ranges, which a
    server may ignore (section 14.2). RangeRefusedError if the range does not lie within the content.
    """
    match = _ONE_RANGE.fullmatch(header or "")
    first, last = match.groups() if match else ("", "")
    if not (first or last) or (first and last and int(last) < int(first)):
        return None
    if not first:
        bounds = Range(max(0, size - int(last)) if int(last) else size, size - 1)
    else:
        bounds = Range(int(first), min(int(last), size - 1) if last else size - 1)
    if bounds.length < 1:
        raise RangeRefusedError(size)
    return bounds


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
    header = request.headers.get("If-None-Match", "")
    tags = (tag.strip().removeprefix("W/") for tag in header.split(","))
    return any(tag in {etag, "*"} for tag in tags)


def download(
    request: Request, store: ContentStore, key: str, size: int, content_type: str, headers: dict[str, str]
) -> Response:
    """The bytes, or the range of them that is asked for; of HEAD none. ContentMissingError, RangeRefusedError."""
    headers = SAFE | {"Accept-Ranges": "bytes"} | headers
    if "ETag" in headers and unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    if request.method == "HEAD":
        return Response(None, 200, headers | {"Content-Length": str(size)}, content_type)
    part = byte_range(_range_header(request, headers.get("ETag")), size) if size else None
    status, bounds = (206, part) if part else (200, Range(0, size - 1))
    if part:
        headers["Content-Range"] = f"bytes {part.first}-{part.last}/{size}"
    headers["Content-Length"] = str(bounds.length)
    return BlocksResponse(_opened(store, key, bounds), status, headers, content_type)


def _range_header(request: Request, etag: str | None) -> str | None:
    condition = request.headers.get("If-Range")
    return request.headers.get("Range") if condition in {None, etag} else None


def _opened(store: ContentStore, key: str, bounds: Range) -> Blocks:
    """The range's bytes; opened at once, so that a missing object is reported before the answer begins."""
    stack = ExitStack()
    try:
        chunks = stack.enter_context(store.open(key, bounds.first, bounds.length))
    except ObjectNotFoundError:
        raise ContentMissingError from None

    def read() -> Blocks:
        with stack:
            yield from chunks

    return read()
