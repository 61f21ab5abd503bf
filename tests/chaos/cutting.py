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


WRITING = (b"ledger.append(", b"INSERT INTO ", b"UPDATE ledger.", b"DELETE FROM ")
"""Stand in what writes. A prepared statement does not say so."""


class When(Enum):
    """Where a connection is cut."""

    BEFORE = "before the server gets the request"
    HALFWAY = "in the middle of the request"
    SENT = "once the request is sent, while the server works"
    ANSWERED = "when the server has answered, before the client hears it"
    HEARD = "when the client has heard the answer"


LOSING = tuple(when for when in When if when is not When.HEARD)
"""Those after which the client does not know the answer."""


@dataclass
class Cut:
    """One cut to be made, at the next request that contains the marker.

    At COMMIT, it is the next COMMIT of a transaction that contains it, after so many that are let pass; if what writes
    is asked for, of one that writes, or an append that commits by itself. `for_all` says that nobody is let through
    afterwards, until `admit`.
    """

    marker: bytes
    when: When
    at_commit: bool = False
    passes: int = 0
    for_all: bool = False
    writing: bool = True

    def meets(self, request: bytes, transaction: bytes) -> bool:
        """Whether it is to be made here: at a request of a transaction with these requests before it."""
        if not self.at_commit:
            return self.marker in request
        if self.marker not in self._committed(request, transaction):
            return False
        self.passes -= 1
        return self.passes < 0

    def _committed(self, request: bytes, transaction: bytes) -> bytes:
        """What the request commits, if anything."""
        if not self.writing:
            return transaction if is_commit(request) else b""
        alone = b"BEGIN" not in transaction
        committed = transaction if is_commit(request) else request if alone else b""
        return committed if any(word in committed for word in WRITING) else b""


class Cutter:
    """Listens in the directory as PostgreSQL would. Close it, or use it as a context manager."""

    def __init__(self, conninfo: str, directory: Path) -> None:
        parameters = conninfo_to_dict(conninfo)
        name = f".s.PGSQL.{parameters['port']}"
        self._upstream = f"{parameters['host']}/{name}"
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
        self.cut_counts: Counter[When] = Counter()
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

    def cut_commit(
        self, marker: bytes, *whens: When, passes: int = 0, for_all: bool = False, writing: bool = True
    ) -> None:
        """Cut at the next COMMITs of transactions that contain the marker, after so many that are let pass."""
        with self._lock:
            self._armed += [Cut(marker, when, True, passes, for_all, writing) for when in whens]

    def disarm(self) -> int:
        """Make none of the cuts that are still to be made; returns how many those were."""
        with self._lock:
            left = len(self._armed)
            self._armed.clear()
            return left

    def cut_at_random(self, seed: int, share: float) -> None:
        """From now on cut so large a share of all requests, each anywhere."""
        chance = random.Random(seed)  # noqa: S311 - chosen again by the same seed
        kinds = list(When)
        self._choose = lambda: chance.choice(kinds) if chance.random() < share else None

    @property
    def armed(self) -> int:
        """How many cuts are still to be made."""
        return len(self._armed)

    def cut_all(self, but: "_Link | None" = None) -> None:
        """Cut every connection there is."""
        with self._lock:
            links = self._links - {but}
        for link in links:
            link.cut()

    def refuse(self, but: "_Link | None" = None) -> None:
        """Cut every connection and let nobody through until `admit`, as if there were no server."""
        self._refusing = True
        self.cut_all(but)

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

    def _cut(self, request: bytes, transaction: bytes) -> Cut | None:
        """The cut to make at the connection that sends this request in this transaction, if any."""
        with self._lock:
            cut = next((cut for cut in self._armed if cut.meets(request, transaction)), None)
            if cut is not None:
                self._armed.remove(cut)
            elif (when := self._choose()) is not None:
                cut = Cut(b"", when)
            if cut is not None:
                self.cut_counts[cut.when] += 1
            return cut

    def _gone(self, link: "_Link") -> None:
        with self._lock:
            self._links.discard(link)


class _Link:
    """One connection, and the two threads that carry its bytes."""

    def __init__(self, cutter: Cutter, client: socket.socket, server: socket.socket) -> None:
        self._cutter = cutter
        self._client = client
        self._server = server
        self._cut: Cut | None = None
        """The one that is being made."""
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
        cut, transaction = None, b""
        with suppress(OSError):
            for request in requests(self._client):
                self._cutter.flowing.wait()
                transaction = b"" if ends_transaction(transaction) else transaction
                cut = self._cut = self._cutter._cut(request, transaction)
                transaction += request
                if cut is not None and not self._pass_on(request, cut.when):
                    break
                if cut is None:
                    self._server.sendall(request)
        if cut is None or cut.when not in (When.ANSWERED, When.HEARD):
            self._make_cut()
        self._end()

    def _pass_on(self, request: bytes, when: When) -> bool:
        """Send as much of the request as the server is to get; returns whether its answer is awaited."""
        if when in (When.SENT, When.ANSWERED, When.HEARD):  # a server may answer before the cut is made
            self._withheld = bytearray()
        if when is not When.BEFORE:
            self._server.sendall(request[: len(request) // 2] if when is When.HALFWAY else request)
        return when in (When.ANSWERED, When.HEARD)

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
        self._make_cut()
        self._end()

    def _make_cut(self) -> None:
        """Cut the connection, or all there are, once; the client may hear the last answer before."""
        with self._ends:  # the other thread, which sees the end later, must not refuse whoever is admitted by then
            cut, self._cut = self._cut, None
        if cut is not None and cut.for_all:
            self._cutter.refuse(but=self)
        if cut is not None and cut.when is When.HEARD and self._withheld:
            with suppress(OSError):
                self._client.sendall(self._withheld)
        self.cut()

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


def is_commit(request: bytes) -> bool:
    """Whether the request is a COMMIT, as a simple query."""
    return request[:1] == b"Q" and request[5:11].upper() == b"COMMIT"


def ends_transaction(requests: bytes) -> bool:
    """Whether the last of the requests ended a transaction, or was none of one."""
    return requests.endswith((b"COMMIT\x00", b"ROLLBACK\x00")) or b"BEGIN" not in requests


def answered(received: bytearray) -> bool:
    """Whether the answer is whole."""
    start = 0
    while len(received) >= start + 5:
        if received[start : start + 1] in ENDS:
            return True
        start += 1 + int.from_bytes(received[start + 1 : start + 5])
    return False
