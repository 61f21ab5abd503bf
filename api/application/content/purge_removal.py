"""Removes the bytes whose purge is on the record, and records that they are gone."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.content.tenant_content import TenantContent
from api.application.session import Session
from domain.asset import asset as aggregate
from domain.asset.asset import Asset, ContentVersion
from domain.asset.events import AssetEvent, PurgeBasis
from domain.errors import AssetNotFoundError, LedgerError
from domain.event import LEDGER, Context, Recorded
from infra.content.encrypted_objects import seal, unseal
from infra.content.purge_table import Purge
from infra.content.upload_table import remove

MOST_FAILURES = 3
"""After so many in a row the store is taken to be down."""
LONGEST = 10.0
"""Seconds after which one tenant's purges let others have their turn, and a request have its answer."""


@dataclass(frozen=True)
class Removal(TenantContent):
    """One tenant's purges that were decided. Raises StoreUnavailableError and ClockApartError."""

    def carry_out(self, seconds: float = LONGEST) -> int:
        """Remove what is due now, each asset's once; returns of how many assets.

        What fails, and all that is left after a while or when the store fails again and again, is tried again later.
        """
        ends, until = time.monotonic() + seconds, self.session.database_clock.ask()
        done = failures = 0
        while failures < MOST_FAILURES and (purge := self._next(until)) is not None:
            try:
                self._carry_out(purge)
            except LedgerError as error:
                self.queue.postpone(purge, str(error))
                failures += 1
            else:
                done, failures = done + 1, 0
            if time.monotonic() > ends:
                break
        return done

    def _carry_out(self, purge: Purge) -> None:
        for version in self._on_record(purge):
            remove(self.store, self.key(purge.asset_id, version.id))
        self._record(purge)

    def _next(self, until: datetime) -> Purge | None:
        with self.session.database.transaction(self.session.tenant_id):
            return self.queue.next_due(until)

    def _on_record(self, purge: Purge) -> Sequence[ContentVersion]:
        """What the log says is to go, of that which the queue names: nothing else is ever removed."""

        def work() -> Sequence[ContentVersion]:
            self.session.log.lock_head()
            asset = folded(history_of(self.session, purge.asset_id))
            if purge.revision is None:
                asset = self._put_on_record(asset, purge)
            return asset.about_to_go(purge.numbers)

        return self.session.in_transaction(work)

    def _put_on_record(self, asset: Asset, purge: Purge) -> Asset:
        """The asset after the event of a purge that was queued without one, as far as it may still be purged."""
        may_go = () if asset.holds else asset.contents if asset.deleted else asset.superseded(purge.numbers)
        versions = [version for version in may_go if version.number in purge.numbers]
        requested = asset.request_purge(self._context_of(purge, asset), versions, _basis(purge, asset))
        self.session.record(*requested)
        for event in requested:
            self.queue.record_request(purge, event.originator_version)
            asset = aggregate.evolve(asset, event)
        return asset

    def _record(self, purge: Purge) -> None:
        def work() -> None:
            if self.queue.complete(purge):
                asset = folded(history_of(self.session, purge.asset_id))
                self.session.record(*asset.purge_content(self._context_of(purge, asset), purge.numbers))

        self.session.in_transaction(work)

    def _context_of(self, purge: Purge, asset: Asset) -> Context:
        """The circumstances of what is recorded of a purge: who asked for it, and why."""
        asked = {
            "actor": purge.actor,
            "authenticated": None,  # its request names the key; who records it here need not be who asked
            "correlation_id": purge.correlation_id,
            "reason": opened(self.session, asset, purge.reason),
        }
        return self.session.context().model_copy(update=asked)


def history_of(session: Session, asset_id: UUID) -> Sequence[Recorded]:
    """Every event of an asset. AssetNotFoundError."""
    try:
        return session.log.history(asset_id)
    except AggregateNotFoundError:
        raise AssetNotFoundError from None


def folded(history: Iterable[Recorded]) -> Asset:
    """The asset that the events tell of. AssetNotFoundError if they are another's."""
    asset = aggregate.project(None, (cast("AssetEvent", recorded.event) for recorded in history))
    if asset is None:
        raise AssetNotFoundError
    return asset


def sealed(session: Session, asset: Asset, reason: str | None) -> bytes | None:
    """The reason of a purge, as it may be written down beside the log."""
    if reason is None:
        return None
    return seal(session.keys.sealing(asset.tenant_id, asset.subject), reason.encode(), _place(asset))


def opened(session: Session, asset: Asset, reason: bytes | None) -> str | None:
    """The reason of a purge that was sealed."""
    if reason is None:
        return None
    return unseal(session.keys.opening(asset.tenant_id, asset.subject), reason, _place(asset)).decode()


def _basis(purge: Purge, asset: Asset) -> PurgeBasis:
    """Why content was queued without an event: the ledger itself only did so when it had been kept long enough."""
    if purge.actor != LEDGER:
        return "asked"
    return "retention" if asset.deleted else "superseded"


def _place(asset: Asset) -> str:
    return f"purge of {asset.tenant_id}/{asset.id}"
