"""Connections of the HTTP server: what each may take, how many there are, and which go first when there are too many.

A connection without a request under way is *silent*: it may have sent nothing, half a header, or the rest of a body
that was refused. Silent connections are closed after a while, and the longest-silent ones at once where a new caller
needs room.
"""

import asyncio
import fcntl
import json
import logging
import re
import resource
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import structlog
from httptools import HttpParserInvalidMethodError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

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
NO_HEAD: Final = float("-inf")
"""The size of a header that has ended: what arrives is the body."""

_ORIGIN: Final = re.compile(rb"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
"""What a target in absolute form (RFC 9112, 3.2.2) has before its path."""
_OFFER: Final = re.compile(rb"(?<=\r\n)upgrade(?=[ \t]*:)", re.IGNORECASE)

_LOG = structlog.get_logger()


def _refusal(status: HTTPStatus, name: str, detail: str) -> bytes:
    """The whole answer to what never becomes a request of the application, as a problem."""
    title = name.replace("-", " ").capitalize()
    problem = {"type": f"urn:asset-ledger:problem:{name}", "title": title, "status": status, "detail": detail}
    body = json.dumps(problem | {"request_id": ""}).encode()
    again = "retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n{again}connection: close\r\n\r\n"
    )
    return head.encode() + body


_FULL: Final = _refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "service-unavailable", "Too many connections are open. Try again."
)
_TOO_LARGE: Final = _refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large", "The header is larger than the service takes."
)
_NO_METHOD: Final = _refusal(HTTPStatus.NOT_IMPLEMENTED, "not-implemented", "This is no method that the service knows.")
_NO_HTTP: Final = _refusal(HTTPStatus.BAD_REQUEST, "bad-request", "This is no request of HTTP/1.1.")


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
        self._silent: dict[Connection, None] = {}
        self._paused: set[Connection] = set()
        self._closed = self._refused = 0

    def opened(self, connection: "Connection") -> None:
        """Count a new connection. Room for it is made by closing one that is silent; else it is refused."""
        if len(connection.connections) > self.bounds.connections and not self.close_silent():
            connection.refused = True
            self._refused += 1
        self.is_silent(connection)

    def is_silent(self, connection: "Connection") -> None:
        """Count the connection among those without a request, as the one that is silent since last."""
        self._silent.pop(connection, None)
        self._silent[connection] = None

    def is_asking(self, connection: "Connection") -> None:
        """The connection has a request under way."""
        self._silent.pop(connection, None)

    def is_paused(self, connection: "Connection") -> None:
        """The caller takes its answer more slowly than it is sent."""
        self._paused.add(connection)

    def is_resumed(self, connection: "Connection") -> None:
        """The caller has taken nearly all that was ready."""
        self._paused.discard(connection)

    def lost(self, connection: "Connection") -> None:
        """Forget the connection."""
        self._silent.pop(connection, None)
        self._paused.discard(connection)

    def close_silent(self) -> bool:
        """Close the longest-silent connection, of those that have taken their answers if there are any."""
        taken = (connection for connection in self._silent if not connection.unsent)
        oldest = next(taken, None) or next(iter(self._silent), None)
        if oldest is None:
            return False
        self._closed += 1
        oldest.abort()
        return True

    def sweep(self) -> None:
        """Close what has taken too long, and log what was closed or refused since the last time. Once a second."""
        now = time.monotonic()
        for connection in [c for c in self._paused if c.is_stuck(now)]:
            connection.abort()
        for connection in self._overdue(now):
            connection.abort()
        if self._closed or self._refused:
            _LOG.warning(
                "too many connections", most=self.bounds.connections, closed=self._closed, refused=self._refused
            )
            self._closed = self._refused = 0

    def _overdue(self, now: float) -> list["Connection"]:
        overdue = []
        for connection in self._silent:
            if now - connection.silent_since <= self.bounds.silent:
                break
            if not connection.unsent or connection.is_stuck(now):
                overdue.append(connection)
        return overdue


