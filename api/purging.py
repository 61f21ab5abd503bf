"""Removes the content of assets for good: decided by the log and the database's clock, recorded, then carried out.

A purge is an event before a byte goes, and another when the bytes are gone. Read models only propose what may go.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import cast
from uuid import UUID

import structlog

from api.purge_removal import LONGEST, Removal, folded, history_of, sealed
from api.session import Session
from domain.asset import asset as aggregate
from domain.asset.asset import Asset, ContentVersion
from domain.asset.events import AssetContentPurged, AssetPurgeRequested, PurgeBasis
from domain.asset.retention import deleted_since, superseded_since
from domain.errors import (
    AssetNotFoundError,
    ClockApartError,
    ContentHeldError,
    ContentInUseError,
    LedgerError,
    OutcomeUnknownError,
    ServiceUnavailableError,
    StaleRevisionError,
)
from domain.event import Recorded
from infra.content.purges import Purges
from infra.content.store import ContentStore
from infra.event_log.log import expect_revision
from projections.assets.fold import AssetRow
from projections.assets.read import AssetFilter, every_asset
from projections.contents.read import bytes_there, due_for_purge, superseded

_LOG = structlog.get_logger()

MOST_DUE = 100
"""So many assets at once are looked at whose content may be due."""
RETENTION = "the retention time is over"
REFUSALS = (AssetNotFoundError, ContentHeldError, ContentInUseError)
TOPICS = (AssetPurgeRequested.TOPIC, AssetContentPurged.TOPIC)


@dataclass
class Selection:
    """What a purge of many assets selects: how many, with how many bytes, and which keep theirs."""

    assets: int = 0
    bytes: int = 0
    held: list[UUID] = field(default_factory=list)
    """Those that are under a legal hold."""
    changed: list[UUID] = field(default_factory=list)
    """Those that have changed since the lists they were found in: they may not be meant any more."""


@dataclass(frozen=True)
class Subject:
    """What a purge is decided on: an asset, its history, and the database's time, under the lock of the log's head."""

    asset: Asset
    history: Sequence[Recorded]
    now: datetime


Choice = Callable[[Subject], Collection[ContentVersion]]
"""Which content versions go."""


@dataclass(frozen=True)
class Purging:
    """One tenant's purges. Raises StoreUnavailableError where it cannot go on, and ClockApartError.

    Nothing is decided where this process's clock and the database's are apart.
    """

    session: Session

    @property
    def store(self) -> ContentStore:
        return self.session.store

    @property
    def purges(self) -> Purges:
        return Purges(self.session.database, self.session.tenant_id)

    def request(self, asset_id: UUID, reason: str | None = None, revision: int | None = None) -> int:
        """Decide that all content of an asset goes; a live asset is deleted first. Returns how many versions.

        Raises AssetNotFoundError, ContentHeldError, StaleRevisionError if it is not at the revision that is given.
        """
        choose = partial(_all_of_deleted, revision=revision)
        return self._decide(asset_id, reason, "asked", choose, deletes=True)

    def request_deleted(
        self, asset_id: UUID, reason: str | None = None, before: datetime | None = None, revision: int | None = None
    ) -> int:
        """The same for an asset that is deleted already, since before a time if one is given.

        Also raises ContentInUseError if it is live or was deleted later.
        """
        return self._decide(asset_id, reason, "asked", partial(_all_of_deleted, before=before, revision=revision))

    def request_all(self, wanted: AssetFilter, reason: str | None, *, dry_run: bool) -> Selection:
        """Decide it for every asset that the filter finds, deleted or not, with content in the store.

        Where deleted assets are asked for, what is live by now is left alone; so is what has changed since the list
        was read. A dry run only tells what would go.
        """
        found, selection = self._found(wanted), Selection()
        sizes = bytes_there(self.session.database, self.session.tenant_id, [row.asset_id for row in found])
        for row in found:
            if row.holds:
                selection.held.append(row.asset_id)
                continue
            try:
                if not dry_run:
                    self._request_by(wanted, row, reason)
            except ContentHeldError:
                selection.held.append(row.asset_id)
            except StaleRevisionError:
                selection.changed.append(row.asset_id)
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

    def _request_by(self, wanted: AssetFilter, row: AssetRow, reason: str | None) -> None:
        if wanted.status == "deleted" or wanted.deleted_before:
            self.request_deleted(row.asset_id, reason, wanted.deleted_before, row.revision)
        else:
            self.request(row.asset_id, reason, row.revision)

    def request_due(self, retention: timedelta, most: int = MOST_DUE) -> int:
        """Decide it for assets that were deleted, and for content that was superseded, longer ago than they are kept.

        Returns of how many assets. Lists propose them; since when, the log says, and nothing live is deleted.
        """
        self.session.database_clock.ask()
        database, tenant_id = self.session.database, self.session.tenant_id
        requested = 0
        for asset_id in due_for_purge(database, tenant_id, retention, most):
            with self._alone(asset_id):
                requested += self._request_deleted_due(asset_id, retention) > 0
        for asset_id in superseded(database, tenant_id, retention, most):
            with self._alone(asset_id):
                requested += self.request_superseded(asset_id, retention) > 0
        return requested

    def _request_deleted_due(self, asset_id: UUID, retention: timedelta) -> int:
        def choose(subject: Subject) -> Collection[ContentVersion]:
            return _all_of_deleted(subject, before=subject.now - retention)

        return self._decide(asset_id, RETENTION, "retention", choose)

    def request_superseded(self, asset_id: UUID, retention: timedelta) -> int:
        """The same for content that newer content has taken the place of for longer than it is kept.

        Raises AssetNotFoundError, ContentHeldError.
        """

        def choose(subject: Subject) -> Collection[ContentVersion]:
            since, before = superseded_since(subject.history), subject.now - retention
            return subject.asset.superseded([number for number, at in since.items() if at < before])

        return self._decide(asset_id, RETENTION, "superseded", choose)

    @contextmanager
    def _alone(self, asset_id: UUID) -> Iterator[None]:
        """What does not work for one asset keeps nobody from the next, unless nothing works right now."""
        try:
            yield
        except (ServiceUnavailableError, ClockApartError):
            raise
        except REFUSALS:
            pass
        except LedgerError as error:
            self._log("retention not looked after", error, asset_id=asset_id)

    def _decide(
        self, asset_id: UUID, reason: str | None, basis: PurgeBasis, choose: Choice, *, deletes: bool = False
    ) -> int:
        """Decide on an asset, as the log says it is, which of its content goes; returns how many versions.

        What is decided is appended and queued together. What the log had decided earlier is queued again, if need be.
        """

        def work() -> int:
            self.session.log.recorder.lock_head()
            now, history = self.session.database_clock.ask(), history_of(self.session, asset_id)
            context, asset = self.session.context(reason), folded(history)
            deleted = asset.soft_delete(context) if deletes else ()
            for event in deleted:
                asset = aggregate.evolve(asset, event)
            requested = asset.request_purge(context, choose(Subject(asset, history, now)), basis)
            self.session.log.record(*deleted, *requested)
            self._queue(asset, (*_requests(history), *requested))
            return sum(len(event.content_versions) for event in requested)

        return self.session.atomically(work)

    def _queue(self, asset: Asset, requests: Iterable[AssetPurgeRequested]) -> None:
        """Queue what the log says is to go and has not gone."""
        for event in requests:
            if versions := [version for version in asset.contents if version.number in event.content_versions]:
                self.purges.queue(event, versions, sealed(self.session, asset, event.envelope.reason))

    def requeue(self) -> int:
        """Queue again what is on the record, has not gone, and is not in the queue; returns of how many assets.

        Reads the log from end to end.
        """
        left: set[tuple[UUID, int]] = set()
        for event, *_ in self.session.log.of_topics(TOPICS):
            numbers = cast("AssetPurgeRequested | AssetContentPurged", event).content_versions
            versions = {(event.originator_id, number) for number in numbers}
            left = left | versions if isinstance(event, AssetPurgeRequested) else left - versions
        assets = {asset_id for asset_id, _ in left - self.purges.going()}
        for asset_id in assets:
            self._decide(asset_id, None, "asked", lambda _: ())
        return len(assets)

    def carry_out(self, seconds: float = LONGEST) -> int:
        """Remove what is due now, each asset's once; returns of how many assets. What fails is tried again later."""
        return Removal(self.session).carry_out(seconds)

    def _log(self, what: str, error: LedgerError, **of: UUID) -> None:
        named = {name: str(id_) for name, id_ in of.items()}
        _LOG.warning(what, tenant_id=str(self.session.tenant_id), **named, reason=str(error))


def _requests(history: Iterable[Recorded]) -> list[AssetPurgeRequested]:
    return [recorded.event for recorded in history if isinstance(recorded.event, AssetPurgeRequested)]


def _all_of_deleted(
    subject: Subject, *, before: datetime | None = None, revision: int | None = None
) -> Collection[ContentVersion]:
    """All content of an asset that is deleted, since before a time if one is given.

    Raises ContentHeldError, ContentInUseError, StaleRevisionError if it is not at the revision that is given.
    """
    expect_revision(revision, subject.history[-1].event.originator_version)
    since = deleted_since(subject.history)
    if before is not None and (since is None or since >= before):
        raise ContentInUseError
    return subject.asset.purgeable()


def _takes_live(wanted: AssetFilter) -> bool:
    """Whether a filter says nothing of being deleted, so that it means live assets and deleted ones."""
    return wanted.status is None and wanted.deleted_before is None
