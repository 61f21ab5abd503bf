"""Closing a connection whose caller may still be sending (RFC 9112, section 9.6)."""

import asyncio
from collections.abc import Callable


class LingeringClose(asyncio.Transport):
    """The transport of one answer, whose closing is left to the connection."""

    def __init__(self, transport: asyncio.Transport, finish: Callable[[], None]) -> None:
        super().__init__()
        self._transport, self._finish = transport, finish

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send the data behind what has been written before."""
        self._transport.write(data)

    def is_closing(self) -> bool:
        """Whether the connection is being closed."""
        return self._transport.is_closing()

    def close(self) -> None:
        """Let the connection finish."""
        self._finish()
