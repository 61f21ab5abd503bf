"""Fetching what lies behind a URL that a user gave, without becoming the user's way into our own network.

Each hop's host is resolved once, every address it has is judged, and the connection goes to one of just these
addresses: what the name server says a moment later does not matter. Names still count for Host, SNI and certificates.
"""

import re
import socket
import ssl
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import unquote

import httpcore
import httpx

from domain.errors import LedgerError, UnfitError
from infra.content.content_rules import Address, is_public

MOST_REDIRECTS: Final = 5
MOST_URL_CHARACTERS: Final = 4_096
# Ports below 1024 and these are other protocols' (WHATWG Fetch, "bad port").
_BAD_PORTS: Final = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697}
_PORTS: Final = frozenset({None, 80, 443, *range(1024, 65_536)} - _BAD_PORTS - {10_080})
_HOST: Final = re.compile(rb"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?|[0-9a-f:.]*:[0-9a-f:.]*")
Resolve = Callable[[str], Sequence[Address]]


class UrlRefusedError(UnfitError):
    """This URL is not fetched."""


class FetchFailedError(LedgerError):
    """What lies behind the URL cannot be had."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """An answer: where it came from in the end, what the server says of it, and its bytes, to be read once.

    `chunks` raises FetchFailedError when the bytes are more than allowed, take too long, or end early.
    """

    url: str
    content_type: str | None
    file_name: str | None
    size: int | None
    chunks: Iterator[bytes]


def resolve(host: str) -> list[Address]:
    """Every address the system knows for the host, in the order to try them. OSError or UnicodeError without any."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in addresses))


@contextmanager
def fetch(
    url: str,
    *,
    limit: int,
    seconds: float = 30,
    resolve: Resolve = resolve,
    allowed: Callable[[Address], bool] = is_public,
    tls: ssl.SSLContext | None = None,
) -> Iterator[Fetched]:
    """The answer to a GET of the URL: at most `limit` bytes, all of it within `seconds`, redirects included.

    Fetched are http and https at ports 80, 443 and from 1024 on, without user and password, from hosts all of whose
    addresses are `allowed`; a redirect, of which there may be 5, is held to the same and cannot leave https. Proxies
    of the environment are not used. Raises UrlRefusedError for any other URL, and FetchFailedError unless the answer
    is 200, uncompressed, and within size and time.
    """
    deadline = _Deadline(seconds)
    at = _checked_url(url)
    for _ in range(MOST_REDIRECTS + 1):
        addresses = _resolve_allowed(at.raw_host.decode(), resolve, allowed, deadline)
        with _response(at, addresses, deadline, tls) as response:
            location = _header(response, b"location") if response.status in {301, 302, 303, 307, 308} else None
            if location is None:
                yield _fetched(at, response, limit, deadline)
                return
        at = _checked_url(location, at)
    raise FetchFailedError(f"The URL redirects more than {MOST_REDIRECTS} times.")


class _Deadline:
    """A moment by which everything has to be done; `seconds_left`, after it, raises FetchFailedError."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def seconds_left(self) -> float:
        seconds = self._end - time.monotonic()
        if seconds <= 0:
            raise self.overdue()
        return seconds

    def overdue(self) -> FetchFailedError:
        return FetchFailedError(f"Fetching the URL takes longer than {self.seconds:g} seconds.")


class _PinnedBackend(httpcore.NetworkBackend):
    """Connects to given addresses only, whatever the name; each address has its fair share of the time left."""

    def __init__(self, addresses: Sequence[Address], deadline: _Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for attempt, address in enumerate(self._addresses):
            timeout = self._deadline.seconds_left() / (len(self._addresses) - attempt)
            try:
                stream = httpcore.SyncBackend().connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _TimedStream(stream, self._deadline)
        raise failure


class _TimedStream(httpcore.NetworkStream):
    """A connection that is given up at the deadline, however slowly bytes keep dripping in."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        return self._stream.read(max_bytes, self._deadline.seconds_left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        self._stream.write(buffer, self._deadline.seconds_left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        timeout = self._deadline.seconds_left()
        return _TimedStream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)


def _checked_url(text: str, before: httpx.URL | None = None) -> httpx.URL:
    """The URL, where it stands or as seen from the one before; UrlRefusedError for all but plain web addresses."""
    try:
        url = before.join(text) if before else httpx.URL(text)
    except (httpx.InvalidURL, ValueError) as error:
        raise UrlRefusedError("This is not a URL.") from error
    if len(str(url)) > MOST_URL_CHARACTERS:
        raise UrlRefusedError(f"A URL may have at most {MOST_URL_CHARACTERS:,} characters.")
    if url.scheme not in {"http", "https"} or not _HOST.fullmatch(url.raw_host):
        raise UrlRefusedError("Only http:// and https:// URLs that name a host are fetched.")
    if url.userinfo:
        raise UrlRefusedError("A URL with a user name or a password is not fetched.")
    if url.port not in _PORTS:
        raise UrlRefusedError(f"Port {url.port} is not one that web servers use.")
    if before and before.scheme == "https" and url.scheme == "http":
        raise UrlRefusedError("The URL redirects from https to http.")
    return url


