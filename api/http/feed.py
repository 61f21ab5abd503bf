"""The feed: a tenant's events in the order of positions, as CloudEvents 1.0 (CNCF).

Pages are read by position in short transactions. Who waits for more holds neither a thread nor a connection.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Self
from urllib.parse import quote
from uuid import UUID

import structlog
from fastapi.sse import format_sse_event
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from api.application.slots import ShareOwner, Slot, Slots
from api.http.problems import UnauthenticatedError
from api.http.schemas import optional
from domain import errors
from domain.event import Recorded, to_parts
from domain.json_documents import JsonObject
from domain.model import example
from domain.utc_time import UtcTime
from infra.database import Database
from infra.event_log.log import TenantLog
from projections.queries.audit_trail import page_of_topics

_LOG = structlog.get_logger()

MOST_LISTENING = 256
HEARTBEAT_SECONDS = 15.0
KEY_CHECK_SECONDS = 0.5
"""How often the key is looked up of a caller who waits: it may have been revoked."""
HALF_CLOSED_SECONDS = 1.0
"""How long a caller waits, and how often a stream shows that it is there, once the caller has shut down its side.

It may be gone altogether, which only sending to it tells.
"""

RECONNECT_MILLISECONDS = 1_000
SHORTEST_PAUSE = 0.005
LONGEST_PAUSE = 0.25
ENOUGH_BYTES = 1024 * 1024
"""A batch ends with the event that reaches this size: listeners who read slowly hold one each."""

_NOT_IN_ATTRIBUTES = re.compile("[%\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")


class CloudEvent(BaseModel):
    """An event as a CloudEvent 1.0. Its attributes tell what the envelope says; `data` is the event's own fields."""

    model_config = example(
        specversion="1.0",
        id="4",
        source="urn:asset-ledger:tenant:0193483c-0000-7000-8000-000000000001",
        type="asset.linked",
        subject="asset:0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
        time="2026-11-20T12:00:00.123456Z",
        data={"references": [{"kind": "message", "id": "m_91"}]},
        position="4",
        revision=2,
        actor="user:u_42",
        authenticatedkey="0193483c-0000-7000-8000-0000000000c1",
        authenticatedholder="worker:studio",
        correlationid="req-17",
    )

    specversion: Literal["1.0"] = "1.0"
    id: str = Field(description="The event's place in the tenant's log; with `source` it names the event for ever.")
    source: str = Field(description="The tenant's log.")
    type: str = Field(description="The topic.", examples=["asset.created"])
    subject: str = Field(description="What it happened to, such as `asset:ID` or `job:ID`.")
    time: UtcTime = Field(description="When it took effect: never earlier than an earlier position's.")
    datacontenttype: Literal["application/json"] = "application/json"
    data: JsonObject = Field(description="The event's own fields but those without a value, and the `reason` if given.")
    position: str = Field(description="The same as `id`, a decimal number: integers of CloudEvents end at 2^31.")
    revision: int = Field(description="Which event of the asset or job it is, from 1.")
    schemaversion: int = Field(description="Which version of the topic's fields `data` has.")
    recordedtime: UtcTime = Field(description="The server's clock when it was decided.")
    actor: str = Field(description="Who acted, written `type:id`; `%` and control characters percent-encoded.")
    authenticatedkey: UUID | None = optional(
        "The id of the key that acted; absent for the ledger, an operator, and events from before."
    )
    authenticatedholder: str | None = optional("To whom that key was issued, written as the actor is.")
    datasubject: str | None = optional("The person whose data it holds, encoded as the actor is.")
    correlationid: str = Field(description="The request id it came with.")
    causationid: str | None = optional("What led to that request.")

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        """The event of the log."""
        event, envelope = recorded.event, recorded.event.envelope
        parts, key = to_parts(event), envelope.authenticated
        of_tenant = envelope.originator_id == envelope.tenant_id
        return cls(
            id=str(recorded.position),
            source=f"urn:asset-ledger:tenant:{envelope.tenant_id}",
            type=event.TOPIC,
            subject=f"{'tenant' if of_tenant else event.TOPIC.partition('.')[0]}:{envelope.originator_id}",
            time=recorded.effective_at,
            data=parts.clear["data"] | parts.personal,
            position=str(recorded.position),
            revision=envelope.originator_version,
            schemaversion=event.class_version,
            recordedtime=envelope.recorded_at,
            actor=attribute(str(envelope.actor)),
            authenticatedkey=key.key if key else None,
            authenticatedholder=attribute(str(key.holder)) if key else None,
            datasubject=attribute(envelope.subject) if envelope.subject is not None else None,
            correlationid=envelope.correlation_id,
            causationid=envelope.causation_id,
        )


def attribute(text: str) -> str:
    """The text as an attribute may hold it: control characters and noncharacters percent-encoded (section 3.1)."""
    return _NOT_IN_ATTRIBUTES.sub(lambda match: quote(match[0]), text)


