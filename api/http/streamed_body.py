"""A request's body for a thread that reads it block by block, and what the headers announce of it."""

import asyncio
import base64
import re
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from typing import TypeVar

from fastapi import Request
from pydantic import TypeAdapter
from starlette.requests import ClientDisconnect

from api.application.content.verified_stream import BLOCK, SLOWEST
from api.application.slots import ShareOwner, Slots
from api.http.problems import BadHeaderError, BodyCutShortError, BodyStalledError
from api.http.query_parameters import checked
from api.http.request_arrival import until_cut
from domain.asset.events import Content
from domain.media import media_type

T = TypeVar("T")
_CONTENT = TypeAdapter(Content)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


class Body:
    """A request's body for a thread that takes it block by block, while the next block is already being received.

    Make it where the event loop runs, iterate it in the thread. Raises what receiving raises, and BodyStalledError once
    nothing arrives for the idle time, or no whole block in ten times as long.
    """

    def __init__(self, request: Request, idle: timedelta) -> None:
        self._idle = idle.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._stream: AsyncIterator[bytes] = Request(request.scope, until_cut(request.scope, request.receive)).stream()

    def __iter__(self) -> Iterator[bytes]:
        coming = self._receive()
        try:
            while block := b"".join(coming.result()):
                coming = self._receive()
                yield block
        finally:
            coming.cancel()

    def _receive(self) -> "Future[list[bytes]]":
        return asyncio.run_coroutine_threadsafe(self._block(), self._loop)

    async def _block(self) -> list[bytes]:
        chunks, size, now = list[bytes](), 0, self._loop.time
        latest = now() + SLOWEST * self._idle
        try:
            async with asyncio.timeout(self._idle) as patience:
                async for chunk in self._stream:
                    chunks.append(chunk)
                    size += len(chunk)
                    if size >= BLOCK:
                        break
                    patience.reschedule(min(now() + self._idle, latest))
        except TimeoutError:
            raise BodyStalledError from None
        return chunks


async def receive(request: Request, work: Callable[[], T], *owners: ShareOwner) -> T:
    """The result of work that reads the request's body, done in a thread. BodyCutShortError if that breaks off.

    ServiceUnavailableError if no slot is free, ShareUsedUpError if an owner has its share of them.
    """
    slots: Slots = request.app.state.taking
    try:
        return await slots.run(work, *owners)
    except ClientDisconnect:
        raise BodyCutShortError from None


def announced_content(content_type: str | None, length: str | None, sha256: str | None) -> Content:
    """The content that headers announce, as far as they do. RequestValidationError."""
    members = {"content_type": media_type(content_type), "size": whole_number(length), "sha256": sha256}
    return checked(_CONTENT, members, "content")


def whole_number(header: str | None) -> int | None:
    """The number that a header is; None if it is none."""
    return int(header) if header and header.isascii() and header.isdigit() else None


def content_digest(request: Request) -> str | None:
    """The SHA-256 of Content-Digest (RFC 9530) in hex; None without one. BadHeaderError."""
    header = request.headers.get("Content-Digest", "")
    if "sha-256=" not in header:
        return None
    match = _DIGEST.search(header)
    if match is None:
        raise BadHeaderError("Content-Digest is written sha-256=:BASE64: (RFC 9530).")
    return base64.b64decode(match[1]).hex()
