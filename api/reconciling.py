"""Compares the store with the log: objects that nobody knows, and what is recorded but gone."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.session import Session
from domain.asset.events import AssetContentPurged, AssetContentStored
from domain.documents import kept_for
from domain.event import Recorded
from infra.content.purges import Purges
from infra.content.uploads import LANDING, Uploads, object_key

YOUNG = timedelta(hours=1)
"""An object that nobody knows is left alone for so long: what is written right now may be recorded yet."""
TOPICS = (AssetContentStored.TOPIC, AssetContentPurged.TOPIC)


@dataclass(frozen=True)
class Mismatch:
    """What store and log disagree about."""

    orphans: list[str] = field(default_factory=list)
    """Keys of objects that the log does not know."""
    missing: list[tuple[UUID, int]] = field(default_factory=list)
    """Content versions, by asset, whose objects are gone."""
    missing_documents: list[tuple[UUID, UUID]] = field(default_factory=list)
    """Documents, by asset or job, whose objects are gone."""


class Expected(NamedTuple):
    """An object that should be there, as the log says: whose it is, since which position."""

    originator_id: UUID
    content_id: UUID
    position: int


@dataclass
class Inventory:
    """What should be in the store: content by asset and version, and documents by their ids."""

    contents: dict[tuple[UUID, int], Expected] = field(default_factory=dict)
    documents: dict[UUID, Expected] = field(default_factory=dict)

    def note(self, recorded: Iterable[Recorded]) -> None:
        """Take in what some events say, in the order of positions."""
        for event, position, _ in recorded:
            of = event.originator_id
            match event:
                case AssetContentStored():
                    self.contents[of, event.content_version] = Expected(of, event.content_id, position)
                case AssetContentPurged():
                    for number in event.content_versions:
                        self.contents.pop((of, number), None)
            self.documents.update((id_, Expected(of, id_, position)) for id_ in kept_for(event))

    def keys(self, tenant_id: UUID) -> set[str]:
        """The keys of all of it."""
        every = (*self.contents.values(), *self.documents.values())
        return {object_key(tenant_id, one.originator_id, one.content_id) for one in every}


@dataclass(frozen=True)
class Reconciling:
    """One tenant's store and log, compared. Raises StoreUnavailableError.

    What is in the log is read from the log itself, for a read model may be behind or be made anew just now.
    """

    session: Session

    def compare(self) -> Mismatch:
        """What is in the store but not in the log, and the other way round. Reads both from end to end."""
        log, tenant_id = self.session.log, self.session.tenant_id
        # In this order, so that whatever becomes known or goes meanwhile is seen by one of the reads after it did.
        under_way, begun, head = self._uploads.under_way(), self.session.clock(), log.recorder.head()
        there = dict(self.session.store.objects(f"{tenant_id}/"))
        going = self._purges.going()
        inventory = Inventory()
        inventory.note(log.of_topics(TOPICS))
        inventory.note(log.with_documents())
        known = inventory.keys(tenant_id)

        def is_gone(one: Expected) -> bool:
            return one.position <= head and object_key(tenant_id, one.originator_id, one.content_id) not in there

        return Mismatch(
            orphans=[
                key
                for key, stat in there.items()
                if (of := Named.of(key)).whole not in known or of.ending == LANDING
                if of.content_id not in under_way and stat.modified_at < begun - YOUNG
            ],
            missing=[place for place, one in inventory.contents.items() if place not in going and is_gone(one)],
            missing_documents=[(one.originator_id, id_) for id_, one in inventory.documents.items() if is_gone(one)],
        )

    def remove(self, orphans: Iterable[str]) -> int:
        """Remove objects that the log does not know, unless it has come to know them; returns how many."""
        removed = 0
        for key in orphans:
            if not self._is_known(Named.of(key)):
                self.session.store.delete(key)
                removed += 1
        return removed

    @property
    def _uploads(self) -> Uploads:
        return Uploads(self.session.database, self.session.tenant_id)

    @property
    def _purges(self) -> Purges:
        return Purges(self.session.database, self.session.tenant_id)

    def _is_known(self, named: "Named") -> bool:
        if named.content_id is None or named.originator_id is None:
            return False
        if self._uploads.find(named.originator_id, named.content_id):  # before the log, which it goes into
            return True
        inventory = Inventory()
        try:
            inventory.note(self.session.log.history(named.originator_id))
        except AggregateNotFoundError:
            return False
        return named.ending != LANDING and named.whole in inventory.keys(self.session.tenant_id)


class Named(NamedTuple):
    """Whose object a key names, or what it is derived from, as the ending says. The ids are None if it is not ours."""

    whole: str
    originator_id: UUID | None
    content_id: UUID | None
    ending: str

    @classmethod
    def of(cls, key: str) -> "Named":
        """The parts of a key."""
        above, _, last = key.rpartition("/")
        name, _, ending = last.partition(".")
        return cls(f"{above}/{name}", _id(above.rpartition("/")[2]), _id(name), ending)


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
