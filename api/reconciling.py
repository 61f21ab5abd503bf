"""Compares the store with the log: objects that nobody knows, and what is recorded but gone."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import chain
from typing import NamedTuple
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.session import Session
from domain.asset.events import AssetContentPurged, AssetContentStored, AssetPurgeRequested
from domain.documents import kept_for
from domain.event import Recorded
from infra.content.purges import Purges
from infra.content.store import Stat
from infra.content.store_clock import store_time
from infra.content.uploads import Uploads, landing_key, object_key

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


class Expected(NamedTuple):
    """An object that should be there, as the log says: its key, since which position, with how many bytes if known."""

    key: str
    position: int
    size: int | None = None


@dataclass
class Inventory:
    """What should be in the store: content by asset and version, documents by asset or job and by their ids."""

    contents: dict[tuple[UUID, int], Expected] = field(default_factory=dict)
    documents: dict[tuple[UUID, UUID], Expected] = field(default_factory=dict)
    going: set[tuple[UUID, int]] = field(default_factory=set)
    """Content, by asset and version, that is about to be purged: it may be gone already."""

    def note(self, recorded: Iterable[Recorded]) -> None:
        """Take in what some events say, in the order of positions."""
        for event, position, _ in recorded:
            of, key = event.originator_id, partial(object_key, event.envelope.tenant_id, event.originator_id)
            match event:
                case AssetContentStored():
                    expected = Expected(key(event.content_id), position, event.content.size)
                    self.contents[of, event.content_version] = expected
                case AssetPurgeRequested():
                    self.going.update((of, number) for number in event.content_versions)
                case AssetContentPurged():
                    for number in event.content_versions:
                        self.contents.pop((of, number), None)
            self.documents.update(((of, id_), Expected(key(id_), position)) for id_ in kept_for(event))

    @property
    def known(self) -> set[str]:
        """The keys of all of it."""
        return {one.key for one in (*self.contents.values(), *self.documents.values())}


@dataclass(frozen=True)
class Reconciling:
    """One tenant's store and log, compared. Raises StoreUnavailableError.

    What is in the log is read from the log itself, for a read model may be behind or be made anew just now.
    """

    session: Session
    young: timedelta = YOUNG

    def compare(self) -> Mismatch:
        """What is in the store but not in the log, and the other way round. Reads both from end to end."""
        log = self.session.log
        # In this order, so that whatever becomes known or goes meanwhile is seen by one of the reads after it did.
        store, place = self.session.store, f"{self.session.tenant_id}/"
        begun = store_time(store, self.session.database_clock)
        under_way, head = self._uploads.under_way(), log.recorder.head()
        there = dict(chain(store.objects(place), store.objects(landing_key(place))))
        inventory = Inventory(going=Purges(self.session.database, self.session.tenant_id).going())
        inventory.note(log.of_topics(TOPICS))
        inventory.note(log.with_documents())
        known, contents = inventory.known, inventory.contents.items()

        def is_gone(one: Expected) -> bool:
            return one.position <= head and one.key not in there

        def is_orphan(named: Named) -> bool:
            return named.content_id not in under_way and named.whole not in known

        return Mismatch(
            [key for key, stat in there.items() if stat.modified_at < begun - self.young and is_orphan(Named.of(key))],
            [place for place, one in contents if place not in inventory.going and is_gone(one)],
            [Damage(*place, one.size, there[one.key].size) for place, one in contents if _is_damaged(one, there)],
            [place for place, one in inventory.documents.items() if is_gone(one)],
        )

    def remove(self, orphans: Iterable[str]) -> int:
        """Remove objects that the log does not know, unless it has come to know them; returns how many.

        ClockApartError while this process's clock and the database's are apart.
        """
        removed = 0
        for key in orphans:
            if not self._is_known(Named.of(key)):
                self.session.store.delete(key)
                removed += 1
        return removed

    @property
    def _uploads(self) -> Uploads:
        return Uploads(self.session.database, self.session.tenant_id)

    def _is_known(self, named: "Named") -> bool:
        """Whether the log or an upload knows it, as neither can change while this looks at them."""
        with self.session.database.transaction(self.session.tenant_id):
            self.session.log.recorder.lock_head()
            self.session.database_clock.ask()
            if named.content_id is None or named.originator_id is None:
                return False
            return named.content_id in self._uploads.under_way() or named.whole in self._recorded(named.originator_id)

    def _recorded(self, originator_id: UUID) -> set[str]:
        """The keys of what the log says is in the store of an asset or a job."""
        inventory = Inventory()
        with suppress(AggregateNotFoundError):
            inventory.note(self.session.log.history(originator_id))
        return inventory.known


class Named(NamedTuple):
    """Whose object a key names, or that from which it is derived. The ids are None if it is not ours."""

    whole: str
    originator_id: UUID | None
    content_id: UUID | None

    @classmethod
    def of(cls, key: str) -> "Named":
        """The parts of a key."""
        above, _, last = key.rpartition("/")
        name = last.partition(".")[0]
        return cls(f"{above}/{name}", _id(above.rpartition("/")[2]), _id(name))


def _is_damaged(one: Expected, there: Mapping[str, Stat]) -> bool:
    return one.key in there and one.size not in (None, there[one.key].size)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
