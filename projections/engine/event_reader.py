"""Reads the entries of claimed tenants in chunks of bounded size."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import psycopg

from infra.connections import Connection, fetch_at_once
from infra.sql import load_statements
from projections.engine.segments import PositionRange

_SQL = load_statements(__file__, "event_reader.sql")

FIRST_CHUNK = 500
CHUNK_BYTES = 2 * 2**20
"""The size of a chunk, about: the chunk before it tells how many entries that is."""
CHUNKS_AHEAD = 2
"""Chunks that are read before they are folded."""
PORTION = 500
"""Events that are decoded, loaded and folded together: so many are still in the processor's cache each time."""


class StoredEntry(NamedTuple):
    """An entry of a log as it was stored; `id` is its position, and `ordinal` the number of its range."""

    ordinal: int
    originator_id: UUID
    originator_version: int
    topic: str
    state: bytes
    id: int
    effective_at: datetime


T = TypeVar("T")
Fetch = Callable[[Sequence[list[Any]]], list[StoredEntry]]
"""Reads the entries of ranges: columns of tenants, positions after which, and positions up to which."""


class Chunk(NamedTuple):
    """Some entries by tenant, and their size in bytes."""

    entries: dict[UUID, list[StoredEntry]]
    size: int


def chunks(fetch: Fetch, ranges: Iterable[PositionRange]) -> Generator[Chunk]:
    """The entries of the ranges in their order, a chunk at a time."""
    unread, size = deque(ranges), FIRST_CHUNK
    while unread:
        chunk = _chunk(fetch, _next_ranges(unread, size))
        count = sum(map(len, chunk.entries.values()))
        size = max(1, CHUNK_BYTES * count // max(1, chunk.size))
        yield chunk


def small_reads(connection: Connection) -> Fetch:
    """Reads few entries: the statement is prepared, but the interpreter's lock is waited for at every block."""
    cursor = psycopg.RawCursor(connection, row_factory=lambda _cursor: StoredEntry._make)
    return lambda columns: cursor.execute(_SQL["read_events"], columns, binary=True).fetchall()


def streamed_reads(connection: Connection) -> Fetch:
    """Reads many entries, while another thread computes."""
    return lambda columns: fetch_at_once(connection, _SQL["read_events"], columns, StoredEntry._make)


def _next_ranges(unread: deque[PositionRange], size: int) -> list[PositionRange]:
    """Take ranges of about `size` entries from the front, cutting the last one if need be."""
    ranges = []
    while unread and size > 0:
        tenant_id, after, until = unread.popleft()
        end = min(until, after + size)
        ranges.append(PositionRange(tenant_id, after, end))
        size -= end - after
        if end < until:
            unread.appendleft(PositionRange(tenant_id, end, until))
    return ranges


def _chunk(fetch: Fetch, ranges: Sequence[PositionRange]) -> Chunk:
    columns = [list(column) for column in zip(*ranges, strict=True)]
    entries, tenant_ids = fetch(columns), columns[0]
    by_tenant = {tenant_ids[ordinal - 1]: list(group) for ordinal, group in groupby(entries, attrgetter("ordinal"))}
    return Chunk(by_tenant, sum(len(entry.state) for entry in entries))


def portions(chunk: Chunk) -> Iterator[Chunk]:
    """The chunk in parts that are folded at once, each of as many tenants as fit in it."""
    count = sum(map(len, chunk.entries.values()))
    part: dict[UUID, list[StoredEntry]] = {}
    room = PORTION
    for tenant_id, entries in chunk.entries.items():
        start = 0
        while start < len(entries):
            part[tenant_id] = entries[start : start + room]
            start += len(part[tenant_id])
            room -= len(part[tenant_id])
            if room == 0:
                yield Chunk(part, chunk.size * PORTION // count)
                part, room = {}, PORTION
    if part:
        yield Chunk(part, chunk.size * (PORTION - room) // count)


def read_ahead(read: Callable[[], Generator[T]]) -> Generator[T]:
    """The items of a generator that a thread runs a few items ahead of its reader. Raises what it raises."""
    items: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(maxsize=CHUNKS_AHEAD)
    stopped = threading.Event()

    def offer(item: T | None, error: BaseException | None = None) -> None:
        while not stopped.is_set():
            with suppress(queue.Full):
                items.put((item, error), timeout=0.1)
                return

    def run() -> None:
        try:
            with closing(read()) as generator:
                for item in generator:
                    offer(item)
                    if stopped.is_set():
                        return
        except BaseException as error:  # noqa: BLE001 - the reader raises it
            offer(None, error)
        else:
            offer(None)

    thread = threading.Thread(target=run, name="read-ahead", daemon=True)
    thread.start()
    try:
        while (offered := items.get())[0] is not None:
            yield offered[0]
        if offered[1] is not None:
            raise offered[1]
    finally:
        stopped.set()
        thread.join()
