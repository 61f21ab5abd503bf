"""What requests bring besides a key: a request id, an expected revision, a moment, a position to wait for."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from fastapi import Depends, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import Field, TypeAdapter, ValidationError
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


def _as_of(moment: MomentText = None) -> None:
    pass


@declares(_as_of)
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


_POSITION: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=0, le=MAX_POSITION)])
MinPosition = Annotated[
    int | None, Query(ge=0, le=MAX_POSITION, description="Wait (at most 5 s) until this position is visible.")
]


def _min_position(min_position: MinPosition = None) -> None:
    pass


def at_least(*projections: Projection[Any]) -> Callable[..., Awaitable[None]]:
    """A dependency that waits until the projections have reached the position the request asks for."""

    @declares(_min_position)
    async def wait(request: Request) -> None:
        text = request.query_params.get("min_position")
        if text is not None:
            await wait_for(request, projections, checked(_POSITION, text, "query", "min_position"))

    return wait


async def wait_for(request: Request, projections: Sequence[Projection[Any]], position: int) -> None:
    """Wait until the projections have reached the position. One that is reached needs no slot among those who wait."""
    caller = await session(request)
    if await run_in_threadpool(caller.reached, projections) < position:
        waiting: Slots = request.app.state.waiting
        with waiting.slot(*share_owners(request)):
            await _until(lambda: caller.reached(projections), position)


class Version(NamedTuple):
    """Which version of something is asked for: that of a revision, that of a position, or the one of now."""

    revision: int | None = None
    as_of: int | None = None


NOW = Version()
_REVISION: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, lt=2**31)])
until_recorded = at_least()
"""Waits until the position that the request asks for is in the log."""


def _version(
    moment: MomentText = None,
    revision: Annotated[int | None, Query(ge=1, lt=2**31, description="As it was at this revision.")] = None,
    min_position: MinPosition = None,
) -> None:
    pass


@declares(_version)
async def version(request: Request, response: Response) -> Version:
    """The version the request asks for, once the position that it waits for is recorded."""
    asked = request.query_params
    if not asked:
        return NOW
    await until_recorded(request)
    revision = asked.get("revision")
    return Version(
        revision=None if revision is None else checked(_REVISION, revision, "query", "revision"),
        as_of=await as_of(request, response),
    )


_DIFF_MOMENT: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": "^[0-9]{1,18}$"},
        {"type": "string", "pattern": "^revision:[1-9][0-9]{0,8}$"},
        {"type": "string", "format": "date-time"},
    ]
}


def _span(
    start: Annotated[
        str,
        Query(
            alias="from",
            description="The earlier moment: a position of the log, a time with its zone (RFC 3339), or a revision.",
            examples=["17", "2026-11-20T12:00:00Z", "revision:3"],
            json_schema_extra=_DIFF_MOMENT,
        ),
    ],
    end: Annotated[
        str | None,
        Query(alias="to", description="The later moment, likewise; absent: now.", json_schema_extra=_DIFF_MOMENT),
    ] = None,
    min_position: MinPosition = None,
) -> None:
    pass


@declares(_span)
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
    """The moment that a parameter names. BadMomentError."""
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
    key = request.headers.get("Idempotency-Key")
    return None if key is None else checked(_KEY, key, "header", "Idempotency-Key")


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]
AsOf = Annotated[int | None, Depends(as_of)]
AskedVersion = Annotated[Version, Depends(version)]
Span = Annotated[tuple[ComparedMoment, ComparedMoment], Depends(span)]
