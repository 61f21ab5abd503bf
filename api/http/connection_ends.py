"""How a connection ends early: answers to what never becomes a request."""

import json
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
