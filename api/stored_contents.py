"""The content of one tenant's assets that is in the store: finding it, and making pictures of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from api.ledger import Ledger
from domain.asset.events import AssetContentPurged, AssetContentStored
from domain.errors import ContentMissingError, ContentNotFoundError, ContentPurgedError
from domain.event import Recorded
from infra.content.store import ContentStore, ObjectNotFoundError
from infra.content.uploads import object_key
from infra.media.thumbnails import CONTENT_TYPE, thumbnail, waveform

WAVEFORM: Final = (800, 160)
"""Width and height in pixels."""
EMBEDDED: Final = "embedded.json"


@dataclass(frozen=True)
class Found:
    """Content that is in the store."""

    key: str
    version: int
    content_type: str
    etag: str
    file_name: str
    at: datetime
    """When the asset last changed."""

    def beside(self, ending: str, content_type: str) -> "Found":
        """What is derived from it, under the same names with an ending."""
        return replace(
            self,
            key=f"{self.key}.{ending}",
            content_type=content_type,
            etag=f"{self.etag}-{ending}",
            file_name=f"{self.file_name}.{ending}",
        )


@dataclass(frozen=True)
class StoredContents:
    """Finds content. Raises the domain's errors, and StoreUnavailableError."""

    ledger: Ledger

    @property
    def store(self) -> ContentStore:
        return self.ledger.session.store

    def find(self, asset_id: UUID, version: int | None) -> Found:
        """Content of a live asset, the newest unless a version is given, that is in the store."""
        row, history = self.ledger.asset_with_history(asset_id)
        stored, purged = _versions(history)
        number = version or max(stored, default=0)
        if number not in stored:
            raise ContentNotFoundError(
                f"The asset has no content version {number}." if version else "The asset's content is not stored here."
            )
        if number in purged:
            raise ContentPurgedError
        event = stored[number]
        kind = event.content.content_type or "application/octet-stream"
        name = row.file_name or row.name or ""
        return Found(
            object_key(self.ledger.tenant_id, asset_id, event.content_id),
            number,
            kind,
            event.content.sha256 or "",
            name,
            row.updated_at,
        )

    def thumbnail(self, asset_id: UUID, size: int) -> Found:
        """A small picture of the newest content, made when first asked for. ContentNotFoundError if there is none."""
        found = self.find(asset_id, None)
        return self._picture(found, f"thumbnail-{size}", lambda path: thumbnail(path, found.content_type, size))

    def embedded(self, asset_id: UUID) -> Found:
        """What was found inside the newest content, where that is too large for an event. ContentNotFoundError."""
        document = self.find(asset_id, None).beside(EMBEDDED, "application/json")
        try:
            self.store.stat(document.key)
        except ObjectNotFoundError:
            raise ContentNotFoundError("All that was found inside is told with the asset.") from None
        return document

    def waveform(self, asset_id: UUID) -> Found:
        """A picture of the newest content's sound, made when first asked for. ContentNotFoundError if it has none."""
        found = self.find(asset_id, None)
        return self._picture(found, "waveform", lambda path: waveform(path, *WAVEFORM))

    def _picture(self, found: Found, name: str, draw: Callable[[Path], bytes | None]) -> Found:
        picture = found.beside(f"{name}.webp", CONTENT_TYPE)
        try:
            self.store.stat(picture.key)
        except ObjectNotFoundError:
            try:
                with self.store.local(found.key) as path:
                    drawn = draw(path)
            except ObjectNotFoundError:
                raise ContentMissingError from None
            if drawn is None:
                raise ContentNotFoundError("There is no picture of this content.") from None
            self.store.write(picture.key, [drawn])
            self._check_there(found, picture)
        return picture

    def _check_there(self, found: Found, picture: Found) -> None:
        """Remove the picture again if its content was purged while it was drawn. ContentMissingError."""
        try:
            self.store.stat(found.key)
        except ObjectNotFoundError:
            self.store.delete(picture.key)
            raise ContentMissingError from None


def _versions(history: Iterable[Recorded]) -> tuple[dict[int, AssetContentStored], set[int]]:
    """The content versions that were stored, and the numbers of those that are purged."""
    stored: dict[int, AssetContentStored] = {}
    purged: set[int] = set()
    for recorded in history:
        match recorded.event:
            case AssetContentStored() as event:
                stored[event.content_version] = event
            case AssetContentPurged() as event:
                purged.update(event.content_versions)
    return stored, purged
