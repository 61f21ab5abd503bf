"""The asset aggregate: `decide` methods check the rules and return events; `evolve` folds them and never refuses."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, assert_never
from uuid import UUID

from domain import errors
from domain.asset.events import (
    DESCRIPTION_FIELDS,
    AssetContentPurged,
    AssetContentStored,
    AssetCreated,
    AssetDescribed,
    AssetEvent,
    AssetHeld,
    AssetHoldReleased,
    AssetLinked,
    AssetPurgeRequested,
    AssetRestored,
    AssetSoftDeleted,
    AssetUnlinked,
    PurgeBasis,
)
from domain.asset.inputs import NewContent, NewDescription
from domain.event import Context, Envelope
from domain.large_documents import check_sizes, same_document
from domain.media import Media, fit
from domain.reference import Reference, distinct

MOST_LINKS = 10_000
"""Whoever reads or changes an asset carries all of its links."""
MOST_HOLDS = 1_000


class ContentVersion(NamedTuple):
    """Bytes of the asset that are in the store: the version's number, and the id that names them there."""

    number: int
    id: UUID


@dataclass(frozen=True, slots=True)
class Asset:
    """What decisions about an asset need to know, at one revision."""

    tenant_id: UUID
    id: UUID
    version: int
    subject: str | None
    media: Media
    scope: Reference | None
    permanent: frozenset[Reference]
    links: frozenset[Reference]
    name: str | None
    description: str | None
    tags: tuple[str, ...]
    metadata: dict[str, Any] | None
    prompt_spec: dict[str, Any] | None
    deleted: bool = False
    """Whether the asset is hidden."""
    holds: frozenset[str] = frozenset()
    request_digest: str | None = None
    content_version: int = 0
    contents: tuple[ContentVersion, ...] = ()
    purging: frozenset[int] = frozenset()
    """The numbers of the content versions that are about to go: their bytes may be gone already."""

    def create_again(self, request_digest: str) -> tuple[AssetEvent, ...]:
        """Record the asset again under its key: nothing happens. OtherRequestError, KeyOfDeletedAssetError."""
        if request_digest != self.request_digest:
            raise errors.OtherRequestError
        if self.deleted:
            raise errors.KeyOfDeletedAssetError(
                f"The Idempotency-Key made asset {self.id}, which is deleted. Restore it, or use another key."
            )
        return ()

    def store_content(self, context: Context, new: NewContent) -> tuple[AssetEvent, ...]:
        """Take verified bytes as the next content version; nothing happens if these very ones were taken already."""
        if new.content_id in (version.id for version in self.contents):
            return ()
        self._must_be_live()
        media, problem = fit(self.media, new.media, new.content.content_type)
        stored = AssetContentStored(
            envelope=self._next(context),
            content_version=self.content_version + 1,
            content_id=new.content_id,
            content=new.content,
            media=media,
            problem=new.problem or problem,
            embedded=new.embedded,
        )
        return (stored,)

    def purgeable(self) -> tuple[ContentVersion, ...]:
        """The content versions that may be purged: all of a deleted asset. ContentHeldError, ContentInUseError."""
        if not self.contents:
            return ()
        self._must_not_be_held()
        if not self.deleted:
            raise errors.ContentInUseError
        return self.contents

    def superseded(self, numbers: Collection[int]) -> tuple[ContentVersion, ...]:
        """Those content versions that newer ones superseded: they may be purged of a live asset. ContentHeldError."""
        self._must_not_be_held()
        return tuple(v for v in self.contents if v.number in numbers and v.number < self.content_version)

    def request_purge(
        self, context: Context, versions: Collection[ContentVersion], basis: PurgeBasis
    ) -> tuple[AssetPurgeRequested, ...]:
        """Record that these versions, which may be purged, are to go; those that are about to already are left out."""
        numbers = tuple(version.number for version in versions if version.number not in self.purging)
        if not numbers:
            return ()
        return (AssetPurgeRequested(envelope=self._next(context), content_versions=numbers, basis=basis),)

    def about_to_go(self, numbers: Collection[int]) -> tuple[ContentVersion, ...]:
        """Those of the content versions whose bytes may be removed: their purge is on the record, and not over."""
        return tuple(v for v in self.contents if v.number in numbers and v.number in self.purging)

    def purge_content(self, context: Context, removed: Collection[int]) -> tuple[AssetEvent, ...]:
        """Record that the bytes of these versions, which were about to go, are gone; the others are left out."""
        numbers = tuple(version.number for version in self.about_to_go(removed))
        return (AssetContentPurged(envelope=self._next(context), content_versions=numbers),) if numbers else ()

    def describe(self, context: Context, new: NewDescription) -> tuple[AssetEvent, ...]:
        """Change the words about the asset; nothing happens if they are what they were. DocumentTooLargeError."""
        self._must_be_live()
        changed = tuple(
            field
            for field in DESCRIPTION_FIELDS
            if field in new.model_fields_set and not same_document(new.value_of(field), getattr(self, field))
        )
        if not changed:
            return ()
        check_sizes(new.metadata)
        values = {field: new.value_of(field) for field in changed}
        return (AssetDescribed(envelope=self._next(context), changed=changed, **values),)

    def link(self, context: Context, references: tuple[Reference, ...]) -> tuple[AssetEvent, ...]:
        """Link the asset to references; those it has already are left out. TooManyReferencesError."""
        self._must_be_live()
        new = tuple(r for r in distinct(references) if r not in self.links and r not in self.permanent)
        if len(self.links) + len(new) > MOST_LINKS:
            raise errors.TooManyReferencesError
        return (AssetLinked(envelope=self._next(context), references=new),) if new else ()

    def unlink(self, context: Context, references: tuple[Reference, ...]) -> tuple[AssetEvent, ...]:
        """Take links away; those it does not have are left out. OriginIsPermanentError for origin and scope."""
        self._must_be_live()
        if permanent := [str(r) for r in references if r in self.permanent]:
            raise errors.OriginIsPermanentError(
                f"{', '.join(permanent)}: says what made the asset, or what it belongs to, and cannot be unlinked."
            )
        linked = tuple(r for r in distinct(references) if r in self.links)
        return (AssetUnlinked(envelope=self._next(context), references=linked),) if linked else ()

    def soft_delete(self, context: Context) -> tuple[AssetEvent, ...]:
        """Hide the asset; nothing happens if it is hidden already."""
        return () if self.deleted else (AssetSoftDeleted(envelope=self._next(context)),)

    def restore(self, context: Context) -> tuple[AssetEvent, ...]:
        """Bring the asset back; nothing happens if it was not hidden. ContentBeingPurgedError."""
        if not self.deleted:
            return ()
        self._must_not_be_purged()
        return (AssetRestored(envelope=self._next(context)),)

    def put_hold(self, context: Context, hold: str) -> tuple[AssetEvent, ...]:
        """Put a legal hold on the asset, unless it is there already. ContentBeingPurgedError, TooManyHoldsError."""
        self._must_not_be_purged()
        if hold in self.holds:
            return ()
        if len(self.holds) >= MOST_HOLDS:
            raise errors.TooManyHoldsError
        return (AssetHeld(envelope=self._next(context), hold=hold),)

    def release_hold(self, context: Context, hold: str) -> tuple[AssetEvent, ...]:
        """Lift a legal hold; HoldNotFoundError if there is none of this name."""
        if hold not in self.holds:
            raise errors.HoldNotFoundError(f"The asset is under no hold {hold!r}.")
        return (AssetHoldReleased(envelope=self._next(context), hold=hold),)

    def _must_be_live(self) -> None:
        if self.deleted:
            raise errors.AssetDeletedError

    def _must_not_be_held(self) -> None:
        if self.holds:
            raise errors.ContentHeldError(f"The asset is under a legal hold: {', '.join(sorted(self.holds))}.")

    def _must_not_be_purged(self) -> None:
        if self.purging:
            raise errors.ContentBeingPurgedError

    def _next(self, context: Context) -> Envelope:
        return Envelope.of(context, self.tenant_id, self.id, self.version + 1, self.subject)


