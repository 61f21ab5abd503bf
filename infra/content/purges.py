"""The queue of purges that are on the record: a row is there until the bytes are gone and the log says so.

The log decides; the queue only says what is left to do, and can be filled again from it.
"""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast
from uuid import UUID

from domain.asset.asset import ContentVersion
from domain.asset.events import AssetPurgeRequested
from domain.event import Actor
from infra.database import Database
from infra.sql import beside

_SQL = beside(__file__, "purges.sql")


class Purge(NamedTuple):
    """Content of an asset that is about to go, and who asked for it, by which request, and why."""

    asset_id: UUID
    numbers: tuple[int, ...]
    """Of content versions."""
    revision: int | None
    """Of the event that requested it; None if a version queued it that wrote none."""
    actor: Actor
    correlation_id: str
    reason: bytes | None
    """Sealed for the asset's subject."""


class Purges:
    """One tenant's purges under way."""

    def __init__(self, database: Database, tenant_id: UUID) -> None:
        self._database = database
        self._tenant_id = tenant_id

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

    def unrecorded(self, asset_id: UUID) -> bool:
        """Whether content of the asset is about to go though no event says so yet."""
        return bool(self._read("unrecorded", asset_id=asset_id)[0][0])

    def put_on_record(self, purge: Purge, revision: int) -> None:
        """Note, as part of the transaction around, which event requested a purge that was queued without one."""
        self._run("put_on_record", asset_id=purge.asset_id, numbers=list(purge.numbers), revision=revision)

    def going(self) -> set[tuple[UUID, int]]:
        """Every content version that is about to go, by asset."""
        return {(row[0], row[1]) for row in self._read("going")}

    def clock(self) -> datetime:
        """What the times of purges go by."""
        ((now,),) = self._read("clock")
        return cast("datetime", now)

    def next_due(self, until: datetime) -> Purge | None:
        """The next one whose time had come by then, locked for the transaction around; None if there is none."""
        due = self._run("due", until=until)
        return self._first_of(due[0][0]) if due else None

    def done(self, purge: Purge) -> bool:
        """Note, as part of the transaction around, that the bytes are gone; returns whether nobody had noted it."""
        return bool(self._run("done", asset_id=purge.asset_id, numbers=list(purge.numbers)))

    def failed(self, purge: Purge, failure: str) -> None:
        """Note that it did not work, and has to be tried again."""
        self._run("failed", asset_id=purge.asset_id, failure=failure)

    def count(self) -> tuple[int, str | None]:
        """How many content versions are about to go, and why one of them has not gone yet."""
        ((number, failure),) = self._read("count")
        return number, failure

    def _first_of(self, asset_id: UUID) -> Purge | None:
        """What was asked for first of an asset, by one request alone; None if all of it has gone just now."""
        rows = self._run("of_asset", asset_id=asset_id)
        if not rows:
            return None
        _, revision, actor_id, actor_type, correlation_id, reason = rows[0]
        numbers = tuple(row[0] for row in rows if (row[1], row[4]) == (revision, correlation_id))
        return Purge(asset_id, numbers, revision, Actor(id=actor_id, type=actor_type), correlation_id, reason)

    def _read(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._database.reading(self._tenant_id) as connection:
            return connection.execute(_SQL[statement], {"tenant_id": self._tenant_id, **parameters}).fetchall()

    def _run(self, statement: str, **parameters: object) -> Sequence[tuple[Any, ...]]:
        with self._database.transaction(self._tenant_id) as connection:
            cursor = connection.execute(_SQL[statement], {"tenant_id": self._tenant_id, **parameters})
            return cursor.fetchall() if cursor.description else []


def tenants_with_due_purges(database: Database) -> list[UUID]:
    """Tenants whose content is about to go. Needs the role that sees every tenant."""
    with database.connection() as connection:
        return [row[0] for row in connection.execute(_SQL["tenants_with_due"]).fetchall()]
