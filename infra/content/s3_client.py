"""The client of an S3 server, whose requests have bounds in time, and its errors as those of a store."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self
from xml.etree.ElementTree import ParseError

from minio import Minio
from minio.error import MinioException, S3Error
from urllib3 import BaseHTTPResponse, PoolManager, Retry, Timeout
from urllib3.exceptions import HTTPError, ReadTimeoutError

from infra.after_fork import after_fork
from infra.content.store import ObjectNotFoundError, PartsRefusedError, StoreUnavailableError

ANSWER = Timeout(connect=5, read=20)
JOINED = Timeout(connect=5, read=120)
"""While the server copies an object or joins parts, it may be silent for long."""

_MISSING = {"NoSuchKey", "NoSuchUpload", "NoSuchVersion"}
_REFUSED = {"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"}
UNSUPPORTED = {"NotImplemented", "MethodNotAllowed"}
"""Codes of servers that do not do what S3 does."""


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
            status_forcelist=(500, 502, 503, 504),
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


def connect(
    endpoint: str, *, region: str, access_key: str, secret_key: str, tls: bool = True, path_style: bool = True
) -> Minio:
    """A client of the server at `host` or `host:port`; connects when it is used.

    It gives up connecting after 5 s and waiting for an answer after 20 s, or 120 s where the server copies or joins
    objects. What may be repeated it tries twice more, unless it waited in vain.
    """
    http = BoundedPool()
    after_fork(http.clear)
    client = Minio(endpoint, access_key, secret_key, secure=tls, region=region, http_client=http)
    if path_style:
        client.disable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    else:
        client.enable_virtual_style_endpoint()  # type: ignore[no-untyped-call]
    return client


@contextmanager
def answering() -> Iterator[None]:
    """What goes wrong with the server becomes an error of the store."""
    try:
        yield
    except MinioException as error:
        code = code_of(error)
        if code in _MISSING:
            raise ObjectNotFoundError from error
        if code in _REFUSED:
            raise PartsRefusedError from error
        raise StoreUnavailableError(f"The content store refused: {code}.") from error
    except (HTTPError, OSError, ParseError) as error:
        raise StoreUnavailableError(f"The content store does not answer: {type(error).__name__}.") from error


def code_of(error: BaseException | None) -> str:
    """The code of an error that a server answered. The client does not look into those sent as `text/xml`."""
    if isinstance(error, S3Error) and error.code:
        return error.code
    code = re.search(r"<Code>(\w+)</Code>", str(error))
    return code[1] if code else type(error).__name__
