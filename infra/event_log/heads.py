"""How far each tenant's log was, as this process has told or shown somebody: a log that goes back is noticed by it.

After another server has taken over, what it has is compared before anything else is asked of it. Where its log ends
before what is known, or has another entry there, positions that were told would be used again: the tenant's log is
neither appended to nor followed, until a server has what is known.
"""

import hashlib
import threading
from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

import structlog

from domain.errors import LogWentBackError
from infra.forking import after_fork
from infra.server_identity import Connection, ServerIdentity
from infra.sql import beside

_SQL = beside(__file__, "queries.sql")
_LOG = structlog.get_logger()
MOST_KNOWN = 65_536
"""Tenants whose heads are known; beyond, those that came first are forgotten first."""
SHOWN = 3


class Head(NamedTuple):
    """The highest position that is known, and the highest one whose entry is."""

    position: int
    entry_position: int = 0
    entry_digest: bytes = b""


class KnownHeads:
    """The heads that a process knows, by tenant."""

    name = "heads"

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._heads: dict[UUID, Head] = {}
        self._gone_back: dict[UUID, str] = {}
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def note(self, tenant_id: UUID, position: int) -> None:
        """The tenant's log has reached a position that somebody is told of."""
        head = self._heads.get(tenant_id)
        if head is None or head.position < position:
            self._put(tenant_id, Head(position))

    def note_entry(self, tenant_id: UUID, position: int, entry: bytes) -> None:
        """The same, and the entry at that position."""
        head = self._heads.get(tenant_id)
        if head is None or head.entry_position < position:
            self._put(tenant_id, Head(position, position, hashlib.sha256(entry).digest()))

    @property
    def some_went_back(self) -> bool:
        """Whether there is a log that is not what it was known to be."""
        return bool(self._gone_back)

    def check(self, tenant_id: UUID) -> None:
        """LogWentBackError if the tenant's log is not what it was known to be."""
        if self._gone_back and (reason := self._gone_back.get(tenant_id)):
            raise LogWentBackError(reason)

    def problem(self) -> str | None:
        """Which logs went back, with the remedy; None if none did."""
        gone_back = dict(self._gone_back)
        if not gone_back:
            return None
        shown = ", ".join(f"{tenant_id}: {reason}" for tenant_id, reason in list(gone_back.items())[:SHOWN])
        return (
            f"{len(gone_back)} logs went back ({shown}): nothing is appended to them; bring the server back that has "
            "all of it, or see docs/how-to/your-own-postgresql.md"
        )

    def compare(self, connection: Connection, identity: ServerIdentity) -> None:
        """Compare all that is known with what this server has."""
        with self._lock:
            known = dict(self._heads)
        positions = [head.entry_position or head.position for head in known.values()]
        asked = {"tenant_ids": list(known), "positions": positions}
        rows = connection.execute(_SQL["heads_at"], asked).fetchall() if known else []
        self._gone_back = dict(_gone_back(known, rows))
        for tenant_id, reason in self._gone_back.items():
            _LOG.error("log went back", tenant_id=str(tenant_id), timeline=identity.timeline, reason=reason)

    def _put(self, tenant_id: UUID, head: Head) -> None:
        with self._lock:
            known = self._heads.get(tenant_id, head)
            entry = max(known[1:], head[1:])
            self._heads[tenant_id] = Head(max(known.position, head.position), *entry)
            if len(self._heads) > self._most:
                del self._heads[next(iter(self._heads))]


def _gone_back(known: dict[UUID, Head], rows: Iterable[tuple[object, ...]]) -> Iterable[tuple[UUID, str]]:
    for tenant_id, position, digest in rows:
        if not isinstance(tenant_id, UUID):
            continue
        head = known[tenant_id]
        ends = position if isinstance(position, int) else 0
        if ends < head.position:
            yield tenant_id, f"The log ends at position {ends}, and had reached position {head.position} before."
        elif head.entry_digest and digest != head.entry_digest:
            yield tenant_id, f"The log has another event at position {head.entry_position} than it had before."
