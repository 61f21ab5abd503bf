"""How a connection ends early: answers to what never becomes a request, and closing while the caller still sends."""

import asyncio
import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Final


def _refusal(status: HTTPStatus, name: str, detail: str) -> bytes:
    """The whole answer, as problem details (RFC 9457)."""
    title = name.replace("-", " ").capitalize()
    problem = {"type": f"urn:asset-ledger:problem:{name}", "title": title, "status": status, "detail": detail}
    body = json.dumps(problem | {"request_id": ""}).encode()
    again = "retry-after: 1\r\n" if status is HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
        f"content-length: {len(body)}\r\n{again}connection: close\r\n\r\n"
    )
    return head.encode() + body


FULL: Final = _refusal(
    HTTPStatus.SERVICE_UNAVAILABLE, "service-unavailable", "Too many connections are open. Try again."
)
TOO_LARGE: Final = _refusal(
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "header-too-large", "The header is larger than the service takes."
)
NO_HTTP: Final = _refusal(HTTPStatus.BAD_REQUEST, "bad-request", "This is no request of HTTP/1.1.")


class LingeringClose(asyncio.Transport):
    """The transport of one answer, whose closing is left to the connection (RFC 9112, section 9.6)."""

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
