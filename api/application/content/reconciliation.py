"""Compares the store with the log: objects that nobody knows, and what is recorded but gone."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.content.tenant_content import TenantContent
from domain.asset.events import AssetContentPurged, AssetContentStored, AssetPurgeRequested
from domain.event import Recorded
from domain.identity import uuid_or_none
from domain.large_documents import kept_for
from infra.clock import store_time
from infra.content.upload_table import landing_key, object_key

YOUNG = timedelta(hours=1)
"""An object that nobody knows is left alone for so long: what is written right now may be recorded yet."""
TOPICS = (AssetContentStored.TOPIC, AssetPurgeRequested.TOPIC, AssetContentPurged.TOPIC)


class Damage(NamedTuple):
    """A content version whose object has another size: how many bytes were recorded, and how many are there."""

    asset_id: UUID
    content_version: int
    recorded: int | None
    there: int


@dataclass(frozen=True)
class Mismatch:
    """What store and log disagree about."""

    orphans: list[str] = field(default_factory=list)
    """Keys of objects that the log does not know."""
    missing: list[tuple[UUID, int]] = field(default_factory=list)
    """Content versions, by asset, whose objects are gone."""
    damaged: list[Damage] = field(default_factory=list)
    """Content versions whose objects have another size than was recorded."""
    missing_documents: list[tuple[UUID, UUID]] = field(default_factory=list)
    """Documents, by asset or job, whose objects are gone."""


class ExpectedObject(NamedTuple):
    """An object that should be there, as the log says: its key, since which position, with how many bytes if known."""

    key: str
    position: int
    size: int | None = None


@dataclass
class Inventory:
    """What should be in the store: content by asset and version, documents by asset or job and by their ids."""

    contents: dict[tuple[UUID, int], ExpectedObject] = field(default_factory=dict)
    documents: dict[tuple[UUID, UUID], ExpectedObject] = field(default_factory=dict)
    going: set[tuple[UUID, int]] = field(default_factory=set)
    """Content, by asset and version, that is about to be purged: it may be gone already."""

    def note(self, recorded: Iterable[Recorded]) -> None:
        """Take in what some events say, in the order of positions."""
        for event, position, _ in recorded:
            of, key = event.originator_id, partial(object_key, event.envelope.tenant_id, event.originator_id)
            match event:
                case AssetContentStored():
                    expected = ExpectedObject(key(event.content_id), position, event.content.size)
                    self.contents[of, event.content_version] = expected
                case AssetPurgeRequested():
                    self.going.update((of, number) for number in event.content_versions)
                case AssetContentPurged():
                    for number in event.content_versions:
                        self.contents.pop((of, number), None)
            self.documents.update(((of, id_), ExpectedObject(key(id_), position)) for id_ in kept_for(event))

    @property
    def known(self) -> set[str]:
        """The keys of all of it."""
        return {expected.key for expected in (*self.contents.values(), *self.documents.values())}


@dataclass(frozen=True)
class Reconciliation(TenantContent):
    """One tenant's store and log, compared. Raises StoreUnavailableError.

    What is in the log is read from the log itself, for a read model may be behind or be made anew just now.
    """

    young: timedelta = YOUNG

    def compare(self) -> Mismatch:
        """What is in the store but not in the log, and the other way round. Reads both from end to end."""
        log = self.session.log
        # In this order, so that whatever becomes known or goes meanwhile is seen by one of the reads after it did.
        store, prefix = self.store, f"{self.session.tenant_id}/"
        begun = store_time(store, self.session.database_clock)
        under_way, head = self.uploads.under_way(), log.head()
        stats = dict(chain(store.objects(prefix), store.objects(landing_key(prefix))))
        inventory = Inventory(going=self.queue.pending())
        inventory.note(log.of_topics(TOPICS))
        inventory.note(log.with_documents())
        known, contents = inventory.known, inventory.contents.items()

        def is_gone(expected: ExpectedObject) -> bool:
            return expected.position <= head and expected.key not in stats

        def is_orphan(key: str) -> bool:
            name = ObjectName.of(key)
            return name.content_id not in under_way and name.whole not in known

        return Mismatch(
            [key for key, stat in stats.items() if stat.modified_at < begun - self.young and is_orphan(key)],
            [id_ for id_, expected in contents if id_ not in inventory.going and is_gone(expected)],
            [
                Damage(*id_, expected.size, stats[expected.key].size)
                for id_, expected in contents
                if expected.key in stats and expected.size not in (None, stats[expected.key].size)
            ],
            [id_ for id_, expected in inventory.documents.items() if is_gone(expected)],
        )

    def remove(self, orphans: Iterable[str]) -> int:
        """Remove objects that the log does not know, unless it has come to know them; returns how many.

        ClockApartError while this process's clock and the database's are apart.
        """
        removed = 0
        for key in orphans:
            if not self._is_known(ObjectName.of(key)):
                self.store.delete(key)
                removed += 1
        return removed

    def _is_known(self, name: "ObjectName") -> bool:
        """Whether the log or an upload knows it, as neither can change while this looks at them."""
        with self.session.database.transaction(self.session.tenant_id):
            self.session.log.lock_head()
            self.session.database_clock.ask()
            if name.content_id is None or name.originator_id is None:
                return False
            return name.content_id in self.uploads.under_way() or name.whole in self._recorded(name.originator_id)

    def _recorded(self, originator_id: UUID) -> set[str]:
        """The keys of what the log says is in the store of an asset or a job."""
        inventory = Inventory()
        with suppress(AggregateNotFoundError):
            inventory.note(self.session.log.history(originator_id))
        return inventory.known


class ObjectName(NamedTuple):
    """The parts of an object's key. The ids are None if the ledger did not make the key."""

    whole: str
    originator_id: UUID | None
    content_id: UUID | None

    @classmethod
    def of(cls, key: str) -> "ObjectName":
        """The name that a key is, or for a derived object the name of its origin."""
        above, _, last = key.rpartition("/")
        name = last.partition(".")[0]
        return cls(f"{above}/{name}", uuid_or_none(above.rpartition("/")[2]), uuid_or_none(name))