def _resolve_allowed(
    host: str, resolve: Resolve, allowed: Callable[[Address], bool], deadline: _Deadline
) -> Sequence[Address]:
    pool = ThreadPoolExecutor(1)
    try:
        addresses = pool.submit(resolve, host).result(deadline.seconds_left())
    except TimeoutError as error:
        raise deadline.overdue() from error
    except (OSError, UnicodeError) as error:
        raise FetchFailedError(f"The host {host} cannot be found.") from error
    finally:
        pool.shutdown(wait=False)
    if not all(map(allowed, addresses)):
        raise UrlRefusedError(f"The host {host} is not on the public internet.")
    return addresses


@contextmanager
def _response(
    url: httpx.URL, addresses: Sequence[Address], deadline: _Deadline, tls: ssl.SSLContext | None
) -> Iterator[httpcore.Response]:
    target = httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
    headers = [(b"Host", url.netloc), (b"Accept", b"*/*"), (b"Accept-Encoding", b"identity")]
    context = (tls or httpx.create_ssl_context()) if url.scheme == "https" else None
    with httpcore.ConnectionPool(context, network_backend=_PinnedBackend(addresses, deadline)) as pool:
        with _explaining_failures(deadline):
            response = pool.handle_request(httpcore.Request("GET", target, headers=headers))
        try:
            yield response
        finally:
            response.close()


@contextmanager
def _explaining_failures(deadline: _Deadline) -> Iterator[None]:
    """Say what went wrong on the network in words that name no address."""
    try:
        yield
    except httpcore.TimeoutException as error:
        raise deadline.overdue() from error
    except httpcore.ConnectError as error:
        trouble = "Its certificate or TLS is bad" if isinstance(error.__context__, ssl.SSLError) else "It is refused"
        raise FetchFailedError(f"The server cannot be connected to. {trouble}.") from error
    except (httpcore.NetworkError, httpcore.ProtocolError) as error:
        raise FetchFailedError("The connection broke, or what the server sends is not HTTP.") from error


def _fetched(url: httpx.URL, response: httpcore.Response, limit: int, deadline: _Deadline) -> Fetched:
    if response.status != 200:
        raise FetchFailedError(f"The server answers with status {response.status}, not 200.")
    if (_header(response, b"content-encoding") or "identity").strip().lower() != "identity":
        raise FetchFailedError("The server sends the content compressed, which was not asked for.")
    length = _header(response, b"content-length")
    size = int(length) if length else None
    if size is not None and size > limit:
        raise _too_large(limit)
    return Fetched(
        url=str(url),
        content_type=(_header(response, b"content-type") or "").partition(";")[0].strip().lower()[:255] or None,
        file_name=_file_name(url, _header(response, b"content-disposition")),
        size=size,
        chunks=_chunks(response, limit, deadline),
    )


def _chunks(response: httpcore.Response, limit: int, deadline: _Deadline) -> Iterator[bytes]:
    bytes_left = limit
    with _explaining_failures(deadline):
        for chunk in response.iter_stream():
            bytes_left -= len(chunk)
            if bytes_left < 0:
                raise _too_large(limit)
            yield chunk


def _too_large(limit: int) -> FetchFailedError:
    return FetchFailedError(f"The content has more than {limit:,} bytes, which is as much as is fetched.")


def _header(response: httpcore.Response, name: bytes) -> str | None:
    return next((value.decode(errors="replace") for key, value in response.headers if key.lower() == name), None)


def _file_name(url: httpx.URL, disposition: str | None) -> str | None:
    """The name that Content-Disposition gives (RFC 6266), else the last part of the path; never a path of its own."""
    message = Message()
    message["Content-Disposition"] = (disposition or "")[:MOST_URL_CHARACTERS]
    names = [value for name, value in message.get_params([], "Content-Disposition") if name.lower() == "filename"]
    # A tuple is `filename*`, which says its encoding and is preferred.
    name = collapse_rfc2231_value(max(names, key=lambda value: isinstance(value, tuple), default=""))
    last = re.split(r"[/\\]", name or unquote(url.path))[-1]
    cleaned = "".join(sign for sign in last if unicodedata.category(sign) not in {"Cc", "Cf", "Cs"}).strip()
    return cleaned[:255] if cleaned.strip(".") else None
