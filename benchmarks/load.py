"""A load generator that costs little: one thread, keep-alive connections, requests that are bytes already."""

import re
import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle

from benchmarks.environment import MeasuringError

Address = tuple[str, int]
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_MOST = 1 << 20
_PATIENCE = 60


@dataclass(frozen=True)
class Load:
    """How many requests were answered, in how many seconds, and the bodies if they were to be kept."""

    count: int
    seconds: float
    bodies: list[bytes]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.count / self.seconds


class _Connection:
    """Sends one request at a time and reads its answer to the end."""

    def __init__(self, address: Address, status: int) -> None:
        self.socket = socket.create_connection(address, _PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._status = b"HTTP/1.1 %d" % status
        self._arrived = b""

    def send(self, request: bytes) -> None:
        self.socket.sendall(request)

    def answer(self) -> bytes | None:
        """The body once all of it has arrived. MeasuringError for any other status or a lost connection."""
        data = self.socket.recv(_MOST)
        self._arrived = self._arrived + data if self._arrived else data
        end = self._arrived.find(b"\r\n\r\n") + 4
        length = _LENGTH.search(self._arrived, 0, end) if end > 3 else None
        if not data or (end > 3 and not (length and self._arrived.startswith(self._status))):
            raise MeasuringError(f"not the answer to expect: {self._arrived[:500]!r}")
        if length is None or len(self._arrived) < end + int(length[1]):
            return None
        body, self._arrived = self._arrived[end:], b""
        return body


def request(method: str, path: str, key: str, body: bytes = b"") -> bytes:
    """A request as it goes over the wire."""
    head = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}", "Accept: */*"]
    if body:
        head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", ""]).encode() + body


def for_seconds(seconds: float) -> Callable[[int], bool]:
    """Send more until the time is up."""
    until = time.perf_counter() + seconds
    return lambda _sent: time.perf_counter() < until


def load(
    address: Address,
    requests: Sequence[bytes],
    more: Callable[[int], bool],
    *,
    connections: int = 32,
    status: int = 200,
    keep: bool = False,
) -> Load:
    """Send the requests over and over, one at a time on each connection, as long as `more` says so of those sent.

    Raises MeasuringError for an answer of any other status.
    """
    opened = [_Connection(address, status) for _ in range(connections)]
    try:
        with selectors.DefaultSelector() as selector:
            for connection in opened:
                selector.register(connection.socket, selectors.EVENT_READ, connection)
            return _drive(selector, opened, cycle(requests), more, keep=keep)
    finally:
        for connection in opened:
            connection.socket.close()


def _drive(
    selector: selectors.BaseSelector,
    opened: Sequence[_Connection],
    requests: Iterator[bytes],
    more: Callable[[int], bool],
    *,
    keep: bool,
) -> Load:
    bodies: list[bytes] = []
    started = time.perf_counter()
    sent = answered = 0
    for connection in opened:
        connection.send(next(requests))
        sent += 1
    while answered < sent:
        for key, _ in selector.select(_PATIENCE) or _silence():
            body = key.data.answer()
            if body is None:
                continue
            answered += 1
            if keep:
                bodies.append(body)
            if more(sent):
                key.data.send(next(requests))
                sent += 1
    return Load(answered, time.perf_counter() - started, bodies)


def _silence() -> list[tuple[selectors.SelectorKey, int]]:
    raise MeasuringError(f"nothing was answered for {_PATIENCE} seconds")
