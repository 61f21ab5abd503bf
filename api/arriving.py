"""Bytes on their way in: from a request's body to the store, a mebibyte at a time, hashed and checked as they pass."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterable, Iterator
from concurrent.futures import Future
from datetime import timedelta
from typing import Final

from fastapi import Request

from api.problems import BodyStalledError
from domain.asset.events import Content
from domain.errors import ContentMismatchError
from infra.content.rules import ContentRules

BLOCK = 1 << 20
SLOWEST: Final = 10
"""How many times as long as it may pause a body may take for one block."""


class Arriving:
    """Chunks that are hashed and counted as they pass, and refused as soon as they cannot be what was announced.

    Iterating raises ContentTooLargeError beyond the limit, and ContentMismatchError.
    """

    def __init__(self, chunks: Iterable[bytes], announced: Content, rules: ContentRules) -> None:
        self._chunks = chunks
        self._announced = announced
        self._rules = rules
        self._digest = hashlib.sha256()
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.size += len(chunk)
            self._check_size()
            self._digest.update(chunk)
            yield chunk
        self._check_whole()

    @property
    def sha256(self) -> str:
        """The digest of what has passed, in hex."""
        return self._digest.hexdigest()

    def _check_size(self) -> None:
        self._rules.check_size(self.size)
        announced = self._announced.size
        if announced is not None and self.size > announced:
            raise ContentMismatchError(f"{announced:,} bytes were announced, but more arrived.")

    def _check_whole(self) -> None:
        said = self._announced
        if said.size is not None and self.size != said.size:
            raise ContentMismatchError(f"{said.size:,} bytes were announced, but {self.size:,} arrived.")
        if said.sha256 is not None and self.sha256 != said.sha256:
            raise ContentMismatchError(f"The SHA-256 {said.sha256} was announced, but {self.sha256} arrived.")


class Body:
    """A request's body for a thread that takes it block by block, while the next block is already being received.

    Make it where the event loop runs, iterate it in the thread. Raises what receiving raises, and BodyStalledError once
    nothing arrives for the idle time, or no whole block in ten times as long.
    """

    def __init__(self, request: Request, idle: timedelta) -> None:
        self._idle = idle.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._stream: AsyncIterator[bytes] = request.stream()

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
        try:
            return await self._arrived()
        except TimeoutError:
            raise BodyStalledError from None

    async def _arrived(self) -> list[bytes]:
        chunks, size, now = [], 0, self._loop.time
        latest = now() + SLOWEST * self._idle
        async with asyncio.timeout(self._idle) as patience:
            async for chunk in self._stream:
                chunks.append(chunk)
                size += len(chunk)
                if size >= BLOCK:
                    break
                patience.reschedule(min(now() + self._idle, latest))
        return chunks