class Connection(HttpToolsProtocol):
    """One connection of HTTP/1.1, which tells `Connections` when it falls silent."""

    def __init__(self, all_: Connections, **server: Any) -> None:  # noqa: ANN401 - what uvicorn gives a protocol
        super().__init__(**server)
        self._all = all_
        self.refused = False
        self.silent_since = self._progress_at = time.monotonic()
        self._late_at = float("inf")
        self._left = 0
        self._size_of_head: float = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        super().connection_made(transport)
        self._read_at_once(READ_OF_HEAD)
        self._all.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._all.lost(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.refused:
            self.transport.write(_FULL)
            self.transport.close()
            return
        if self._size_of_head >= 0 and (b"pgrade" in data or b"PGRADE" in data):
            data = _without_offer(data)
        self._size_of_head += len(data)
        super().data_received(data)
        if self._size_of_head > READ_OF_HEAD:
            self._refuse(_TOO_LARGE)

    def on_headers_complete(self) -> None:
        if self.parser.get_http_version() == "1.1" and [name for name, _ in self.headers].count(b"host") != 1:
            raise ValueError("RFC 9112, 3.2: a request names one host")
        if self.parser.should_upgrade():
            raise ValueError("no other protocol is spoken")
        if not self.url.startswith(b"/"):
            self.url = b"/" + _ORIGIN.sub(b"", self.url, count=1).removeprefix(b"/")
        super().on_headers_complete()
        self._size_of_head = NO_HEAD
        self._read_at_once(READ_OF_BODY)
        self._all.is_asking(self)

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._size_of_head = 0
        self._read_at_once(READ_OF_HEAD)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - as uvicorn has it
        unknown = isinstance(sys.exc_info()[1], HttpParserInvalidMethodError)
        self._refuse(_NO_METHOD if unknown else _NO_HTTP)

    def _refuse(self, answer: bytes) -> None:
        """Refuse what the parser gave up on, once all requests before it are answered."""
        unanswered = None if self.cycle is None or self.cycle.response_complete else self.cycle
        if unanswered and (self.pipeline or not unanswered.more_body):
            unanswered.keep_alive = False
            return
        if not (unanswered and unanswered.response_started):
            self.transport.write(answer)
        if unanswered:
            unanswered.disconnected = True
            unanswered.message_event.set()
        self.transport.close()

    def on_response_complete(self) -> None:
        self.silent_since = self._progress_at = time.monotonic()
        if not self.pipeline:
            self._all.is_silent(self)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._left, self._progress_at = self.unsent, time.monotonic()
        self._late_at = self._progress_at + self._all.bounds.unread_mib * (1 + self._left // MIB)
        self._all.is_paused(self)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._late_at = float("inf")
        self._all.is_resumed(self)

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

    def _in_kernel(self) -> int:
        """How many bytes the kernel holds that the other side has not got: a megabyte may go before it takes more."""
        with suppress(OSError, ValueError):
            held = fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, bytes(4))
            return int.from_bytes(held, sys.byteorder)
        return 0

    def _read_at_once(self, size: int) -> None:
        self.transport.max_size = size  # type: ignore[attr-defined]  # of asyncio's own transports


def _without_offer(data: bytes) -> bytes:
    """The beginning of a request without its offer to speak another protocol, which RFC 9110, 7.8 lets a server ignore.

    The parser would take the body for the other protocol.
    """
    head, end, rest = data.partition(b"\r\n\r\n")
    return _OFFER.sub(b"Declined", head) + end + rest


class OnceASecond(logging.Filter):
    """Lets a message of a logger through once a second: callers can cause it as often as they like."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the message was not logged within the last second."""
        now, text = time.monotonic(), record.msg.split("\n")[0]
        if now - self._last.get(text, -1.0) < 1.0:
            return False
        self._last = {known: at for known, at in self._last.items() if now - at < 1.0} | {text: now}
        return True
