"""Connections to a server on which anything may be sent, or nothing."""

import re
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

from api.http.connections import Bounds

SOON = Bounds(silent=0.4, unread=0.4)


def address(url: str) -> tuple[str, int]:
    """Where a server listens."""
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def opened(url: str, sent: bytes = b"") -> socket.socket:
    """A connection on which these bytes have been sent, and to which little can be sent at once."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.settimeout(30)
    connection.connect(address(url))
    connection.sendall(sent)
    return connection


def drip(connection: socket.socket, sent: bytes) -> float:
    """Send the byte again and again until the other side closes the connection; returns how long that took."""
    started = time.monotonic()
    connection.settimeout(0.02)
    with suppress(ConnectionError):
        while time.monotonic() < started + 30:
            connection.sendall(sent)
            with suppress(TimeoutError):
                if not connection.recv(65_536):
                    break
    return time.monotonic() - started


def next_answer(connection: socket.socket) -> bytes:
    """The next answer, whose length is in its head; nothing is read beyond it."""
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        byte = connection.recv(1)
        assert byte, received
        received += byte
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n", received)
    assert length, received
    return received + connection.recv(int(length[1]), socket.MSG_WAITALL)


def to_the_end(connection: socket.socket) -> bytes:
    """All that comes until the other side closes the connection."""
    received = b""
    with suppress(ConnectionResetError):
        while block := connection.recv(65_536):
            received += block
    return received


def until(condition: Callable[[], bool]) -> None:
    """Return once it holds."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
