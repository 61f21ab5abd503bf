"""What requests say of the bytes they bring, and how these are taken in."""

import base64
import re
from collections.abc import Callable
from typing import TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from api.places import Holder
from api.problems import BadHeaderError, BodyCutShortError, invalid
from api.threads import Threads
from domain.asset.events import Content

T = TypeVar("T")
_UNSAID = {"application/octet-stream", "application/x-www-form-urlencoded", "binary/octet-stream"}
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/]{43}=):")


async def taken(request: Request, take: Callable[[], T], *holders: Holder) -> T:
    """What taking the request's body in a thread returns. BodyCutShortError if the connection is lost meanwhile.

    ServiceUnavailableError while as many others are being taken as may be, ShareUsedUpError for a holder's.
    """
    threads: Threads = request.app.state.taking
    try:
        return await threads.run(take, *holders)
    except ClientDisconnect:
        raise BodyCutShortError from None


def reachable(request: Request, url: str) -> str:
    """The URL for this caller: one of ours begins with the address that the connection reached, unless a setting says
    otherwise. The Host header is the caller's own, and nothing is signed for what it says.
    """
    if not url.startswith("/"):
        return url
    host, port = request.scope["server"]
    return f"{request.scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}{url}"


def announced(content_type: str | None, length: str | None, sha256: str | None) -> Content:
    """What the bytes are to be, as far as it is said. RequestValidationError."""
    try:
        return Content(content_type=said_type(content_type), size=number(length), sha256=sha256)
    except ValidationError as error:
        raise invalid(error, "content") from None


def said_type(content_type: str | None) -> str | None:
    """The media type without its parameters; None if it says nothing of the bytes."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return None if kind in _UNSAID else kind or None


def number(given: str | None) -> int | None:
    """A header's number; None if it is none."""
    return int(given) if given and given.isascii() and given.isdigit() else None


def digest(request: Request) -> str | None:
    """The SHA-256 of Content-Digest (RFC 9530) in hex; None if it is not said. BadHeaderError."""
    given = request.headers.get("Content-Digest", "")
    if "sha-256=" not in given:
        return None
    found = _DIGEST.search(given)
    if found is None:
        raise BadHeaderError("Content-Digest is written sha-256=:BASE64: (RFC 9530).")
    return base64.b64decode(found[1]).hex()
