"""Removes bytes for good: content that is purged, and what uploads have left behind."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.asset import Asset
from domain.errors import AssetNotFoundError, ContentHeldError, ServiceUnavailableError
from infra.content.purges import Purge, Purges
from infra.content.store import ContentStore
from infra.content.uploads import Uploads, discard, object_key, remove
from projections.assets.fold import AssetRow
from projections.assets.read import AssetFilter, every_asset
from projections.contents.read import due_for_purge, superseded

MOST_SWEPT = 100
RETENTION = "the retention time is over"


@dataclass
class Selection:
    """What a purge of many assets selects: how many, with how many bytes, and which are under a legal hold."""

    assets: int = 0
    bytes: int = 0
    held: list[UUID] = field(default_factory=list)


@dataclass(frozen=True)
class Purging:
    """One tenant's purges and sweeps. Raises StoreUnavailableError where it cannot go on."""

    session: Session

    @property
    def store(self) -> ContentStore:
        return self.session.store

    @property
    def purges(self) -> Purges:
        return Purges(self.session.database, self.session.tenant_id)

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.session.database, self.session.tenant_id)

    def request(self, asset_id: UUID, reason: str | None = None) -> int:
        """Decide that all content of an asset goes; a live asset is deleted first. Returns how many versions.

        Raises AssetNotFoundError, ContentHeldError.
        """
        context = self.session.context(reason)

        def work() -> int:
            self.session.log.recorder.lock_head()
            asset = self._load(asset_id)
            self.session.log.record(*(deleted := asset.soft_delete(context)))
            for event in deleted:
                asset = aggregate.evolve(asset, event)
            going = asset.purgeable()
            self.purges.request(context, asset_id, going)
            return len(going)

        return self.session.atomically(work)

    def request_all(self, wanted: AssetFilter, reason: str | None, *, dry_run: bool) -> Selection:
        """Decide it for every asset that the filter finds, deleted or not, with content in the store.

        A dry run decides nothing, and tells what would go.
        """
        selection = Selection()
        for row in self._found(wanted):
            if not row.stored:
                continue
            if row.holds:
                selection.held.append(row.asset_id)
                continue
            try:
                if not dry_run:
                    self.request(row.asset_id, reason)
            except ContentHeldError:
                selection.held.append(row.asset_id)
            else:
                selection.assets += 1
                selection.bytes += (row.content or {}).get("size") or 0
        return selection

    def _found(self, wanted: AssetFilter) -> list[AssetRow]:
        """Live assets, and then deleted ones; both lists are read to the end before anything is decided."""
        either = [wanted, replace(wanted, status="deleted")] if wanted.status is None else [wanted]
        session = self.session
        return [row for one in either for row in every_asset(session.database, session.tenant_id, one)]

    def request_due(self, retention: timedelta, most: int = MOST_SWEPT) -> int:
        """Decide it for assets that were deleted, and for content that was superseded, longer ago than they are kept.

        Returns of how many assets.
        """
        database, tenant_id = self.session.database, self.session.tenant_id
        before, requested = self.session.clock() - retention, 0
        for asset_id in due_for_purge(database, tenant_id, before, most):
            with suppress(ContentHeldError, AssetNotFoundError):
                self.request(asset_id, RETENTION)
                requested += 1
        for asset_id, numbers in superseded(database, tenant_id, before, most):
            with suppress(ContentHeldError, AssetNotFoundError):
                self._request_superseded(asset_id, numbers)
                requested += 1
        return requested

    def _request_superseded(self, asset_id: UUID, numbers: Sequence[int]) -> None:
        def work() -> None:
            self.session.log.recorder.lock_head()
            going = self._load(asset_id).superseded(numbers)
            self.purges.request(self.session.context(RETENTION), asset_id, going)

        self.session.atomically(work)

    def carry_out(self) -> int:
        """Remove what is due, until nothing is; returns of how many assets. What fails is tried again later."""
        done = 0
        while (purge := self._next()) is not None:
            try:
                for version in purge.versions:
                    remove(self.store, object_key(self.session.tenant_id, purge.asset_id, version.id))
            except ServiceUnavailableError as error:
                self.purges.failed(purge, str(error))
                continue
            self._record(purge)
            done += 1
        return done

    def sweep(self) -> int:
        """Remove what uploads have left behind whose time is over, documents among them; returns how many."""
        with self.session.database.transaction(self.session.tenant_id):
            expired = self.uploads.expired(MOST_SWEPT)
            for upload in expired:
                discard(self.store, self.session.tenant_id, upload)
                self.uploads.end(upload.content_id)
        return len(expired)

    def _next(self) -> Purge | None:
        with self.session.database.transaction(self.session.tenant_id):
            return self.purges.next_due()

    def _record(self, purge: Purge) -> None:
        gone = [version.number for version in purge.versions]
        context = self.session.context().model_copy(
            update={"actor": purge.actor, "correlation_id": purge.correlation_id}
        )

        def work() -> None:
            if self.purges.of_asset(purge.asset_id) is None:
                return
            asset = self._load(purge.asset_id)
            self.purges.done(purge)
            self.session.log.record(*asset.purge_content(context, gone))

        self.session.atomically(work)

    def _load(self, asset_id: UUID) -> Asset:
        try:
            return self.session.log.load(asset_id, aggregate.project)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None
