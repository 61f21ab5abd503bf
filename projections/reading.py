"""Reads what is to be folded: claims tenants that have news, and reads their entries in pieces of bounded size."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg

from domain.event import Recorded
from infra.connections import Connection
from infra.database import fetch_at_once
from infra.sql import beside
from projections.projection import Projection

_SQL = beside(__file__, "engine.sql")

TENANTS_PER_BATCH = 100
FIRST_PIECE = 500
PIECE_BYTES = 2 * 2**20
"""A piece is about as many entries as this holds, judged by the piece before it."""

AHEAD = 2
"""Pieces that are read before they are wanted."""
PORTION = 500
"""Events that are decoded, loaded and folded together: so many are still in the processor's cache each time."""


@dataclass
class Batch:
    """The news of one tenant, and how far they could be folded."""

    tenant_id: UUID
    position: int
    head: int
    until: int = 0
    """Up to where it is read this time."""
    folded: int = 0
    news: list[Recorded] = field(default_factory=list)
    failed_position: int | None = None
    failure: str | None = None

    @property
    def next(self) -> int:
        """The position to fold next."""
        return self.position + self.folded + 1

    def wait(self, error: Exception) -> None:
        """Hold the tenant back until what is missing is there; it is asked for again later."""
        self.failure = str(error)

    def fail(self, position: int, error: Exception) -> None:
        """Stop before the position; nothing after it is folded until somebody has looked."""
        self.failed_position = position
        self.failure = reason(error)


class Stretch(NamedTuple):
    """The entries of one tenant after one position up to another. Positions are dense, so it is known how many."""

    tenant_id: UUID
    after: int
    until: int


class News(NamedTuple):
    """An entry of a log as it was stored; `id` is its position, and `ordinal` says which of the stretches asked for."""

    ordinal: int
    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    id: int
    effective_at: datetime


T = TypeVar("T")
Fetch = Callable[[Sequence[list[Any]]], list[News]]
"""Gives the entries of stretches: columns of tenants, positions after which, and positions up to which."""


class Piece(NamedTuple):
    """Some entries by tenant, and how many bytes they have."""

    entries: dict[UUID, list[News]]
    size: int


def reason(error: Exception) -> str:
    """Why something has failed, as it is kept and shown."""
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:1_000]


def claim(
    connection: Connection, projection: Projection[Any], *, waiting: bool, only: UUID | None = None
) -> dict[UUID, Batch]:
    """Tenants that have news, held until the transaction ends; those that wait for a key only when asked for."""
    names = {"projection": projection.name, "version": projection.version}
    asked = {"tenants": TENANTS_PER_BATCH, "waiting": waiting, "only": only}
    rows = connection.execute(_SQL["claim"], names | asked).fetchall()
    return {tenant_id: Batch(tenant_id, position, head) for tenant_id, position, head in rows}


def stretches(batches: Iterable[Batch], limit: int) -> list[Stretch]:
    """What to read of each tenant, so that all together are about the limit."""
    claimed = list(batches)
    each = max(1, limit // len(claimed))
    for batch in claimed:
        batch.until = min(batch.head, batch.position + each)
    return [Stretch(batch.tenant_id, batch.position, batch.until) for batch in claimed]


def pieces(fetch: Fetch, wanted: Iterable[Stretch]) -> Generator[Piece]:
    """The entries of the stretches in their order, a piece at a time."""
    left, size = deque(wanted), FIRST_PIECE
    while left:
        piece = _piece(fetch, _take(left, size))
        count = sum(map(len, piece.entries.values()))
        size = max(1, PIECE_BYTES * count // max(1, piece.size))
        yield piece


def few(connection: Connection) -> Fetch:
    """Reads few entries: the statement is prepared, but the interpreter's lock is waited for at every block."""
    cursor = psycopg.RawCursor(connection, row_factory=lambda _cursor: News._make)
    return lambda columns: cursor.execute(_SQL["news"], columns, binary=True).fetchall()


def many(connection: Connection) -> Fetch:
    """Reads many entries, while another thread computes."""
    return lambda columns: fetch_at_once(connection, _SQL["news"], columns, News._make)


def _take(left: deque[Stretch], size: int) -> list[Stretch]:
    taken = []
    while left and size > 0:
        tenant_id, after, until = left.popleft()
        end = min(until, after + size)
        taken.append(Stretch(tenant_id, after, end))
        size -= end - after
        if end < until:
            left.appendleft(Stretch(tenant_id, end, until))
    return taken


def _piece(fetch: Fetch, wanted: Sequence[Stretch]) -> Piece:
    columns = [list(column) for column in zip(*wanted, strict=True)]
    news, tenant_ids = fetch(columns), columns[0]
    entries = {tenant_ids[ordinal - 1]: list(found) for ordinal, found in groupby(news, attrgetter("ordinal"))}
    return Piece(entries, sum(len(entry.state) for entry in news))


def portions(piece: Piece) -> Iterator[Piece]:
    """The piece in parts that are worked on at once, each of as many tenants as fit in it."""
    count = sum(map(len, piece.entries.values()))
    part: dict[UUID, list[News]] = {}
    room = PORTION
    for tenant_id, entries in piece.entries.items():
        start = 0
        while start < len(entries):
            part[tenant_id] = entries[start : start + room]
            start += len(part[tenant_id])
            room -= len(part[tenant_id])
            if room == 0:
                yield Piece(part, piece.size * PORTION // count)
                part, room = {}, PORTION
    if part:
        yield Piece(part, piece.size * (PORTION - room) // count)


def ahead(make: Callable[[], Generator[T]]) -> Generator[T]:
    """The items of an iterator that a thread runs a few items ahead of its reader. Raises what it raises."""
    made: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=AHEAD)
    stopped = threading.Event()

    def offer(item: T | None, error: BaseException | None = None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                made.put((item, error), timeout=0.1)
                return

    def run() -> None:
        try:
            with closing(make()) as items:
                for item in items:
                    offer(item)
                    if stopped.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - whatever it is, the reader raises it
            offer(None, error)
        else:
            offer(None)

    thread = threading.Thread(target=run, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (taken := made.get())[0] is not None:
            yield taken[0]
        if taken[1] is not None:
            raise taken[1]
    finally:
        stopped.set()
        thread.join()