class Listeners(Slots):
    """Everyone who waits for events: counted, capped, and sent away when the service stops."""

    def __init__(self, most: int = MOST_LISTENING, heartbeat: float = HEARTBEAT_SECONDS) -> None:
        super().__init__(most, "wait for events")
        self.heartbeat = heartbeat
        self.dismissed = False
        """Once this is set, every stream and every wait ends within a quarter of a second."""

    def slot(self, *share_owners: ShareOwner, size: int = 1) -> Slot:
        """A place among them, as for other slots. ServiceUnavailableError also while the service stops."""
        if self.dismissed:
            raise errors.ServiceUnavailableError("The service is stopping.")
        return super().slot(*share_owners, size=size)


def _rendered(events: Iterable[Recorded]) -> Iterator[tuple[int, bytes]]:
    """The events as JSON, each with its position, until there is enough of them for one batch."""
    size = 0
    for recorded in events:
        event = CloudEvent.of(recorded).model_dump_json().encode()
        yield recorded.position, event
        size += len(event)
        if size >= ENOUGH_BYTES:
            return


@dataclass(frozen=True)
class FeedPage:
    """Some events, rendered, each with its position; up to where the log was looked through; whether it goes on."""

    events: tuple[tuple[int, bytes], ...]
    reached: int
    more: bool


class KeyWatch:
    """Looks up again and again whether the key of a caller who waits still opens anything."""

    def __init__(self, is_valid: Callable[[], bool]) -> None:
        self._is_valid = is_valid
        self._due = time.monotonic() + KEY_CHECK_SECONDS

    async def is_valid(self) -> bool:
        """Whether it does, as of half a second ago at the earliest."""
        if time.monotonic() < self._due:
            return True
        self._due = time.monotonic() + KEY_CHECK_SECONDS
        return await run_in_threadpool(self._is_valid)


@dataclass(frozen=True)
class Feed:
    """One tenant's events, of some topics or of all."""

    database: Database
    log: TenantLog
    topics: tuple[str, ...]
    limit: int

    def read(self, after: int) -> FeedPage:
        """The next events after a position. BeyondHeadError if the log does not reach that far."""
        head = self.log.head()
        if after > head:
            raise errors.BeyondHeadError(f"The log ends at position {head}; there is no position {after} yet.")
        recorded = self._page(after, head) if after < head else []
        events = tuple(_rendered(recorded))
        full = len(recorded) == self.limit or len(events) < len(recorded)
        reached = events[-1][0] if full else head
        return FeedPage(events, reached, reached < head)

    def _page(self, after: int, head: int) -> list[Recorded]:
        if not self.topics:
            return self.log.page(after, head, self.limit)
        return page_of_topics(self.database, self.log, self.topics, after, head, self.limit)

    async def next_page(
        self,
        page: FeedPage,
        seconds: float,
        listeners: Listeners,
        gone: Callable[[], Awaitable[bool]],
        key: KeyWatch,
        half_closed: Callable[[], bool] = bool,
    ) -> FeedPage:
        """The batch, or if it is empty, the first one that is not; an empty one when the time is up.

        UnauthenticatedError once the key is revoked.
        """
        deadline = time.monotonic() + seconds
        pause = SHORTEST_PAUSE
        while not page.events and not await gone():
            if half_closed():
                deadline = min(deadline, time.monotonic() + HALF_CLOSED_SECONDS)
            if not page.more:
                left = deadline - time.monotonic()
                if left <= 0 or listeners.dismissed:
                    break
                await asyncio.sleep(min(pause, left))
                pause = min(2 * pause, LONGEST_PAUSE)
            if not await key.is_valid():
                raise UnauthenticatedError
            page = await run_in_threadpool(self.read, page.reached)
        return page

    async def stream(
        self, page: FeedPage, listeners: Listeners, key: KeyWatch, half_closed: Callable[[], bool]
    ) -> AsyncIterator[bytes]:
        """The batch and all that follows as server-sent events, until the key is revoked or the service stops.

        What makes the ledger unavailable for a while only delays it. It ends before an entry that cannot be read, and
        where the log went back.
        """
        yield format_sse_event(comment="events follow", retry=RECONNECT_MILLISECONDS)
        pause, beat = SHORTEST_PAUSE, time.monotonic() + listeners.heartbeat
        while not listeners.dismissed:
            for position, event in page.events:
                yield format_sse_event(data_str=event.decode(), id=str(position))
            pause = SHORTEST_PAUSE if page.events else min(2 * pause, LONGEST_PAUSE)
            try:
                if not await key.is_valid():
                    return
                if half_closed():
                    beat = min(beat, time.monotonic() + HALF_CLOSED_SECONDS)
                if time.monotonic() >= beat:
                    yield format_sse_event(comment="still here", id=str(page.reached))
                    beat = time.monotonic() + listeners.heartbeat
                if not page.more:
                    await asyncio.sleep(pause)
                page = await run_in_threadpool(self.read, page.reached)
            except errors.LogWentBackError:
                return
            except (errors.ServiceUnavailableError, errors.KeyUnavailableError):
                page = FeedPage((), page.reached, more=False)
            except (errors.CorruptEntryError, errors.UnknownTopicError) as error:
                _LOG.warning("stream ended", tenant_id=str(self.log.tenant_id), reason=str(error))
                return  # who asks again from here is told
