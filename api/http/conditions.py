"""What requests bring besides a key: a request id, an expected revision, a moment, a position to wait for."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from api.application.slots import Slots
from api.http.authentication import session, share_owners
from api.http.problems import BadHeaderError, BadMomentError
from api.http.query_parameters import checked, declares
from domain.errors import MomentsReversedError, ProjectionLagError
from domain.text import OutsideId
from domain.utc_time import UtcTime
from projections.comparison import ComparedMoment
from projections.projection import Projection

MAX_POSITION = 2**63 - 1
WAIT_SECONDS = 5.0


EntityTag = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description='The ETag of the revision to change, such as `"3"`; `*` or absent: the newest.',
        pattern=r'^(\*|"(0|[1-9][0-9]{0,8})")$',
    ),
]


@declares(tag=EntityTag)
async def if_match(request: Request) -> int | None:
    """The revision the caller expects; None if any will do."""
    tag = request.headers.get("If-Match")
    if tag is None or tag.strip() == "*":
        return None
    number = re.fullmatch(r'"(0|[1-9][0-9]{0,8})"', tag.strip())
    if number is None:
        raise BadHeaderError('If-Match takes one strong ETag, as GET answered it, such as "3".')
    return int(number[1])


_MOMENT: TypeAdapter[datetime] = TypeAdapter(UtcTime)


def moment_parameter(name: str, description: str) -> Any:  # noqa: ANN401 - what FastAPI's Query returns
    """The description of a parameter that names a moment."""
    return Query(
        alias=name,
        description=description,
        examples=["17", "2026-11-20T12:00:00Z"],
        json_schema_extra={
            "anyOf": [{"type": "string", "pattern": "^[0-9]{1,18}$"}, {"type": "string", "format": "date-time"}]
        },
    )


MomentText = Annotated[
    str | None,
    moment_parameter("as_of", "A position of the log, or a time with its zone (RFC 3339): answer as of then."),
]


@declares(moment=MomentText)
async def as_of(request: Request, response: Response) -> int | None:
    """The position to answer for, named in the answer as `Ledger-As-Of`; None for now. BadMomentError."""
    moment = asked_moment(request)
    if moment is None:
        return None
    log = (await session(request)).log
    position = await run_in_threadpool(log.position_at, moment)
    response.headers["Ledger-As-Of"] = str(position)
    return position


def asked_moment(request: Request, name: str = "as_of") -> int | datetime | None:
    """The position or the time that a parameter of the request names. BadMomentError."""
    moment = request.query_params.get(name)
    if moment is None:
        return None
    try:
        return _position_or_time(moment)
    except ValidationError:
        raise BadMomentError(str(BadMomentError()).replace("as_of", name)) from None


def _position_or_time(text: str) -> int | datetime:
    """The position or the time that a text names. ValidationError."""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else _MOMENT.validate_python(text)


MinPosition = Annotated[
    int | None, Query(ge=0, le=MAX_POSITION, description="Wait (at most 5 s) until this position is visible.")
]
_POSITION: TypeAdapter[int | None] = TypeAdapter(MinPosition)


def at_least(*projections: Projection[Any]) -> Callable[..., Awaitable[None]]:
    """A dependency that waits until the projections have reached the position the request asks for."""

    @declares(min_position=MinPosition)
    async def wait(request: Request) -> None:
        position = checked(_POSITION, request.query_params.get("min_position"), "query", "min_position")
        if position is not None:
            await wait_for(request, projections, position)

    return wait


async def wait_for(request: Request, projections: Sequence[Projection[Any]], position: int) -> None:
    """Wait until the projections have reached the position. One that is reached needs no slot among those who wait."""
    caller = await session(request)
    if await run_in_threadpool(caller.reached, projections) < position:
        waiting: Slots = request.app.state.waiting
        deadline, pause = time.monotonic() + WAIT_SECONDS, 0.005
        with waiting.slot(*share_owners(request)):
            while await run_in_threadpool(caller.reached, projections) < position:
                if time.monotonic() > deadline:
                    raise ProjectionLagError(f"Position {position} is not visible yet. Try again.")
                await asyncio.sleep(pause)
                pause = min(2 * pause, 0.1)


class Version(NamedTuple):
    """Which version of something is asked for: that of a revision, that of a position, or the one of now."""

    revision: int | None = None
    as_of: int | None = None


Revision = Annotated[int | None, Query(ge=1, lt=2**31, description="As it was at this revision.")]
_REVISION: TypeAdapter[int | None] = TypeAdapter(Revision)
until_recorded = at_least()
"""Waits until the position that the request asks for is in the log."""


@declares(moment=MomentText, revision=Revision, min_position=MinPosition)
async def version(request: Request, response: Response) -> Version:
    """The version the request asks for, once the position that it waits for is recorded."""
    asked = request.query_params
    if not asked:
        return Version()
    await until_recorded(request)
    revision = checked(_REVISION, asked.get("revision"), "query", "revision")
    return Version(revision, await as_of(request, response))


_DIFF_MOMENT: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]{1,18}$"},
        {"type": "string", "pattern": "^revision:[1-9][0-9]{0,8}$"},
        {"type": "string", "format": "date-time"},
    ]
}


Earlier = Annotated[
    str,
    Query(
        alias="from",
        description="The earlier moment: a position of the log, a time with its zone (RFC 3339), or a revision.",
        examples=["17", "2026-11-20T12:00:00Z", "revision:3"],
        json_schema_extra=_DIFF_MOMENT,
    ),
]
Later = Annotated[
    str | None,
    Query(alias="to", description="The later moment, likewise; absent: now.", json_schema_extra=_DIFF_MOMENT),
]


@declares(start=Earlier, end=Later, min_position=MinPosition)
async def span(request: Request) -> tuple[ComparedMoment, ComparedMoment]:
    """The two moments to compare. BadMomentError, BeyondHeadError, MomentsReversedError."""
    asked = request.query_params
    if "from" not in asked:
        raise RequestValidationError([{"type": "missing", "loc": ("query", "from"), "msg": "Field required"}])
    await until_recorded(request)
    start, end = _moment("from", asked["from"]), _moment("to", asked["to"]) if "to" in asked else None
    if isinstance(start, datetime) and isinstance(end, datetime) and start > end:
        raise MomentsReversedError
    return await _resolved(request, start), await _resolved(request, end)


def _moment(name: str, text: str) -> int | datetime | ComparedMoment:
    if revision := re.fullmatch(r"revision:([1-9][0-9]{0,8})", text, re.ASCII):
        return ComparedMoment(revision=int(revision[1]))
    try:
        return _position_or_time(text)
    except ValidationError:
        raise BadMomentError(
            f"{name} takes a position, such as 17, a time with its zone, such as 2026-11-20T12:00:00Z, or a revision, "
            "such as revision:3."
        ) from None


async def _resolved(request: Request, moment: int | datetime | ComparedMoment | None) -> ComparedMoment:
    """The moment with the position that a time stands for; the head of the log for None. BeyondHeadError."""
    if isinstance(moment, ComparedMoment):
        return moment
    log = (await session(request)).log
    if moment is None:
        return ComparedMoment(await run_in_threadpool(log.head))
    return ComparedMoment(await run_in_threadpool(log.position_at, moment))


_KEY: TypeAdapter[str | None] = TypeAdapter(OutsideId | None)
KeyText = Annotated[
    OutsideId | None,
    Header(alias="Idempotency-Key", description="Repeating a request with the same key never does it twice."),
]


@declares(key=KeyText)
async def idempotency_key(request: Request) -> str | None:
    """The key under which the request is done once; None if it has none."""
    return checked(_KEY, request.headers.get("Idempotency-Key"), "header", "Idempotency-Key")


IfMatch = Annotated[int | None, Depends(if_match)]
IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]
AsOf = Annotated[int | None, Depends(as_of)]
AskedVersion = Annotated[Version, Depends(version)]
Span = Annotated[tuple[ComparedMoment, ComparedMoment], Depends(span)]
