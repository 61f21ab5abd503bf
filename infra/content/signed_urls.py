"""URLs that let their holder do one thing to one object of the directory store, for a while."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple
from urllib.parse import quote, urlencode

from domain.errors import LedgerError

PATH = "/v1/content/"
_PURPOSE = "asset-ledger content url 1"
_FEWEST_BYTES = 32
_FIELDS = ("size", "content_type", "disposition", "etag", "upload", "part", "most")


class SignatureError(LedgerError):
    """The URL was not signed by this ledger for this request. Ask for a new one."""


class UrlExpiredError(SignatureError):
    """The URL has expired. Ask for a new one."""


class Grant(NamedTuple):
    """The permission that a URL carries: the method, the object, and the headers of the request or the answer."""

    method: str
    key: str
    size: int | None = None
    content_type: str | None = None
    disposition: str | None = None
    etag: str | None = None
    upload: str | None = None
    part: int | None = None
    most: int | None = None


class UrlSigner:
    """Signs URLs with HMAC-SHA-256. The secret has 32 bytes or more, else ValueError."""

    def __init__(self, secret: bytes, base_url: str) -> None:
        if len(secret) < _FEWEST_BYTES:
            raise ValueError(f"the secret that signs URLs must have at least {_FEWEST_BYTES} bytes")
        self._secret = secret
        self._base_url = base_url.rstrip("/")

    def sign(self, grant: Grant, expires_at: datetime) -> str:
        """A URL that allows what is granted until the full second of the time."""
        query = {"expires": str(int(expires_at.timestamp()))}
        query |= {name: str(value) for name, value in grant._asdict().items() if name in _FIELDS and value is not None}
        signature = self._signature(grant.method, grant.key, query)
        return f"{self._base_url}{PATH}{quote(grant.key)}?{urlencode(query | {'signature': signature})}"

    def verify(self, method: str, key: str, query: Mapping[str, str], now: datetime) -> Grant:
        """What a request with this query may do. SignatureError, and UrlExpiredError which is one."""
        fields = {name: value for name, value in query.items() if name != "signature"}
        expected = self._signature(method, key, fields)
        if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode(errors="replace")):
            raise SignatureError
        if now.timestamp() >= int(fields.pop("expires")):
            raise UrlExpiredError
        numbers = {name: int(fields.pop(name)) for name in ("size", "part", "most") if name in fields}
        return Grant(method, key, **numbers, **fields)  # type: ignore[arg-type]  # signed, so just what sign wrote

    def _signature(self, method: str, key: str, query: Mapping[str, str]) -> str:
        # As JSON no two requests are the same text, whatever their fields hold; a field the ledger never wrote counts.
        text = json.dumps([_PURPOSE, method, key, sorted(query.items())])
        return hmac.new(self._secret, text.encode(), hashlib.sha256).hexdigest()
