"""Removes bytes for good: content that is purged, and what uploads have left behind."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import takewhile
from uuid import UUID

import structlog
from eventsourcing.application import AggregateNotFoundError

from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.asset import Asset, ContentVersion
from domain.errors import (
    AssetNotFoundError,
    ContentHeldError,
    ContentInUseError,
    LedgerError,
    OutcomeUnknownError,
    ServiceUnavailableError,
)
from domain.event import Context
from infra.content.purges import Purge, Purges
from infra.content.sealed import seal, unseal
from infra.content.store import ContentStore
from infra.content.uploads import Uploads, discard, object_key, remove
from projections.assets.fold import AssetRow
from projections.assets.read import AssetFilter, every_asset
from projections.contents.read import bytes_there, due_for_purge, superseded

_LOG = structlog.get_logger()

MOST_SWEPT = 100
MOST_FAILURES = 3
"""After so many in a row the store is taken to be down."""
LONGEST = 10.0
"""Seconds after which one tenant's purges let others have their turn, and a request have its answer."""
RETENTION = "the retention time is over"
REFUSALS = (AssetNotFoundError, ContentHeldError, ContentInUseError)


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

        def going(asset: Asset, context: Context) -> tuple[ContentVersion, ...]:
            self.session.log.record(*(deleted := asset.soft_delete(context)))
            for event in deleted:
                asset = aggregate.evolve(asset, event)
            return asset.purgeable()

        return self._decide(asset_id, reason, going)

    def request_deleted(self, asset_id: UUID, reason: str | None = None, before: datetime | None = None) -> int:
        """The same for an asset that is deleted already, since before a time if one is given.

        Raises AssetNotFoundError, ContentHeldError, ContentInUseError if it is live or was deleted later.
        """
        return self._decide(asset_id, reason, lambda asset, _: asset.purgeable(before))

    def request_superseded(self, asset_id: UUID, numbers: Collection[int], reason: str | None = None) -> int:
        """The same for some content versions in whose place newer ones are. AssetNotFoundError, ContentHeldError."""
        return self._decide(asset_id, reason, lambda asset, _: asset.superseded(numbers))

    def request_all(self, wanted: AssetFilter, reason: str | None, *, dry_run: bool) -> Selection:
        """Decide it for every asset that the filter finds, deleted or not, with content in the store.

        Where deleted assets are asked for, what is live by now is left alone. A dry run only tells what would go.
        """
        found, selection = self._found(wanted), Selection()
        sizes = bytes_there(self.session.database, self.session.tenant_id, [row.asset_id for row in found])
        for row in found:
            if row.holds:
                selection.held.append(row.asset_id)
                continue
            try:
                if not dry_run:
                    self._request_by(wanted, row.asset_id, reason)
            except ContentHeldError:
                selection.held.append(row.asset_id)
            except ContentInUseError:
                continue
            except ServiceUnavailableError as error:
                if selection.assets:
                    raise OutcomeUnknownError(
                        f"{selection.assets:,} assets are being purged, then the ledger could not answer. Ask again."
                    ) from error
                raise
            else:
                selection.assets += 1
                selection.bytes += sizes.get(row.asset_id, 0)
        return selection

    def _found(self, wanted: AssetFilter) -> list[AssetRow]:
        """Live assets, and then deleted ones; both lists are read to the end before anything is decided."""
        either = [wanted, replace(wanted, status="deleted")] if _takes_live(wanted) else [wanted]
        session = self.session
        every = (row for one in either for row in every_asset(session.database, session.tenant_id, one))
        return [row for row in every if row.stored]

    def _request_by(self, wanted: AssetFilter, asset_id: UUID, reason: str | None) -> None:
        if wanted.status == "deleted" or wanted.deleted_before:
            self.request_deleted(asset_id, reason, wanted.deleted_before)
        else:
            self.request(asset_id, reason)

    def request_due(self, retention: timedelta, most: int = MOST_SWEPT) -> int:
        """Decide it for assets that were deleted, and for content that was superseded, longer ago than they are kept.

        Returns of how many assets. What lists say may be out of date: the log decides, and nothing live is deleted.
        """
        database, tenant_id = self.session.database, self.session.tenant_id
        before, requested = self.session.clock() - retention, 0
        for asset_id in due_for_purge(database, tenant_id, before, most):
            with self._alone(asset_id):
                requested += self.request_deleted(asset_id, RETENTION, before) > 0
        for asset_id, numbers in superseded(database, tenant_id, before, most):
            with self._alone(asset_id):
                requested += self.request_superseded(asset_id, numbers, RETENTION) > 0
        return requested

    @contextmanager
    def _alone(self, asset_id: UUID) -> Iterator[None]:
        """What does not work for one asset keeps nobody from the next, unless nothing works right now."""
        try:
            yield
        except ServiceUnavailableError:
            raise
        except REFUSALS:
            pass
        except LedgerError as error:
            self._log("retention not looked after", error, asset_id=asset_id)

    def _decide(
        self,
        asset_id: UUID,
        reason: str | None,
        going: Callable[[Asset, Context], Collection[ContentVersion]],
    ) -> int:
        """Decide on an asset, as the log says it is, what goes of it; returns how many versions."""
        context = self.session.context(reason)

        def work() -> int:
            self.session.log.recorder.lock_head()
            asset = self._load(asset_id)
            versions = going(asset, context)
            self.purges.request(context, asset_id, versions, self._sealed(asset, reason))
            return len(versions)

        return self.session.atomically(work)

    def carry_out(self, seconds: float = LONGEST) -> int:
        """Remove what is due now, each asset's once; returns of how many assets.

        What fails, and all that is left after a while or when the store fails again and again, is tried again later.
        """
        ends, until = time.monotonic() + seconds, self.purges.clock()
        done = failures = 0
        while failures < MOST_FAILURES and (purge := self._next(until)) is not None:
            try:
                self._carry_out(purge)
            except LedgerError as error:
                self.purges.failed(purge, str(error))
                failures += 1
            else:
                done, failures = done + 1, 0
            if time.monotonic() > ends:
                break
        return done

    def _carry_out(self, purge: Purge) -> None:
        for version in purge.versions:
            remove(self.store, object_key(self.session.tenant_id, purge.asset_id, version.id))
        self._record(purge)

    def sweep(self) -> int:
        """Remove what uploads have left behind whose time is over, documents among them; returns how many.

        Looks at a hundred at most, each in a transaction of its own. What fails is logged and tried again later.
        """
        looked_at = takewhile(lambda swept: swept is not None, (self._sweep_next() for _ in range(MOST_SWEPT)))
        return sum(map(bool, looked_at))

    def _sweep_next(self) -> bool | None:
        """Whether what the next upload left behind could be removed; None if there is no other."""

        def work() -> bool | None:
            upload = self.uploads.next_expired()
            if upload is None:
                return None
            try:
                discard(self.store, self.session.tenant_id, upload)
            except LedgerError as error:
                self._log("upload not swept", error, upload_id=upload.content_id)
                self.uploads.put_off(upload.content_id)
                return False
            return self.uploads.end(upload.content_id)

        return self.session.atomically(work)

    def sweep_landed(self, landed: Mapping[UUID, str]) -> None:
        """Remove what came to a signed URL after its upload was over: by content, the keys of all that has landed.

        They are listed before this is called, so that the upload of each is known by now or over.
        """
        for content_id in landed.keys() - self.uploads.under_way():
            try:
                self.store.delete(landed[content_id])
            except LedgerError as error:
                self._log("what landed late not swept", error, upload_id=content_id)

    def _next(self, until: datetime) -> Purge | None:
        return self.session.atomically(lambda: self.purges.next_due(until))

    def _record(self, purge: Purge) -> None:
        gone = [version.number for version in purge.versions]

        def work() -> None:
            if self.purges.done(purge):
                asset = self._load(purge.asset_id)
                said = {
                    "actor": purge.actor,
                    "correlation_id": purge.correlation_id,
                    "reason": self._opened(asset, purge.reason),
                }
                self.session.log.record(*asset.purge_content(self.session.context().model_copy(update=said), gone))

        self.session.atomically(work)

    def _log(self, what: str, error: LedgerError, **of: UUID) -> None:
        named = {name: str(id_) for name, id_ in of.items()}
        _LOG.warning(what, tenant_id=str(self.session.tenant_id), **named, reason=str(error))

    def _sealed(self, asset: Asset, reason: str | None) -> bytes | None:
        if reason is None:
            return None
        return seal(self.session.keys.sealing(asset.tenant_id, asset.subject), reason.encode(), _place(asset))

    def _opened(self, asset: Asset, reason: bytes | None) -> str | None:
        if reason is None:
            return None
        return unseal(self.session.keys.opening(asset.tenant_id, asset.subject), reason, _place(asset)).decode()

    def _load(self, asset_id: UUID) -> Asset:
        try:
            return self.session.log.load(asset_id, aggregate.project)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None


def _takes_live(wanted: AssetFilter) -> bool:
    """Whether a filter says nothing of being deleted, so that it means live assets and deleted ones."""
    return wanted.status is None and wanted.deleted_before is None


def _place(asset: Asset) -> str:
    """What the reason of an asset's purge is sealed for."""
    return f"purge of {asset.tenant_id}/{asset.id}"
