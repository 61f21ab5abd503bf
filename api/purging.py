"""Removes bytes for good: content that is purged, and what uploads have left behind. And tells what does not match."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import chain, takewhile
from uuid import UUID

import structlog
from eventsourcing.application import AggregateNotFoundError

from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.asset import Asset
from domain.documents import kept_for
from domain.errors import AssetNotFoundError, ContentHeldError, LedgerError, ServiceUnavailableError
from infra.content.purges import Purge, Purges
from infra.content.store import ContentStore
from infra.content.uploads import Uploads, discard, landing_key, object_key, remove
from projections.assets.fold import AssetRow
from projections.assets.read import AssetFilter, every_asset
from projections.contents.read import due_for_purge, known_contents, superseded

_LOG = structlog.get_logger()

MOST_SWEPT = 100
RETENTION = "the retention time is over"
YOUNG = timedelta(hours=1)
"""An object that nobody knows is left alone for so long: what is written right now may be recorded yet."""


@dataclass(frozen=True)
class Mismatch:
    """What store and log disagree about."""

    orphans: list[str] = field(default_factory=list)
    """Keys of objects that the log does not know."""
    missing: list[tuple[UUID, int]] = field(default_factory=list)
    """Content versions, by asset, whose objects are gone."""
    missing_documents: list[tuple[UUID, UUID]] = field(default_factory=list)
    """Documents, by asset or job, whose objects are gone."""


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
            with self._alone(asset_id):
                self.request(asset_id, RETENTION)
                requested += 1
        for asset_id, numbers in superseded(database, tenant_id, before, most):
            with self._alone(asset_id):
                self._request_superseded(asset_id, numbers)
                requested += 1
        return requested

    @contextmanager
    def _alone(self, asset_id: UUID) -> Iterator[None]:
        """What does not work for one asset keeps nobody from the next, unless nothing works right now."""
        try:
            yield
        except ServiceUnavailableError:
            raise
        except (ContentHeldError, AssetNotFoundError):
            pass
        except LedgerError as error:
            self._log("retention not looked after", error, asset_id=asset_id)

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
                self._record(purge)
            except LedgerError as error:
                self.purges.failed(purge, str(error))
                continue
            done += 1
        return done

    def sweep(self) -> int:
        """Remove what uploads have left behind whose time is over, documents among them; returns how many.

        Looks at a hundred at most, each in a transaction of its own. What fails is logged and tried again later.
        """
        looked_at = takewhile(lambda swept: swept is not None, (self._sweep_next() for _ in range(MOST_SWEPT)))
        return sum(map(bool, looked_at))

    def _sweep_next(self) -> bool | None:
        """Whether what the next upload left behind could be removed; None if there is no other."""
        with self.session.database.transaction(self.session.tenant_id):
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

    def sweep_landed(self, landed: Mapping[UUID, str]) -> None:
        """Remove what came to a signed URL after its upload was over: by content, the keys of all that has landed.

        They are listed before this is called, so that the upload of each is known by now or over.
        """
        for content_id in landed.keys() - self.uploads.under_way():
            try:
                self.store.delete(landed[content_id])
            except LedgerError as error:
                self._log("what landed late not swept", error, upload_id=content_id)

    def reconcile(self) -> Mismatch:
        """What is in the store but not in the log, and the other way round. Reads both from end to end."""
        found = Mismatch()
        under_way = self.uploads.under_way()
        begun = self.session.clock()
        recorded = {content_id: (asset_id, number) for content_id, asset_id, number in self._recorded()}
        documents = {
            id_: event.originator_id for event, *_ in self.session.log.with_documents() for id_ in kept_for(event)
        }
        known, seen = recorded.keys() | documents.keys(), set[UUID | None]()
        place = f"{self.session.tenant_id}/"
        for key, stat in chain(self.store.objects(place), self.store.objects(landing_key(place))):
            content_id, derived = _content_id(key)
            if content_id in known and key.startswith(place):
                if not derived:
                    seen.add(content_id)
            elif content_id not in under_way and stat.modified_at < begun - YOUNG:
                found.orphans.append(key)
        found.missing.extend(version for content_id, version in recorded.items() if content_id not in seen)
        found.missing_documents.extend((of, id_) for id_, of in documents.items() if id_ not in seen)
        return found

    def remove_orphans(self, found: Mismatch) -> None:
        """Remove the objects that the log does not know."""
        for key in found.orphans:
            self.store.delete(key)

    def _recorded(self) -> Iterator[tuple[UUID, UUID, int]]:
        return known_contents(self.session.database, self.session.tenant_id)

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

    def _log(self, what: str, error: LedgerError, **of: UUID) -> None:
        named = {name: str(id_) for name, id_ in of.items()}
        _LOG.warning(what, tenant_id=str(self.session.tenant_id), **named, reason=str(error))

    def _load(self, asset_id: UUID) -> Asset:
        try:
            return self.session.log.load(asset_id, aggregate.project)
        except AggregateNotFoundError:
            raise AssetNotFoundError from None


def _content_id(key: str) -> tuple[UUID | None, str]:
    """The content that an object is, or that it is derived from as the ending says; None if it is none of ours."""
    name, _, ending = key.rsplit("/", 1)[-1].partition(".")
    try:
        return UUID(name), ending
    except ValueError:
        return None, ending
