"""What the tests of group commit share: appends to send, heads to hold, and a writer that is held up."""

import base64
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
from uuid_utils.compat import uuid7

from api.composition import Services
from infra.databases import Databases
from infra.event_log.append_call import Append, Place
from infra.event_log.group_commit import GroupWriter
from infra.event_log.mapper import EntryToAppend
from tests.infra.embedding import eventually

TOPIC = "test.written"
Answer = Future[Any]
"""Becomes the places, or raises why not."""


def document(tenant: UUID, originator: UUID, revision: int, topic: str, own: bytes = b"") -> bytes:
    """A document of the envelope's form with some content of its own, which nobody else's has unless it is given."""
    place = {"tenant_id": tenant, "originator_id": originator, "originator_version": revision, "topic": topic}
    data = base64.b64encode(own or uuid7().bytes).decode()
    return orjson.dumps({**place, "schema_version": 1, "data": data})


def document_of(size: int, tenant: UUID, originator: UUID, revision: int, topic: str) -> bytes:
    """A document of so many bytes."""
    short = document(tenant, originator, revision, topic)
    return short[:-2] + b"A" * (size - len(short)) + short[-2:]


def entry(
    tenant: UUID, originator: UUID | None = None, revision: int = 1, state: bytes = b"", at: datetime | None = None
) -> Any:
    """An entry, of its own originator and bytes unless they are given."""
    id_ = originator or uuid7()
    bytes_ = state or document(tenant, id_, revision, TOPIC)
    return EntryToAppend(id_, revision, TOPIC, bytes_, at or datetime.now(UTC))


def an_append(
    tenant: UUID, originator: UUID | None = None, policy_revision: int | None = None, **fields: Any
) -> Append:
    """An append of one event."""
    return Append(tenant, [entry(tenant, originator, **fields)], policy_revision)


def stored(services: Services, tenant: UUID) -> dict[int, bytes]:
    """The bytes in the tenant's log, by position."""
    return {e.id: e.state for e in services.log.of(tenant).recorder.select_notifications(1, 10_000)}


def bytes_at(append: Append, places: Sequence[Place]) -> dict[int, bytes]:
    """The append's bytes by the positions that were told for them."""
    return {place.position: e.state for place, e in zip(places, append.entries, strict=True)}


@contextmanager
def held(databases: Databases, *tenants: UUID) -> Iterator[psycopg.Connection]:
    """A stranger holds the tenants' heads until the block ends, or until its transaction does."""
    with psycopg.connect(databases.service) as stranger:
        for tenant in tenants:
            stranger.execute("SELECT ledger.lock_head(%s)", (tenant,))
        yield stranger


def until_blocked(databases: Databases, backends: int) -> None:
    """Return when so many connections to this database wait for somebody's lock."""
    blocked = """SELECT count(*) FROM pg_stat_activity
                  WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0"""
    with psycopg.connect(str(databases.owner), autocommit=True) as watching:
        eventually(lambda: watching.execute(blocked).fetchone() == (backends,))


@dataclass(frozen=True)
class HeldUp:
    """A writer that waits for a head, while whatever is asked for gathers behind it."""

    writer: GroupWriter
    callers: ThreadPoolExecutor

    def ask(self, *appends: Append) -> list[Answer]:
        """Let each append wait for the writer, in this order."""
        answers: list[Answer] = []
        for append in appends:
            waiting = self.writer._inbox.qsize()
            answers.append(self.callers.submit(self.writer.append, append))
            eventually(lambda waiting=waiting: self.writer._inbox.qsize() == waiting + 1)  # type: ignore[misc]
        return answers


@contextmanager
def held_up(databases: Databases, writer: GroupWriter, tenant: UUID) -> Iterator[HeldUp]:
    """Nothing is sent until the block ends; then all that was asked for goes out as one group.

    The writer must be patient with heads, and the tenant nobody else's.
    """
    with ThreadPoolExecutor(64) as callers:
        with held(databases, tenant):
            first = callers.submit(writer.append, an_append(tenant))
            until_blocked(databases, 1)
            yield HeldUp(writer, callers)
        assert [place.position for place in first.result(30)] == [1]
