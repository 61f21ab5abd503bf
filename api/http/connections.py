"""Connections of the HTTP server: what each may take, how many there are, and which go first when there are too many.

A connection without a request under way is *silent*: it may have sent nothing, half a header, or the rest of a body
that was refused. Silent connections are closed after a while, and the longest-silent ones at once where a new caller
needs room.
"""

import asyncio
import fcntl
import resource
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from itertools import takewhile
from typing import Any, Final

import h11
import structlog
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.http.answer_transports import AnswerTransport, LingeringClose
from api.http.connection_ends import FULL, NO_HTTP, TOO_LARGE
from api.http.request_arrival import AWAITS_CONTINUE, BODY_CUT, HALF_CLOSED

READ_OF_BODY: Final = 1 << 20
"""How much of a body is read at once: a large body takes fewer turns of the loop than with asyncio's 256 KiB."""
READ_OF_HEAD: Final = 48 * 1024
"""How much is read at once before the whole header is there, and the most bytes of a header that has not ended.

A query with a thousand ids, the most that a list takes, has 40 KiB.
"""
MOST_CONNECTIONS: Final = 10_000
FEWEST_CONNECTIONS: Final = 16
LEAST_RESERVED: Final = 256
MIB: Final = 1 << 20


_LOG = structlog.get_logger()


def most_connections() -> int:
    """The most connections that fit below the limit of descriptors.

    A quarter of the limit, and 256 at the least, is left to databases, files and the content store.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, limit - max(LEAST_RESERVED, limit // 4)))


@dataclass(frozen=True)
class Bounds:
    """How long callers may take, in seconds, and how many connections may be open."""

    silent: float = 10.0
    """From the connection, or the last answer on it, to the end of the next request's header."""
    kept: int = 5
    """A connection that is kept after an answer, until the first byte of the next request."""
    unread: float = 30.0
    """An answer of which the caller takes no byte."""
    unread_mib: float = 300.0
    """Each mebibyte of an answer that is ready to be sent."""
    connections: int = field(default_factory=most_connections)


class Connections:
    """All open connections of a server."""

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self.silent: dict[Connection, None] = {}
        """Those without a request under way, the longest-silent first."""
        self.paused: set[Connection] = set()
        """Those whose callers take an answer more slowly than it is sent."""
        self._closed = self._refused = 0

    def opened(self, connection: "Connection") -> None:
        """Count a new connection. Room for it is made by closing one that is silent; else it is refused."""
        if len(connection.connections) > self.bounds.connections and not self.close_silent():
            connection.refused = True
            self._refused += 1
        self.is_silent(connection)

    def is_silent(self, connection: "Connection") -> None:
        """Count the connection among those without a request, as the one that is silent since last."""
        self.silent.pop(connection, None)
        self.silent[connection] = None

    def lost(self, connection: "Connection") -> None:
        """Forget the connection."""
        self.silent.pop(connection, None)
        self.paused.discard(connection)

    def close_silent(self) -> bool:
        """Close the longest-silent connection, of those that have taken their answers if there are any."""
        up_to_date = (connection for connection in self.silent if not connection.unsent)
        oldest = next(up_to_date, None) or next(iter(self.silent), None)
        if oldest is None:
            return False
        self._closed += 1
        oldest.abort()
        return True

    def close_overdue(self) -> None:
        """Close what has taken too long, and log what was closed or refused since the last time. Once a second."""
        now = time.monotonic()
        for connection in [c for c in self.paused if c.is_stuck(now)]:
            connection.abort()
        silent = takewhile(lambda connection: now - connection.silent_since > self.bounds.silent, self.silent)
        for connection in [c for c in silent if not c.unsent or c.is_stuck(now)]:
            connection.abort()
        if self._closed or self._refused:
            _LOG.warning(
                "too many connections", most=self.bounds.connections, closed=self._closed, refused=self._refused
            )
            self._closed = self._refused = 0