def created(event: AssetCreated) -> Asset:
    """The asset right after it was recorded."""
    permanent = {*event.origin, *([event.scope] if event.scope else [])}
    return Asset(
        tenant_id=event.envelope.tenant_id,
        id=event.originator_id,
        version=1,
        subject=event.envelope.subject,
        media=event.media,
        scope=event.scope,
        permanent=frozenset(permanent),
        links=frozenset(event.references),
        name=event.name,
        description=event.description,
        tags=event.tags,
        metadata=event.metadata,
        prompt_spec=event.prompt_spec,
        request_digest=event.request_digest,
    )


def evolve(asset: Asset, event: AssetEvent) -> Asset:  # noqa: C901 - a case for each event
    """The asset after the event."""
    asset = replace(asset, version=event.originator_version)
    match event:
        case AssetCreated():
            return created(event)
        case AssetContentStored():
            version = ContentVersion(event.content_version, event.content_id)
            contents = (*asset.contents, version)
            return replace(asset, media=event.media, content_version=version.number, contents=contents)
        case AssetPurgeRequested():
            return replace(asset, purging=asset.purging.union(event.content_versions))
        case AssetContentPurged():
            remaining = tuple(version for version in asset.contents if version.number not in event.content_versions)
            return replace(asset, contents=remaining, purging=asset.purging.difference(event.content_versions))
        case AssetDescribed():
            return replace(asset, **{field: getattr(event, field) for field in event.changed})
        case AssetLinked():
            return replace(asset, links=asset.links.union(event.references))
        case AssetUnlinked():
            return replace(asset, links=asset.links.difference(event.references))
        case AssetSoftDeleted():
            return replace(asset, deleted=True)
        case AssetRestored():
            return replace(asset, deleted=False)
        case AssetHeld():
            return replace(asset, holds=asset.holds | {event.hold})
        case AssetHoldReleased():
            return replace(asset, holds=asset.holds - {event.hold})
        case _:
            assert_never(event)


def project(asset: Asset | None, events: Iterable[AssetEvent]) -> Asset | None:
    """Fold events onto an asset, from nothing if there is none yet: the library's projector function."""
    for event in events:
        if isinstance(event, AssetCreated):
            asset = created(event)
        elif asset is not None:
            asset = evolve(asset, event)
    return asset
