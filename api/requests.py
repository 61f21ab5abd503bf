"""What requests bring besides a key: a request id, an expected revision, a moment, a position to wait for."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

import structlog
from fastapi import Depends, Header, HTTPException, Query, Request, Response
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid4

from api.callers import REQUEST_ID, holders, ledger, session
from api.declared import checked, declares, queried
from api.places import Places
from api.problems import BadHeaderError, BadMomentError, answered
from api.session import Session
from domain.errors import ProjectionLagError
from domain.values import OutsideId, SchemaMembers, Text, UtcTime
from projections.projection import Projection
from projections.query import SHORTEST_SEARCH, Order, Page

_LOG = structlog.get_logger()
MAX_POSITION = 2**63 - 1
WAIT_SECONDS = 5.0
MOST_HEADERS = 100


class RequestId:
    """Gives every request an id, its own if it is well-formed, answers with it and logs the request under it.

    What the request holds of what all callers share, in its state's `held`, is given back once it is answered.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if REQUEST_ID.fullmatch(given) else str(uuid4())
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_added(scope, message, request_id)]
                _LOG.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=int(message["status"]),
                    ms=round((time.perf_counter() - started) * 1000, 1),
                    request_id=request_id,
                    **_caller(scope["state"].get("session")),
                )
            await send(message)

        with ExitStack() as held:
            scope.setdefault("state", {}).update(request_id=request_id, held=held)
            if len(scope["headers"]) > MOST_HEADERS:
                refusal = HTTPException(431, f"A request may have at most {MOST_HEADERS} headers.")
                await (await answered(Request(scope), refusal))(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)


def _added(scope: Scope, message: Message, request_id: str) -> list[tuple[bytes, bytes]]:
    """The headers that every answer has, and those of answers that only the holder of a key may see."""
    names = {name for name, _ in message["headers"]}
    added = [] if b"x-request-id" in names else [(b"x-request-id", request_id.encode())]
    if scope["path"].startswith("/v1/") and message["status"] != 304:
        if b"cache-control" not in names:
            added.append((b"cache-control", b"no-store"))
        if b"x-content-type-options" not in names:
            added.append((b"x-content-type-options", b"nosniff"))
    return added


def _caller(session: Session | None) -> dict[str, str]:
    """The request's tenant and key, once they are known."""
    if session is None or session.authenticated is None:
        return {}
    return {"tenant_id": str(session.tenant_id), "key_id": str(session.authenticated.key)}


def _if_match(
    tag: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description='The ETag of the revision to change, such as `"3"`; `*` or absent: the newest.',
            pattern=r'^(\*|"[0-9]{1,9}")$',
        ),
    ] = None,
) -> None:
    pass


@declares(_if_match)
async def if_match(request: Request) -> int | None:
    """The revision the caller expects; None if any will do."""
    tag = request.headers.get("If-Match")
    if tag is None or tag.strip() == "*":
        return None
    number = re.fullmatch(r'"([0-9]{1,9})"', tag.strip())
    if number is None:
        raise BadHeaderError('If-Match takes one strong ETag, as GET answered it, such as "3".')
    return int(number[1])


_MOMENT: TypeAdapter[datetime] = TypeAdapter(UtcTime)


_Moment = Annotated[
    str | None,
    Query(
        alias="as_of",
        description="A position of the log, or a time with its zone (RFC 3339): answer as of then.",
        examples=["17", "2026-11-20T12:00:00Z"],
        json_schema_extra={
            "anyOf": [{"type": "string", "pattern": "^[0-9]{1,18}$"}, {"type": "string", "format": "date-time"}]
        },
    ),
]


def _as_of(moment: _Moment = None) -> None:
    pass


@declares(_as_of)
async def as_of(request: Request, response: Response) -> int | None:
    """The position to answer for, named in the answer as `Ledger-As-Of`; None for now. BadMomentError."""
    moment = request.query_params.get("as_of")
    if moment is None:
        return None
    try:
        asked = int(moment) if re.fullmatch(r"[0-9]{1,18}", moment) else _MOMENT.validate_python(moment)
    except ValidationError:
        raise BadMomentError from None
    log = (await session(request)).log
    position = await run_in_threadpool(log.position_at, asked)
    response.headers["Ledger-As-Of"] = str(position)
    return position


_POSITION: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=MAX_POSITION)])
_MinPosition = Annotated[
    int | None, Query(ge=0, le=MAX_POSITION, description="Wait (at most 5 s) until this position is visible.")
]