class Connection(H11Protocol):
    """One connection of HTTP/1.1, which tells `Connections` when it falls silent."""

    def __init__(self, all_: Connections, **server: Any) -> None:  # noqa: ANN401 - what uvicorn gives a protocol
        super().__init__(**server)
        self._all = all_
        self.refused = False
        self.silent_since = self._progress_at = time.monotonic()
        self._late_at = float("inf")
        self._left = 0
        self._has_ended = False
        """Whether the caller has shut down its side."""
        self._is_deaf = False
        """Whether what still arrives is dropped."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._read_at_once(READ_OF_HEAD)
        self._all.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.lost(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            self.transport.write(FULL)
            self.transport.close()
        elif not self._is_deaf:
            super().data_received(data)

    def eof_received(self) -> bool:  # type: ignore[override]  # uvicorn closes
        """Whether the connection stays open: the caller sends no more, but may still wait for answers."""
        self._has_ended = True
        self._end_what_is_half()
        return not self.transport.is_closing()

    def handle_events(self) -> None:
        super().handle_events()
        if self._is_answering:
            self._all.silent.pop(self, None)
            if self.cycle.more_body:
                self._watch_body()
            else:
                if self.cycle.transport is self.transport:
                    self.cycle.transport = AnswerTransport(self.transport, self.loop)
                self.cycle.waiting_for_100_continue = False
        self._read_at_once(READ_OF_BODY if self.conn.their_state is h11.SEND_BODY else READ_OF_HEAD)
        if self._has_ended:
            self._end_what_is_half()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn has it
        """Refuse what the parser gave up on. A request that the application has is answered by the application.

        It may have recorded something already, though the rest of the body is none.
        """
        self._is_deaf = True
        if self._is_answering:
            self.cycle.keep_alive = False
            if self.cycle.more_body:
                self._cut_body()
            return
        if self.conn.our_state is h11.IDLE:
            status = getattr(sys.exc_info()[1], "error_status_hint", HTTPStatus.BAD_REQUEST)
            self.transport.write(TOO_LARGE if status == HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE else NO_HTTP)
        self.finish()

    def on_response_complete(self) -> None:
        self.silent_since = self._progress_at = time.monotonic()
        self._all.is_silent(self)
        super().on_response_complete()
        if self._is_deaf:
            self._unset_keepalive_if_required()
        if self._has_ended:
            self._end_what_is_half()

    def finish(self) -> None:
        """Close the connection once all is sent.

        What still arrives is dropped meanwhile: a reset could take the answer from the caller (RFC 9112, section 9.6).
        """
        if self._has_ended or self.conn.their_state not in {h11.SEND_BODY, h11.ERROR}:
            self.transport.close()
        else:
            self._is_deaf = True
            self.transport.write_eof()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left, self._progress_at = self.unsent, time.monotonic()
        self._late_at = self._progress_at + self._all.bounds.unread_mib * (1 + self._left // MIB)
        self._all.paused.add(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._late_at = float("inf")
        self._all.paused.discard(self)

    @property
    def unsent(self) -> int:
        """How many bytes of answers the caller has not taken."""
        return self.transport.get_write_buffer_size()

    def is_stuck(self, now: float) -> bool:
        """Whether the caller takes nothing, or too little, of what is ready."""
        left = self.unsent + self._in_kernel()
        if left != self._left:
            self._left, self._progress_at = left, now
        return now > self._late_at or now - self._progress_at > self._all.bounds.unread

    def abort(self) -> None:
        """Close the connection at once, whatever has not been sent."""
        self._all.lost(self)
        self.connections.discard(self)
        self.transport.abort()

    @property
    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _watch_body(self) -> None:
        cycle = self.cycle
        if cycle.transport is self.transport:
            cycle.transport = LingeringClose(self.transport, self.loop, self.finish)
            if cycle.waiting_for_100_continue:
                cycle.scope["state"][AWAITS_CONTINUE] = partial(getattr, cycle, "waiting_for_100_continue")

    def _cut_body(self) -> None:
        self.cycle.waiting_for_100_continue = False
        self.cycle.scope["state"][BODY_CUT] = True
        self.cycle.message_event.set()

    def _end_what_is_half(self) -> None:
        """Nothing more arrives: end what is not whole, and close the connection where no answer is due."""
        if self.transport.is_closing():
            return
        if self._is_answering:
            self.cycle.scope["state"][HALF_CLOSED] = True
            if self.cycle.more_body:
                self._cut_body()
        elif self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self.send_400_response("")
        else:
            self.transport.close()

    def _in_kernel(self) -> int:
        """How many bytes the kernel holds that the other side has not got: a megabyte may go before it takes more."""
        with suppress(OSError, ValueError):
            held = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            return int.from_bytes(held, sys.byteorder)
        return 0

    def _read_at_once(self, size: int) -> None:
        self.transport.max_size = size  # type: ignore[attr-defined]  # of asyncio's own transports
