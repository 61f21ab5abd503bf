"""The queue of purges that are on the record: a row is there until the bytes are gone and the log says so.

The log decides; the queue only says what is left to do, and can be filled again from it.
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.asset.asset import ContentVersion
from domain.asset.events import AssetPurgeRequested
from domain.event import Actor
from infra.sql import load_statements
from infra.tenant_table import TenantTable


class Purge(NamedTuple):
    """A pending purge of an asset's content: who requested it, in which request, and why."""

    asset_id: UUID
    numbers: tuple[int, ...]
    """Of content versions."""
    revision: int | None
    """Of the event that requested it; None if a version queued it that wrote none."""
    actor: Actor
    correlation_id: str
    reason: bytes | None
    """Sealed for the asset's subject."""


class PurgeTable(TenantTable):
    """One tenant's purges under way."""

    statements = load_statements(__file__, "purge_table.sql")

    def queue(self, event: AssetPurgeRequested, versions: Collection[ContentVersion], reason: bytes | None) -> None:
        """Note, as part of the transaction around, that content is to go as the event says, with the sealed reason."""
        self._run(
            "queue",
            asset_id=event.originator_id,
            numbers=[version.number for version in versions],
            ids=[version.id for version in versions],
            actor_id=event.envelope.actor.id,
            actor_type=event.envelope.actor.type,
            correlation_id=event.envelope.correlation_id,
            reason=reason,
            revision=event.originator_version,
        )

    def has_unrecorded(self, asset_id: UUID) -> bool:
        """Whether content of the asset is about to go though no event says so yet."""
        return bool(self._read("has_unrecorded", asset_id=asset_id)[0][0])

    def record_request(self, purge: Purge, revision: int) -> None:
        """Note, as part of the transaction around, which event requested a purge that was queued without one."""
        self._run("record_request", asset_id=purge.asset_id, numbers=list(purge.numbers), revision=revision)

    def pending(self) -> set[tuple[UUID, int]]:
        """Every pending content version, with its asset."""
        return {(row[0], row[1]) for row in self._read("pending")}

    def next_due(self, until: datetime) -> Purge | None:
        """The next purge due by then, of one request, locked for the surrounding transaction; None if there is none."""
        due = self._run("next_due", until=until)
        rows = self._run("pending_of_asset", asset_id=due[0][0]) if due else []
        if not rows:  # all were completed just now
            return None
        _, revision, actor_id, actor_type, correlation_id, reason = rows[0]
        numbers = tuple(row[0] for row in rows if (row[1], row[4]) == (revision, correlation_id))
        return Purge(due[0][0], numbers, revision, Actor(id=actor_id, type=actor_type), correlation_id, reason)

    def complete(self, purge: Purge) -> bool:
        """Delete the purge whose bytes are gone, in the surrounding transaction; returns whether there was one."""
        return bool(self._run("complete", asset_id=purge.asset_id, numbers=list(purge.numbers)))

    def postpone(self, purge: Purge, failure: str) -> None:
        """Note a failure: the purge is due again later."""
        self._run("postpone", asset_id=purge.asset_id, failure=failure)

    def count(self) -> tuple[int, str | None]:
        """The number of pending content versions, and a failure of one of them."""
        ((number, failure),) = self._read("count")
        return number, failure
