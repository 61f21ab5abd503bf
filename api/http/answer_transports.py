"""The transport of one answer: its head goes out with what follows, and its end may be left to the connection."""

import asyncio
from collections.abc import Callable
from typing import Final

_INTERIM: Final = b"HTTP/1.1 1"


class AnswerTransport(asyncio.Transport):
    """Sends the head of an answer together with what follows at once: that saves both sides a system call."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None
        self._has_begun = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the data behind what has been written before; a head once the loop turns, if nothing follows by then."""
        if self._has_begun:
            self._transport.write(self._taken_head() + data if self._head else data)
        elif (head := bytes(data)).startswith(_INTERIM):
            self._transport.write(head)
        else:
            self._has_begun, self._head = True, head
            self._loop.call_soon(self._send_head)

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Close the connection once all is sent."""
        self._send_head()
        self._transport.close()

    def _send_head(self) -> None:
        if self._head and not self._transport.is_closing():
            self._transport.write(self._taken_head())

    def _taken_head(self) -> bytes:
        head, self._head = self._head or b"", None
        return head


class LingeringClose(AnswerTransport):
    """The transport of an answer whose closing is left to the connection (RFC 9112, section 9.6)."""

    def __init__(
        self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop, finish: Callable[[], None]
    ) -> None:
        super().__init__(transport, loop)
        self._finish = finish

    def close(self) -> None:
        """Let the connection finish."""
        self._send_head()
        self._finish()
