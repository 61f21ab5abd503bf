"""A request whose body is read whole: within its route's size, within a time, and within the memory of all bodies."""

import asyncio
from typing import Any, Final

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope

from api.application.content.verified_stream import BLOCK, SLOWEST
from api.application.slots import Slots
from api.http.authentication import services, share_owners
from api.http.problems import BodyCutShortError, BodyStalledError
from api.http.request_arrival import until_cut
from domain.strict_json import BYTES_A_VALUE, MOST_VALUES, most_values, parse

MAX_BODY: Final = 1024 * 1024
MOST_MEMORY: Final = 192 * 1024 * 1024
"""How many bytes the bodies that are held at once, and what they are parsed to, may have."""


class WholeBodyRequest(Request):
    """A request that reads its body itself. Raises BodyStalledError, BodyCutShortError, ServiceUnavailableError,
    ShareUsedUpError, HTTPException (413), RequestValidationError.
    """

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, until_cut(scope, receive))

    async def body(self) -> bytes:
        """The body, whole."""
        if not hasattr(self, "_body"):
            self._body = await self._read()
            await self._hold_values()
        return self._body

    async def json(self) -> Any:  # noqa: ANN401 - any JSON
        """The body's value. json.JSONDecodeError."""
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json

    async def _read(self) -> bytes:
        limit = self.app.state.body_limits.get(self.scope["path"], MAX_BODY)
        declared = self.headers.get("Content-Length", "0")
        if declared.isdigit() and int(declared) > limit:
            raise _too_large(limit)
        try:
            return await self._arriving(limit)
        except TimeoutError:
            raise BodyStalledError from None

    async def _arriving(self, limit: int) -> bytes:
        idle, now, size = services(self).rules.idle_time.total_seconds(), asyncio.get_running_loop().time, 0
        latest, chunks, more = now() + SLOWEST * idle, list[bytes](), True
        async with asyncio.timeout(idle) as patience:
            while more:
                message = await self.receive()
                if message["type"] == "http.disconnect":
                    raise BodyCutShortError
                chunk, more = message.get("body", b""), message.get("more_body", False)
                size += len(chunk)
                if size > limit:
                    raise _too_large(limit)
                self._hold(len(chunk))
                chunks.append(chunk)
                if more:
                    patience.reschedule(min(now() + idle, latest + SLOWEST * idle * (size // BLOCK)))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _hold(self, size: int) -> None:
        """Count bytes as held until the request has been answered."""
        memory: Slots = self.app.state.memory
        if size:
            self.state.slots.enter_context(memory.slot(*share_owners(self), size=size))

    async def _hold_values(self) -> None:
        counted = len(self._body) > MOST_VALUES  # what is shorter has no more values than bytes
        values = await run_in_threadpool(most_values, self._body) if counted else most_values(self._body)
        if values > MOST_VALUES:
            raise RequestValidationError(
                [{"type": "too_many_values", "loc": ("body",), "msg": f"has more than {MOST_VALUES:,} values"}]
            )
        self._hold(values * BYTES_A_VALUE)


def _too_large(limit: int) -> HTTPException:
    return HTTPException(413, f"A body may have at most {limit:,} bytes.")
