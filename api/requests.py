"""What every request brings: a key, a request id, an expected revision, a position to wait for."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any

import structlog
import uuid6
from fastapi import Depends, Header, HTTPException, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.composition import Services
from api.ledger import Ledger
from api.problems import BadHeaderError, BadMomentError, UnauthenticatedError
from domain.errors import ProjectionLagError, ServiceUnavailableError
from domain.event import Actor
from domain.values import UtcTime
from projections.projection import Projection

_LOG = structlog.get_logger()
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,64}$")
_BEARER = HTTPBearer(auto_error=False, description="A key from `asset-ledger key issue`. It decides the tenant.")
MAX_POSITION = 2**63 - 1
WAIT_SECONDS = 5.0
MOST_WAITING = 256


class RequestId:
    """Gives every request an id, its own if it is well-formed, answers with it and logs the request under it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _REQUEST_ID.match(given) else str(uuid6.uuid7())
        scope.setdefault("state", {})["request_id"] = request_id
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
                _LOG.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=int(message["status"]),
                    ms=round((time.perf_counter() - started) * 1000, 1),
                    request_id=request_id,
                )
            await send(message)

        await self._app(scope, receive, answer)


class BodyLimit:
    """Refuses a body that is larger than a limit, whether it says so or not, with 413."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        arrived = 0

        async def counted() -> Message:
            nonlocal arrived
            message = await receive()
            arrived += len(message.get("body", b""))
            if arrived > self._limit:
                raise HTTPException(413, f"A body may have at most {self._limit:,} bytes.")
            return message

        await self._app(scope, counted, send)


def services(request: Request) -> Services:
    """What the app was composed of."""
    found: Services = request.app.state.services
    return found


def ledger(
    request: Request,
    services: Annotated[Services, Depends(services)],
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)],
    actor: Annotated[
        str | None,
        Header(
            alias="X-Actor",
            description="Who acts, as `type:id` with the type user, worker or system. Default: the key's holder.",
        ),
    ] = None,
    causation_id: Annotated[
        str | None, Header(alias="X-Causation-ID", description="The id of what led to this request.")
    ] = None,
) -> Ledger:
    """The ledger of the tenant whose key the request brings. UnauthenticatedError without a valid one."""
    caller = services.tenants.caller(credentials.credentials) if credentials else None
    if caller is None:
        raise UnauthenticatedError
    if causation_id is not None and not _REQUEST_ID.match(causation_id):
        raise BadHeaderError("X-Causation-ID must be 1 to 64 letters, digits, dots, hyphens or underscores.")
    return Ledger(
        log=services.log.of(caller.tenant_id),
        database=services.database,
        actor=parse_actor(actor) if actor is not None else caller.holder,
        correlation_id=request.state.request_id,
        causation_id=causation_id,
        clock=services.clock,
    )


def parse_actor(text: str) -> Actor:
    """The actor written `type:id` in UTF-8. BadHeaderError if it is not of that form."""
    try:
        type_, _, id_ = text.encode("latin-1").decode().partition(":")
        return Actor.model_validate({"type": type_, "id": id_})
    except (ValidationError, UnicodeError):
        raise BadHeaderError(
            "X-Actor is written type:id, such as user:u_42; the type is user, worker or system."
        ) from None


def if_match(
    tag: Annotated[
        str | None,
        Header(alias="If-Match", description='The ETag of the revision to change, such as `"3"`; absent: the newest.'),
    ] = None,
) -> int | None:
    """The revision the caller expects; None if any will do."""
    if tag is None or tag.strip() == "*":
        return None
    number = re.fullmatch(r'"([0-9]{1,9})"', tag.strip())
    if number is None:
        raise BadHeaderError('If-Match takes one strong ETag, as GET answered it, such as "3".')
    return int(number[1])


_MOMENT: TypeAdapter[datetime] = TypeAdapter(UtcTime)


def as_of(
    moment: Annotated[
        str | None,
        Query(
            alias="as_of",
            description="A position of the log, or a time with its zone (RFC 3339): answer as of then.",
            examples=["17", "2026-11-20T12:00:00Z"],
        ),
    ] = None,
) -> int | datetime | None:
    """The moment to answer for; None for now."""
    if moment is None:
        return None
    if re.fullmatch(r"[0-9]{1,18}", moment):
        return int(moment)
    try:
        return _MOMENT.validate_python(moment)
    except ValidationError:
        raise BadMomentError from None


MinPosition = Annotated[
    int | None, Query(ge=0, le=MAX_POSITION, description="Wait (at most 5 s) until this position is visible.")
]


def at_least(*projections: Projection[Any]) -> Callable[..., Awaitable[None]]:
    """A dependency that waits until the projections have reached the position the request asks for."""
    waiting = asyncio.Semaphore(MOST_WAITING)

    async def wait(ledger: CallerLedger, min_position: MinPosition = None) -> None:
        if min_position is None:
            return
        if waiting.locked():
            raise ServiceUnavailableError("Too many requests are waiting for a position.")
        async with waiting:
            await _until(lambda: ledger.reached(projections), min_position)

    return wait


async def _until(reached: Callable[[], int], position: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.005
    while await run_in_threadpool(reached) < position:
        if time.monotonic() > deadline:
            raise ProjectionLagError(f"Position {position} is not visible yet. Try again.")
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.1)


CallerLedger = Annotated[Ledger, Depends(ledger)]
IfMatch = Annotated[int | None, Depends(if_match)]
AsOf = Annotated[int | datetime | None, Depends(as_of)]


class PageQuery(BaseModel):
    """What every list takes."""

    limit: int = Field(default=50, ge=1, le=200, description="How many items a page has at the most.")
    cursor: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")
