"""The feed: every event of the tenant in order, page by page, or as a stream."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.http.authentication import key_is_valid, share_owners
from api.http.conditions import MAX_POSITION
from api.http.dependencies import CallerSession
from api.http.feed import CloudEvent, Feed, KeyWatch, Listeners
from api.http.problems import documented
from api.http.query_parameters import queried
from api.http.rendered_routes import RenderedRoute
from api.http.request_arrival import has_half_closed
from domain.errors import BeyondHeadError
from projections.queries.filters import Topic

router = APIRouter(route_class=RenderedRoute, prefix="/v1/events", tags=["feed"])

_NEVER = frozenset({"q=0", "q=0.0", "q=0.00", "q=0.000"})
"""The weights of what is not acceptable (RFC 9110, section 12.4.2)."""
Position = Annotated[int, Field(ge=0, le=MAX_POSITION)]


class CloudEventBatch(JSONResponse):
    """CloudEvents 1.0 in the JSON batch format, rendered already."""

    media_type = "application/cloudevents-batch+json"

    def render(self, content: bytes) -> bytes:
        return content


STREAM_HEADERS = {"Cache-Control": "no-cache", "Vary": "Accept", "X-Accel-Buffering": "no"}
AS_STREAM: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The events; as server-sent events if `Accept` asks for `text/event-stream`.",
        "content": {
            "text/event-stream": {
                "schema": {"type": "string", "description": "One event each: `id` is its position, `data` is the JSON."}
            }
        },
    }
}


class FeedQuery(BaseModel):
    """Which events to read."""

    after: Position = Field(default=0, description="Only events after this position: the last `Ledger-Position`.")
    limit: int = Field(
        default=100, ge=1, le=200, description="The maximum number of events in a batch. Large events make it fewer."
    )
    wait: float = Field(
        default=0,
        ge=0,
        le=30,
        allow_inf_nan=False,
        description="Seconds to wait for an event if there is none. A stream always waits.",
    )
    topics: list[Topic] = Field(default=[], description="Only events of this topic; repeat it to ask for several.")


LastEventId = Annotated[
    Position | None,
    Header(
        alias="Last-Event-ID",
        description="The `id` of the last event received, to resume after; replaces `after`.",
    ),
]


@router.get(
    "",
    response_class=CloudEventBatch,
    response_model=list[CloudEvent],
    responses=documented(BeyondHeadError) | AS_STREAM,
)
async def read_feed(
    request: Request,
    session: CallerSession,
    query: Annotated[FeedQuery, Depends(queried(FeedQuery))],
    last_event_id: LastEventId = None,
) -> Response:
    """Read all events in order, with personal fields opened, as CloudEvents 1.0 in a JSON batch.

    Pass `Ledger-Position` of the answer as `after` to get the next batch. It is the position of the last event of a
    full batch, or else the position up to which the log was read, so that with `topics` no position is read twice. An
    empty batch means that there are no more events yet.

    With `Accept: text/event-stream` the events are sent as server-sent events, and the stream stays open. Resume an
    interrupted stream with `Last-Event-ID`: no event is skipped or repeated.
    """
    feed = Feed(session.database, session.log, tuple(query.topics), query.limit)
    listeners: Listeners = request.app.state.listeners
    streamed = wants_stream(request.headers.get("Accept", ""))
    if streamed or query.wait:
        request.state.slots.enter_context(listeners.slot(*share_owners(request)))
    key, half_closed = KeyWatch(await key_is_valid(request)), partial(has_half_closed, request.scope)
    page = await run_in_threadpool(feed.read, query.after if last_event_id is None else last_event_id)
    if streamed:
        return EventSourceResponse(feed.stream(page, listeners, key, half_closed), headers=STREAM_HEADERS)
    page = await feed.next_page(page, query.wait, listeners, request.is_disconnected, key, half_closed)
    body = b"[" + b",".join(event for _, event in page.events) + b"]"
    return CloudEventBatch(body, headers={"Ledger-Position": str(page.reached), "Vary": "Accept"})


def wants_stream(accept: str) -> bool:
    """Whether the caller accepts server-sent events by name."""
    asked = (part.lower().replace(" ", "").split(";") for part in accept.split(","))
    return any(kind == "text/event-stream" and not _NEVER.intersection(options) for kind, *options in asked)
