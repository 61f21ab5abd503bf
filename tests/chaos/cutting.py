"""A proxy before PostgreSQL's unix socket that cuts connections at a chosen place of a request (PostgreSQL, 54.2).

It can freeze besides: then nothing passes any more, and nothing tells either side so.

A request is what a client sends up to its Sync or Query message, and an answer all up to where the server waits for
the client again. A client has one request on its way at a time, so both begin where the other ends.
"""

import random
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

CHUNK = 65_536
MORE_FOLLOWS = (b"P", b"B", b"D", b"E", b"C", b"H")
"""Parse, Bind, Describe, Execute, Close, Flush: a Sync ends the request."""
ENDS = (b"Z", b"G")
"""ReadyForQuery, and CopyInResponse, after which the server waits for the client: it has said all there is to say."""


class When(Enum):
    """Where a connection is cut."""

    BEFORE = "before the server gets the request"
    HALFWAY = "in the middle of the request"
    SENT = "once the request is sent, while the server works"
    ANSWERED = "when the server has answered, before the client hears it"


@dataclass(frozen=True)
class Cut:
    """One cut to be made, at the next request that contains the marker."""

    marker: bytes
    when: When


class Cutter:
    """Listens in the directory as PostgreSQL would. Close it, or use it as a context manager."""

    def __init__(self, conninfo: str, directory: Path) -> None:
        given = conninfo_to_dict(conninfo)
        name = f".s.PGSQL.{given['port']}"
        self._upstream = f"{given['host']}/{name}"
        self._directory = directory
        self._lock = threading.Lock()
        self._armed: list[Cut] = []
        self._choose: Callable[[], When | None] = lambda: None
        self._links: set[_Link] = set()
        self._closed = False
        self._refusing = False
        self.flowing = threading.Event()
        """Cleared while the proxy is frozen."""
        self.flowing.set()
        self.made: Counter[When] = Counter()
        """How many cuts were made, by their kind."""
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(directory / name))
        self._listener.listen(128)
        self._thread = threading.Thread(target=self._accept, name="cutter")
        self._thread.start()

    def through(self, conninfo: str) -> str:
        """The same database, reached through the proxy."""
        return make_conninfo(conninfo, host=str(self._directory))

    def cut_next(self, marker: bytes, *whens: When) -> None:
        """Cut at the next requests that contain the marker, once for each time given, in this order."""
        with self._lock:
            self._armed += [Cut(marker, when) for when in whens]

    def cut_at_random(self, seed: int, share: float) -> None:
        """From now on cut so large a share of all requests, each anywhere."""
        chance = random.Random(seed)  # noqa: S311 - chosen again by the same seed
        kinds = list(When)
        self._choose = lambda: chance.choice(kinds) if chance.random() < share else None

    @property
    def armed(self) -> int:
        """How many cuts are still to be made."""
        return len(self._armed)

    def cut_all(self) -> None:
        """Cut every connection there is."""
        with self._lock:
            links = list(self._links)
        for link in links:
            link.cut()

    def refuse(self) -> None:
        """Cut every connection and let nobody through until `admit`, as if there were no server."""
        self._refusing = True
        self.cut_all()

    def admit(self) -> None:
        """Let connections through again."""
        self._refusing = False

    def freeze(self) -> None:
        """Let nothing through, in either direction, until `thaw`, as if the server's machine had stopped."""
        self.flowing.clear()

    def thaw(self) -> None:
        """Let everything through again, what has gathered first."""
        self.flowing.set()

    def close(self) -> None:
        """Cut every connection and listen no more."""
        self._closed = True
        self.flowing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()
        Path(self._directory, Path(self._upstream).name).unlink()
        self.cut_all()
        for link in list(self._links):
            link.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            server = socket.socket(socket.AF_UNIX)
            try:
                server.connect(self._upstream)
            except OSError:
                client.close()
                server.close()
                continue
            link = _Link(self, client, server)
            with self._lock:
                self._links.add(link)
            link.start()

    def _when(self, request: bytes) -> When | None:
        """Where to cut the connection that sends this request, if anywhere."""
        with self._lock:
            cut = next((cut for cut in self._armed if cut.marker in request), None)
            if cut is not None:
                self._armed.remove(cut)
            when = self._choose() if cut is None else cut.when
            if when is not None:
                self.made[when] += 1
            return when

    def _gone(self, link: "_Link") -> None:
        with self._lock:
            self._links.discard(link)


class _Link:
    """One connection, and the two threads that carry its bytes."""

    def __init__(self, cutter: Cutter, client: socket.socket, server: socket.socket) -> None:
        self._cutter = cutter
        self._client = client
        self._server = server
        self._withheld: bytearray | None = None
        """What the server has answered to a request whose answer the client is not to hear."""
        self._threads = [threading.Thread(target=work, name="link") for work in (self._requests, self._answers)]
        self._ends = threading.Lock()
        self._running = len(self._threads)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def cut(self) -> None:
        """Let both sides see the end of the connection."""
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _requests(self) -> None:
        when = None
        with suppress(OSError):
            for request in requests(self._client):
                self._cutter.flowing.wait()
                when = self._cutter._when(request)
                if when is When.BEFORE:
                    break
                if when in (When.SENT, When.ANSWERED):  # a server may answer before the cut is made
                    self._withheld = bytearray()
                self._server.sendall(request[: len(request) // 2] if when is When.HALFWAY else request)
                if when in (When.HALFWAY, When.SENT):
                    break
        if when is not When.ANSWERED:
            self.cut()
        self._end()

    def _answers(self) -> None:
        with suppress(OSError):
            while chunk := self._server.recv(CHUNK):
                self._cutter.flowing.wait()
                if self._withheld is None:
                    self._client.sendall(chunk)
                    continue
                self._withheld += chunk
                if answered(self._withheld):
                    break
        self.cut()
        self._end()

    def _end(self) -> None:
        with self._ends:
            self._running -= 1
            if self._running:
                return
        self._client.close()
        self._server.close()
        self._cutter._gone(self)


def requests(client: socket.socket) -> Iterator[bytes]:
    """What the client sends, request by request; the first of all is the one that has no type."""
    received, request_end, typed = bytearray(), 0, 0
    while chunk := client.recv(CHUNK):
        received += chunk
        while len(received) >= request_end + typed + 4:
            kind = bytes(received[request_end : request_end + typed])
            end = request_end + typed + int.from_bytes(received[request_end + typed : request_end + typed + 4])
            if len(received) < end:
                break
            request_end = end
            if kind not in MORE_FOLLOWS:
                yield bytes(received[:end])
                del received[:end]
                request_end, typed = 0, 1


def answered(received: bytearray) -> bool:
    """Whether the answer is whole."""
    start = 0
    while len(received) >= start + 5:
        if received[start : start + 1] in ENDS:
            return True
        start += 1 + int.from_bytes(received[start + 1 : start + 5])
    return False
