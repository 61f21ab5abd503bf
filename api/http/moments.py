"""The moments that lists look back to."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request, Response
from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool

from api.application.session import Session
from api.http.authentication import session
from api.http.conditions import (
    MinPosition,
    MomentText,
    asked_moment,
    at_least,
    moment_parameter,
    until_recorded,
    wait_for,
)
from api.http.query_parameters import checked, declares
from domain.errors import BeyondHeadError, MomentsReversedError
from infra.clock import TOLERANCE
from projections.paging import Moment, positions_of_moments
from projections.queries.assets import ASSET_LIST
from projections.queries.differences import READ
from projections.queries.jobs import JOB_LIST
from projections.queries.row_list import ReadModels
from projections.statistics.fold import STATISTICS

MOMENT = "Ledger-As-Of"


def looking_back(listed: ReadModels) -> Callable[..., Awaitable[Moment | None]]:
    """A dependency of a list: the moment that it looks back to, named in the answer as `Ledger-As-Of`; None for now.

    It waits for what is listed now until the position that the request asks for is visible, and for what was listed
    then until all of that moment is.
    """
    wait_now = at_least(*listed.now)

    @declares(moment=MomentText, min_position=MinPosition)
    async def moment(request: Request, response: Response) -> Moment | None:
        asked = asked_moment(request)
        if asked is None:
            await wait_now(request)
            return None
        await until_recorded(request)
        (past,) = await _moments(request, [asked])
        await wait_for(request, listed.then, past.position)
        response.headers[MOMENT] = str(past.position)
        return past

    return moment


First = Annotated[str, moment_parameter("from", "The first moment: a position, or a time with its zone.")]
Second = Annotated[str | None, moment_parameter("to", "The second moment, not before it; absent: now.")]
_TEXT: TypeAdapter[str] = TypeAdapter(str)


@declares(since=First, until=Second, min_position=MinPosition)
async def between(request: Request) -> tuple[Moment, Moment]:
    """The two moments that the request compares, once all of the second is visible.

    BadMomentError, BeyondHeadError, MomentsReversedError.
    """
    checked(_TEXT, request.query_params.get("from"), "query", "from")
    await until_recorded(request)
    since, until = await _moments(request, [asked_moment(request, "from"), asked_moment(request, "to")])
    if since.position > until.position:
        raise MomentsReversedError
    await wait_for(request, READ, until.position)
    return since, until


async def _moments(request: Request, asked: Sequence[int | datetime | None]) -> list[Moment]:
    """The moments of a list; None: now. Of a time, the first page finds the position, and its cursor carries it.

    CursorError, BeyondHeadError.
    """
    cursor = request.query_params.get("cursor")
    positions: Sequence[int | datetime | None] = asked
    if cursor is not None and not all(isinstance(moment, int) for moment in asked):
        positions = positions_of_moments(cursor, len(asked))
    caller = await session(request)
    return [
        Moment(moment, await run_in_threadpool(_position_at, caller, position))
        for moment, position in zip(asked, positions, strict=True)
    ]


def _position_at(caller: Session, moment: int | datetime | None) -> int:
    """The position of a moment; None: now. BeyondHeadError."""
    if moment is None:
        return caller.log.head()
    if isinstance(moment, datetime) and moment > caller.database_clock.now() + TOLERANCE:
        raise BeyondHeadError("This time has not come yet. A list looks back to a position or a time that is past.")
    return caller.log.position_at(moment)


AssetsAsOf = Annotated[Moment | None, Depends(looking_back(ASSET_LIST.read))]
StatisticsAsOf = Annotated[Moment | None, Depends(looking_back(ReadModels((STATISTICS,), (STATISTICS,))))]
JobsAsOf = Annotated[Moment | None, Depends(looking_back(JOB_LIST.read))]
Between = Annotated[tuple[Moment, Moment], Depends(between)]
