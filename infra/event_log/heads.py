"""The heads of the tenants' logs as this process has answered them: by them it notices a log that went back.

After another server has taken over, its logs are compared before any other statement. Where a log ends before the
known head, or has another entry there, answered positions would be used again: the tenant's log is neither appended to
nor followed until a server has the known entries.
"""

import hashlib
import threading
from collections.abc import Iterable
from itertools import islice
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from domain.errors import LogWentBackError
from infra.after_fork import after_fork
from infra.server_identity import Connection, ServerIdentity
from infra.sql import load_statements

_SQL = load_statements(__file__, "queries.sql")
_LOG = structlog.get_logger()
MOST_KNOWN = 65_536
"""Tenants whose heads are known; beyond, those that came first are forgotten first."""
SHOWN = 3


class Head(NamedTuple):
    """The highest position that is known, and the highest one whose entry is."""

    position: int
    entry_position: int = 0
    entry_digest: bytes = b""


UNKNOWN = Head(0)


class KnownHeads:
    """The heads that a process knows, by tenant."""

    name = "heads"

    def __init__(self) -> None:
        self._heads: dict[int, Head] = {}
        """By the number that a tenant's id is: a UUID is hashed in Python, and every append looks here."""
        self.gone_back: dict[UUID, str] = {}
        """The logs that are not what they were known to be, each with the reason."""
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()

    def note(self, tenant_id: UUID, position: int) -> None:
        """Note a position that the tenant's log has reached, before it is answered."""
        with self._lock:
            head = self._heads.get(tenant_id.int, UNKNOWN)
            if head.position < position:
                self._put(tenant_id, head._replace(position=position))

    def note_entries(self, entries: Iterable[tuple[UUID, int, bytes]]) -> None:
        """The same of several logs, with the entries at the positions: many at once are far cheaper than each alone."""
        with self._lock:
            for tenant_id, position, entry in entries:
                head = self._heads.get(tenant_id.int, UNKNOWN)
                if head.entry_position < position:
                    digest = hashlib.sha256(entry).digest()
                    self._put(tenant_id, Head(max(position, head.position), position, digest))

    def check(self, tenant_id: UUID) -> None:
        """LogWentBackError if the tenant's log is not what it was known to be."""
        if self.gone_back and (reason := self.gone_back.get(tenant_id)):
            raise LogWentBackError(reason)

    def problem(self) -> str | None:
        """Which logs went back, with the remedy; None if none did."""
        gone_back = dict(self.gone_back)
        if not gone_back:
            return None
        examples = ", ".join(f"{tenant_id}: {reason}" for tenant_id, reason in islice(gone_back.items(), SHOWN))
        return (
            f"{len(gone_back)} logs went back ({examples}): nothing is appended to them; bring the server back that "
            "has all of it, or see docs/how-to/your-own-postgresql.md"
        )

    def compare(self, connection: Connection, identity: ServerIdentity) -> None:
        """Compare all that is known with what this server has."""
        with self._lock:
            heads = dict(self._heads)
        positions = [head.entry_position or head.position for head in heads.values()]
        parameters = {"tenant_ids": [UUID(int=number) for number in heads], "positions": positions}
        rows = connection.execute(_SQL["heads_at"], parameters).fetchall() if heads else []
        self.gone_back = dict(_gone_back(heads, rows))
        for tenant_id, reason in self.gone_back.items():
            _LOG.error("log went back", tenant_id=str(tenant_id), timeline=identity.timeline, reason=reason)

    def _put(self, tenant_id: UUID, head: Head) -> None:
        self._heads[tenant_id.int] = head
        if len(self._heads) > MOST_KNOWN:
            del self._heads[next(iter(self._heads))]


def _gone_back(heads: dict[int, Head], rows: Iterable[tuple[Any, ...]]) -> Iterable[tuple[UUID, str]]:
    for tenant_id, position, digest in rows:
        head, ends = heads[tenant_id.int], position or 0
        if ends < head.position:
            yield tenant_id, f"The log ends at position {ends}, and had reached position {head.position} before."
        elif head.entry_digest and digest != head.entry_digest:
            yield tenant_id, f"The log has another event at position {head.entry_position} than it had before."
