"""What every request passes: an id, a line in the log, and what it holds given back."""

import re
import time
from collections import Counter
from contextlib import ExitStack
from typing import Final
from urllib.parse import unquote_to_bytes

import structlog
from fastapi import HTTPException, Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils.compat import uuid4

from api.application.session import Session
from api.http.authentication import REQUEST_ID
from api.http.problems import answered
from api.http.request_arrival import must_close

_LOG = structlog.get_logger()


MOST_HEADERS = 100
SINGLE: Final = frozenset(
    b"accept-encoding authorization content-encoding content-length content-range content-type host idempotency-key "
    b"if-match if-range last-event-id range transfer-encoding x-actor x-causation-id x-request-id".split()
)
"""Fields that stand in a header once: which of two is meant, nobody can tell."""
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
            if (refusal := _refusal(scope)) is not None:
                await (await answered(Request(scope), refusal))(scope, receive, answer)
            else:
                await self._app(scope, receive, answer)


def _refusal(scope: Scope) -> HTTPException | None:
    """What is wrong with the path or the header of a request, whatever it asks for."""
    names = [name for name, _ in scope["headers"]]
    if len(names) > MOST_HEADERS:
        return HTTPException(431, f"A request may have at most {MOST_HEADERS} headers.")
    if "\n" in scope["path"] or ("\ufffd" in scope["path"] and not _is_utf8(scope["raw_path"])):
        return HTTPException(400, "A path is UTF-8 without line feeds.")
    if len({*names}) < len(names):
        twice = [name.decode() for name, count in Counter(names).items() if count > 1 and name in SINGLE]
        if twice:
            return HTTPException(400, f"The header has {twice[0]} twice.")
    if b"transfer-encoding" in names and b"content-length" in names:
        return HTTPException(400, "A body has a length or comes in chunks, not both.", {"Connection": "close"})
    encoding = Headers(scope=scope).get("content-encoding", "identity")
    if encoding.strip().lower() != "identity":
        return HTTPException(415, "A body is sent as it is, without a content encoding.")
    return None


def _is_utf8(quoted: bytes) -> bool:
    try:
        unquote_to_bytes(quoted).decode()
    except UnicodeDecodeError:
        return False
    return True


def _add_headers(scope: Scope, message: Message, request_id: str) -> None:
    """Add the headers that every answer has, and those of answers that only the holder of a key may see."""
    headers = MutableHeaders(scope=message)
    headers.setdefault("x-request-id", request_id)
    if must_close(scope):
        headers.setdefault("connection", "close")
    if scope["path"].startswith("/v1/") and message["status"] != 304:
        headers.setdefault("cache-control", "no-store")
        headers.setdefault("x-content-type-options", "nosniff")


def _caller(session: Session | None) -> dict[str, str]:
    if session is None or session.authenticated is None:
        return {}
    return {"tenant_id": str(session.tenant_id), "key_id": str(session.authenticated.key)}
