"""What every request passes: an id, a line in the log, and what it holds given back."""

import re
import time
from collections.abc import Sequence
from contextlib import ExitStack

import structlog
from fastapi import HTTPException, Request
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid4

from api.application.session import Session
from api.http.authentication import REQUEST_ID
from api.http.problems import answered
from api.http.request_arrival import must_close

_LOG = structlog.get_logger()


MOST_HEADERS = 100
_CLOSE = (b"connection", b"close")
_PRIVATE = (b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")
_ABSOLUTE = re.compile("https?://[^/?]*", re.IGNORECASE)


class RequestId:
    """Gives every request an id, its own if it is well-formed, answers with it and logs the request under it.

    The slots that the request takes, in its state's `slots`, are given back once it is answered.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if not scope["path"].startswith("/"):
            scope["path"] = _ABSOLUTE.sub("", scope["path"], count=1) or "/"
        header = Headers(scope=scope).get("x-request-id", "")
        request_id = header if REQUEST_ID.fullmatch(header) else str(uuid4())
        started = time.perf_counter()

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(scope, message, request_id)
                _LOG.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=int(message["status"]),
                    ms=round((time.perf_counter() - started) * 1000, 1),
                    request_id=request_id,
                    **_caller(scope["state"].get("session")),
                )
            await send(message)

        with ExitStack() as slots:
            scope.setdefault("state", {}).update(request_id=request_id, slots=slots)
            if len(scope["headers"]) > MOST_HEADERS:
                refusal = HTTPException(431, f"A request may have at most {MOST_HEADERS} headers.")
                await (await answered(Request(scope), refusal))(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)


def _add_headers(scope: Scope, message: Message, request_id: str) -> None:
    """Add the headers that every answer has, and those of answers that only the holder of a key may see."""
    headers: Sequence[tuple[bytes, bytes]] = message["headers"]
    added = [(b"x-request-id", request_id.encode())]
    if must_close(scope):
        added.append(_CLOSE)
    if scope["path"].startswith("/v1/") and message["status"] != 304:
        added += _PRIVATE
    present = {name for name, _ in headers}
    message["headers"] = [*headers, *(header for header in added if header[0] not in present)]


def _caller(session: Session | None) -> dict[str, str]:
    if session is None or session.authenticated is None:
        return {}
    return {"tenant_id": str(session.tenant_id), "key_id": str(session.authenticated.key)}
