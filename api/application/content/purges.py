"""Removes the content of assets for good: decided by the log and the database's clock, recorded, then carried out.

A purge is an event before a byte goes, and another when the bytes are gone. Read models only propose what may go.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import cast
from uuid import UUID

from api.application.content.purge_removal import Removal, folded, history_of, sealed
from domain.asset import asset as aggregate
from domain.asset.asset import Asset, ContentVersion
from domain.asset.events import AssetContentPurged, AssetPurgeRequested, PurgeBasis
from domain.asset.retention import deleted_since
from domain.errors import ContentInUseError
from domain.event import Recorded
from infra.event_log.conflicts import check_expected_revision

TOPICS = (AssetPurgeRequested.TOPIC, AssetContentPurged.TOPIC)


@dataclass(frozen=True)
class Subject:
    """What a purge is decided on: an asset, its history, and the database's time, under the lock of the log's head."""

    asset: Asset
    history: Sequence[Recorded]
    now: datetime


Choice = Callable[[Subject], Collection[ContentVersion]]
"""Which content versions go."""


@dataclass(frozen=True)
class Purges(Removal):
    """One tenant's purges of single assets. Raises StoreUnavailableError where it cannot go on, and ClockApartError.

    Nothing is decided where this process's clock and the database's are apart.
    """

    def request(self, asset_id: UUID, reason: str | None = None, revision: int | None = None) -> int:
        """Decide that all content of an asset goes; a live asset is deleted first. Returns how many versions.

        Raises AssetNotFoundError, ContentHeldError, StaleRevisionError if it is not at the revision that is given.
        """
        choose = partial(all_of_deleted, revision=revision)
        return self.decide(asset_id, reason, "asked", choose, deletes=True)

    def decide(
        self, asset_id: UUID, reason: str | None, basis: PurgeBasis, choose: Choice, *, deletes: bool = False
    ) -> int:
        """Decide on an asset, as the log says it is, which of its content goes; returns how many versions.

        What is decided is appended and queued together. What the log had decided earlier is queued again, if need be.
        """

        def work() -> int:
            self.session.log.lock_head()
            now, history = self.session.database_clock.ask(), history_of(self.session, asset_id)
            context, asset = self.session.context(reason), folded(history)
            deleted = asset.soft_delete(context) if deletes else ()
            for event in deleted:
                asset = aggregate.evolve(asset, event)
            requested = asset.request_purge(context, choose(Subject(asset, history, now)), basis)
            self.session.record(*deleted, *requested)
            self._enqueue(asset, (*_requests(history), *requested))
            return sum(len(event.content_versions) for event in requested)

        return self.session.in_transaction(work)

    def _enqueue(self, asset: Asset, requests: Iterable[AssetPurgeRequested]) -> None:
        """Queue what the log says is to go and has not gone."""
        for event in requests:
            if versions := [version for version in asset.contents if version.number in event.content_versions]:
                self.queue.queue(event, versions, sealed(self.session, asset, event.envelope.reason))

    def requeue(self) -> int:
        """Queue again what is on the record, has not gone, and is not in the queue; returns of how many assets.

        Reads the log from end to end.
        """
        left: set[tuple[UUID, int]] = set()
        for event, *_ in self.session.log.of_topics(TOPICS):
            numbers = cast("AssetPurgeRequested | AssetContentPurged", event).content_versions
            versions = {(event.originator_id, number) for number in numbers}
            left = left | versions if isinstance(event, AssetPurgeRequested) else left - versions
        assets = {asset_id for asset_id, _ in left - self.queue.pending()}
        for asset_id in assets:
            self.decide(asset_id, None, "asked", lambda _: ())
        return len(assets)


def _requests(history: Iterable[Recorded]) -> list[AssetPurgeRequested]:
    return [recorded.event for recorded in history if isinstance(recorded.event, AssetPurgeRequested)]


def all_of_deleted(
    subject: Subject, *, before: datetime | None = None, revision: int | None = None
) -> Collection[ContentVersion]:
    """All content of an asset that is deleted, since before a time if one is given.

    Raises ContentHeldError, ContentInUseError, StaleRevisionError if it is not at the revision that is given.
    """
    check_expected_revision(revision, subject.history[-1].event.originator_version)
    since = deleted_since(subject.history)
    if before is not None and (since is None or since >= before):
        raise ContentInUseError
    return subject.asset.purgeable()