def _min_position(min_position: _MinPosition = None) -> None:
    pass


def at_least(*projections: Projection[Any]) -> Callable[..., Awaitable[None]]:
    """A dependency that waits until the projections have reached the position the request asks for.

    A position that is reached needs no place among those who wait.
    """

    @declares(_min_position)
    async def wait(request: Request) -> None:
        given = request.query_params.get("min_position")
        if given is None:
            return
        asked = await ledger(request)
        position = checked(_POSITION, given, "query", "min_position")
        if await run_in_threadpool(asked.reached, projections) < position:
            waiting: Places = request.app.state.waiting
            with waiting.place(*holders(request)):
                await _until(lambda: asked.reached(projections), position)

    return wait


class Version(NamedTuple):
    """Which version of something is asked for: that of a revision, that of a position, or the one of now."""

    revision: int | None = None
    as_of: int | None = None


NOW = Version()
_REVISION: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, lt=2**31)])
_recorded = at_least()


def _version(
    moment: _Moment = None,
    revision: Annotated[int | None, Query(ge=1, lt=2**31, description="As it was at this revision.")] = None,
    min_position: _MinPosition = None,
) -> None:
    pass


@declares(_version)
async def version(request: Request, response: Response) -> Version:
    """The version the request asks for, once the position that it waits for is recorded."""
    asked = request.query_params
    if not asked:
        return NOW
    await _recorded(request)
    revision = asked.get("revision")
    return Version(
        revision=None if revision is None else checked(_REVISION, revision, "query", "revision"),
        as_of=await as_of(request, response),
    )


async def _until(reached: Callable[[], int], position: int) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    pause = 0.005
    while await run_in_threadpool(reached) < position:
        if time.monotonic() > deadline:
            raise ProjectionLagError(f"Position {position} is not visible yet. Try again.")
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.1)


IfMatch = Annotated[int | None, Depends(if_match)]


_KEY: TypeAdapter[str] = TypeAdapter(OutsideId)


def _idempotency_key(
    key: Annotated[
        OutsideId | None,
        Header(alias="Idempotency-Key", description="Repeating a request with the same key never does it twice."),
    ] = None,
) -> None:
    pass


@declares(_idempotency_key)
async def idempotency_key(request: Request) -> str | None:
    """The key under which the request is done once; None if it has none."""
    given = request.headers.get("Idempotency-Key")
    return None if given is None else checked(_KEY, given, "header", "Idempotency-Key")


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]
AsOf = Annotated[int | None, Depends(as_of)]
AskedVersion = Annotated[Version, Depends(version)]
SearchText = Annotated[Text, SchemaMembers({"minLength": SHORTEST_SEARCH})]
ACTOR_PATTERN = r"^(user|worker|system):[^\u0000]{1,512}$"
ActorText = Annotated[
    Text,
    Field(pattern=ACTOR_PATTERN, examples=["user:u_42"]),
    SchemaMembers({"pattern": ACTOR_PATTERN}),
]


REBUILDING = "Ledger-Rebuilding"


def tell_rebuilding(response: Response, page: Page[Any]) -> None:
    """Name the read models that are being made anew: until they are whole, the page may show less than there is."""
    if page.rebuilding:
        response.headers[REBUILDING] = ", ".join(page.rebuilding)


class PageQuery(BaseModel):
    """What every list takes."""

    limit: int = Field(default=50, ge=1, le=200, description="How many items a page has at the most.")
    cursor: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")


Paged = Annotated[PageQuery, Depends(queried(PageQuery))]


class TimesQuery(BaseModel):
    """When the first event was, and the last one."""

    created_after: UtcTime | None = None
    created_before: UtcTime | None = None
    updated_after: UtcTime | None = Field(default=None, description="Whose last event is later than this.")
    updated_before: UtcTime | None = None


class SortedQuery(TimesQuery, PageQuery):
    """What lists of assets and of jobs take besides."""

    sort: Literal["created", "updated"] = Field(
        default="created",
        description="What the order goes by: the first event or the last one. What changes while you page by "
        "`updated` moves: with `order=asc` it comes again, with `order=desc` it may be missed.",
    )
    order: Literal["desc", "asc"] = Field(default="desc", description="The last ones first, or the first ones.")
    total: bool = Field(default=False, description="Whether to count all that there are.")

    def in_order(self) -> Order:
        """The order asked for."""
        return Order(self.sort, self.order)
