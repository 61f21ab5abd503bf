"""One tenant's ledger on behalf of one caller: what the routes call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import uuid6
from eventsourcing.application import AggregateNotFoundError

from domain.asset import asset as aggregate
from domain.asset.asset import Asset
from domain.asset.events import AssetCreated, AssetEvent
from domain.asset.inputs import NewAsset
from domain.errors import AssetDeletedError, AssetNotFoundError
from domain.event import Actor, Context, Recorded
from infra.database import Database
from infra.event_log.log import TenantLog
from projections.assets.fold import ASSETS, AssetRow
from projections.assets.read import AssetFilter, list_assets
from projections.audit_trail.read import AuditFilter, list_trail
from projections.history import Entry, entries
from projections.projection import Projection, fold_all
from projections.query import Keyset, Page, reached

Decision = Callable[[Asset, Context], Sequence[AssetEvent]]


@dataclass(frozen=True)
class Ledger:
    """Records and reads one tenant's assets. Raises the domain's errors."""

    log: TenantLog
    database: Database
    actor: Actor
    correlation_id: str
    causation_id: str | None
    clock: Callable[[], datetime]

    @property
    def tenant_id(self) -> UUID:
        return self.log.tenant_id

    def create_asset(self, new: NewAsset) -> AssetRow:
        """Record a new asset; returns it."""
        event = aggregate.create(self._context(new.reason), self.tenant_id, uuid6.uuid7(), new)
        return _row(self.log.record(event))

    def change_asset(
        self, asset_id: UUID, decide: Decision, reason: str | None, expected_revision: int | None
    ) -> AssetRow:
        """Decide on an asset and record what was decided; returns the asset as that left it, deleted or not."""
        context = self._context(reason)
        try:
            revision = self.log.change(
                asset_id, aggregate.project, lambda asset: decide(asset, context), expected_revision
            )
        except AggregateNotFoundError:
            raise AssetNotFoundError from None
        return _row(self.log.history(asset_id, revision))

    def asset(self, asset_id: UUID, revision: int | None = None, as_of: int | None = None) -> AssetRow:
        """The asset now, at a revision, or at a position: what a client saw then."""
        history = self._history(asset_id, revision)
        if revision is not None and history[-1].event.originator_version < revision:
            raise AssetNotFoundError(f"The asset has no revision {revision} yet.")
        if as_of is not None:
            history = [recorded for recorded in history if recorded.position <= as_of]
        if not history:
            raise AssetNotFoundError("The asset was not recorded yet at that moment.")
        try:
            return _live(history)
        except AssetDeletedError:
            if revision is None and as_of is None:
                raise
            raise AssetDeletedError("The asset was deleted at that moment.") from None

    def asset_events(self, asset_id: UUID, limit: int, cursor: str | None) -> Page[Entry]:
        """What happened to an asset, the oldest first, deleted or not."""
        keyset = Keyset(self.tenant_id, {"asset": asset_id})
        after = keyset.decode(cursor) if cursor is not None else 0
        history = self._history(asset_id)
        told = [entry for entry in entries(history) if entry.position > after]
        more = len(told) > limit
        return Page(told[:limit], keyset.encode(told[limit - 1].position) if more else None)

    def assets(self, wanted: AssetFilter, limit: int, cursor: str | None) -> Page[AssetRow]:
        """A page of the list of assets, the newest first."""
        return list_assets(self.database, self.tenant_id, wanted, limit, cursor)

    def audit(self, wanted: AuditFilter, limit: int, cursor: str | None) -> Page[Entry]:
        """A page of the audit trail, the newest first."""
        return list_trail(self.database, self.log, wanted, limit, cursor)

    def position_at(self, moment: int | datetime) -> int:
        """The position that a moment stands for. BeyondHeadError for one that is not there yet."""
        return self.log.position_at(moment)

    def reached(self, projections: Sequence[Projection[Any]]) -> int:
        """The position that all the projections have reached; of the log itself if none is named."""
        if not projections:
            return self.log.recorder.head()
        return reached(self.database, self.tenant_id, projections)

    def _history(self, asset_id: UUID, revision: int | None = None) -> list[Recorded]:
        try:
            history = self.log.history(asset_id, revision)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None
        if not isinstance(history[0].event, AssetCreated):
            raise AssetNotFoundError
        return history

    def _context(self, reason: str | None) -> Context:
        return Context(
            actor=self.actor,
            recorded_at=self.clock(),
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            reason=reason,
        )


def _row(history: list[Recorded]) -> AssetRow:
    (row,) = fold_all(ASSETS, history).values()
    return row


def _live(history: list[Recorded]) -> AssetRow:
    row = _row(history)
    if row.deleted_at is not None:
        raise AssetDeletedError
    return row
