"""How long requests to an S3 server take at the most."""

from typing import Any, Self

from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import ReadTimeoutError

ANSWER = Timeout(connect=5, read=20)
JOINED = Timeout(connect=5, read=120)
"""While the server copies an object or joins parts, it may be silent for long."""

_RETRIED = (500, 502, 503, 504)


class _Repeating(Retry):
    """Repeats what may be repeated; but who has waited in vain once does not wait again."""

    def increment(self, *args: Any, **options: Any) -> Self:  # noqa: ANN401 - urllib3's
        """The attempts that are left. Raises ReadTimeoutError, and what urllib3 does."""
        error = options.get("error")
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(*args, **options)


class BoundedPool(PoolManager):
    """Connections on which each request has its bound."""

    def __init__(self, answer: Timeout = ANSWER, joined: Timeout = JOINED) -> None:
        retries = _Repeating(
            total=2,
            backoff_factor=0.2,
            status_forcelist=_RETRIED,
            raise_on_status=False,
            respect_retry_after_header=False,
        )
        super().__init__(maxsize=16, timeout=answer, retries=retries)
        self._joined = joined

    def urlopen(self, method: str, url: str, redirect: bool = True, **options: Any) -> BaseHTTPResponse:  # type: ignore[override]  # noqa: ANN401, FBT001, FBT002 - as urllib3 has it
        """The answer to one request."""
        headers = options.get("headers") or {}
        joins = method == "POST" and "uploadId=" in url
        if joins or any(name.lower() == "x-amz-copy-source" for name in headers):
            options.setdefault("timeout", self._joined)
        return super().urlopen(method, url, redirect, **options)
