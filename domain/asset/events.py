"""Everything that can happen to an asset."""

from typing import Annotated, Final, Literal, get_args
from uuid import UUID

from pydantic import BeforeValidator, Field

from domain.event import Event, SourceIds, StoredDocuments
from domain.json_documents import JsonObject, integral
from domain.media import Media
from domain.model import Frozen, Personal
from domain.provenance import Imported
from domain.reference import Reference
from domain.text import Text

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
PurgeBasis = Literal["asked", "retention", "superseded"]
DescriptionField = Literal["name", "description", "tags", "metadata"]
DESCRIPTION_FIELDS: Final[tuple[DescriptionField, ...]] = get_args(DescriptionField)
AssetStatus = Literal["pending", "ready", "failed", "deleted"]


class Content(Frozen):
    """The description of an asset's bytes: media type (RFC 6838), size in bytes, SHA-256 in lower-case hex."""

    content_type: Annotated[Text, Field(max_length=255)] | None = None
    size: Annotated[int, Field(strict=True, ge=0, lt=2**53), BeforeValidator(integral)] | None = None
    sha256: Sha256 | None = None


class AssetCreated(Event, topic="asset.created"):
    """An asset was recorded, with its media, its origin and its scope."""

    media: Media
    status: Literal["pending", "ready"]
    content: Content | None = None
    scope: Reference | None = None
    origin: tuple[Reference, ...] = ()
    references: tuple[Reference, ...] = ()
    request_digest: str | None = None
    name: Personal[str | None] = None
    file_name: Personal[str | None] = None
    description: Personal[str | None] = None
    tags: Personal[tuple[str, ...]] = ()
    metadata: Personal[JsonObject | None] = None
    prompt_spec: Personal[JsonObject | None] = None
    source_url: Personal[str | None] = None
    imported: Personal[Imported | None] = None
    documents: StoredDocuments = None
    sources: SourceIds = None


class AssetContentStored(Event, topic="asset.content_stored"):
    """Content of the asset was verified and stored, as its next content version."""

    content_version: int
    content_id: UUID
    content: Content
    media: Media
    problem: str | None = None
    embedded: Personal[JsonObject | None] = None


class AssetPurgeRequested(Event, topic="asset.purge_requested"):
    """A purge of the asset's content was decided, on request or because its retention time is over."""

    content_versions: tuple[int, ...]
    basis: PurgeBasis


class AssetContentPurged(Event, topic="asset.content_purged"):
    """Content of the asset was removed from the store for good. Its record stays."""

    content_versions: tuple[int, ...]


class AssetDescribed(Event, topic="asset.described"):
    """The name, description, tags or metadata of an asset changed. `changed` names the new values, null included."""

    changed: tuple[DescriptionField, ...]
    name: Personal[str | None] = None
    description: Personal[str | None] = None
    tags: Personal[tuple[str, ...]] = ()
    metadata: Personal[JsonObject | None] = None
    documents: StoredDocuments = None


class AssetLinked(Event, topic="asset.linked"):
    """An asset was linked to references, often to the message it appeared in."""

    references: tuple[Reference, ...]


class AssetUnlinked(Event, topic="asset.unlinked"):
    """Links of an asset were removed. The history keeps them."""

    references: tuple[Reference, ...]


class AssetSoftDeleted(Event, topic="asset.soft_deleted"):
    """An asset was hidden. Nothing is lost; it can be restored."""


class AssetRestored(Event, topic="asset.restored"):
    """A deleted asset was restored."""


class AssetHeld(Event, topic="asset.held"):
    """A legal hold was put on an asset: its content may be neither purged nor erased."""

    hold: str


class AssetHoldReleased(Event, topic="asset.hold_released"):
    """A legal hold on an asset was released."""

    hold: str


AssetContentChange = AssetContentStored | AssetPurgeRequested | AssetContentPurged
AssetReferenceChange = AssetLinked | AssetUnlinked
AssetStateChange = AssetDescribed | AssetSoftDeleted | AssetRestored | AssetHeld | AssetHoldReleased
AssetChange = AssetContentChange | AssetReferenceChange | AssetStateChange
AssetEvent = AssetCreated | AssetChange
