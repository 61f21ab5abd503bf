"""The content of one tenant's assets that is in the store: finding it, and making pictures of it."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from api.application.assets import Assets
from api.application.content.tenant_content import TenantContent
from domain.asset.events import AssetContentStored
from domain.errors import ContentMissingError, ContentNotFoundError, ContentPurgedError
from infra.content.store import ContentStore, ObjectNotFoundError
from infra.media.decodable import DEMUXERS, HAVE_THUMBNAIL
from infra.media.thumbnails import CONTENT_TYPE, thumbnail, waveform
from projections.states import AssetState, StoredContent

WAVEFORM: Final = (800, 160)
"""Width and height in pixels."""
EMBEDDED: Final = "embedded.json"
NO_PICTURE: Final = timedelta(days=1)
"""For how long it is remembered that content has no picture. After that it is looked at again."""

Drawing = Callable[[Path, str], bytes | None]
"""Draws a picture of the file with content of a type; None if there is none."""


@dataclass(frozen=True)
class ContentObject:
    """An object of the store that is content, or is derived from it."""

    key: str
    content_type: str
    etag: str
    file_name: str
    at: datetime
    """When the asset last changed."""

    def derived(self, ending: str, content_type: str) -> "ContentObject":
        """An object that is derived from it, under the same names with an ending."""
        return replace(
            self,
            key=f"{self.key}.{ending}",
            content_type=content_type,
            etag=f"{self.etag}-{ending}",
            file_name=f"{self.file_name}.{ending}",
        )


@dataclass(frozen=True)
class StoredContents(TenantContent):
    """Finds content. Raises the domain's errors, and StoreUnavailableError."""

    def find(self, asset_id: UUID, version: int | None) -> ContentObject:
        """Content of a live asset, the newest unless a version is given, that is in the store."""
        state = Assets(self.session).live(asset_id)
        row, stored = state.row, {content.number: content for content in state.contents}
        number = version or max(stored, default=0)
        if number not in stored:
            raise ContentNotFoundError(
                f"The asset has no content version {number}." if version else "The asset's content is not stored here."
            )
        if number not in (content.number for content in state.asset.contents):
            raise ContentPurgedError
        content = self._content(state, stored[number])
        kind = content["content_type"] or "application/octet-stream"
        name = row.file_name or row.name or ""
        key = self.key(asset_id, stored[number].id)
        return ContentObject(key, kind, content["sha256"] or "", name, row.updated_at)

    def _content(self, state: AssetState, stored: StoredContent) -> Mapping[str, Any]:
        """What is recorded of a content version: the newest by the asset itself, an older one by its event."""
        newest = state.row.content
        if newest is not None and newest.get("version") == stored.number:
            return newest
        event = self.session.log.event(state.row.asset_id, stored.revision).event
        return vars(cast("AssetContentStored", event).content)

    def thumbnail(self, asset_id: UUID, size: int) -> ContentObject:
        """A small picture of the newest content, made when first asked for. ContentNotFoundError if there is none."""
        name = f"thumbnail-{size}"
        return self._picture(asset_id, HAVE_THUMBNAIL, name, lambda path, kind: thumbnail(path, kind, size))

    def embedded(self, asset_id: UUID) -> ContentObject:
        """What was found inside the newest content, where that is too large for an event. ContentNotFoundError."""
        document = self.find(asset_id, None).derived(EMBEDDED, "application/json")
        try:
            self.store.stat(document.key)
        except ObjectNotFoundError:
            raise ContentNotFoundError("All that was found inside is told with the asset.") from None
        return document

    def waveform(self, asset_id: UUID) -> ContentObject:
        """A picture of the newest content's sound, made when first asked for. ContentNotFoundError if it has none."""
        return self._picture(asset_id, DEMUXERS, "waveform", lambda path, _: waveform(path, *WAVEFORM))

    def _picture(self, asset_id: UUID, types: Collection[str], name: str, draw: Drawing) -> ContentObject:
        """The picture beside content of some types; an empty one says that there is none. ContentNotFoundError."""
        content = self.find(asset_id, None)
        picture = content.derived(f"{name}.webp", CONTENT_TYPE)
        size = self._known_size(picture) if content.content_type in types else 0
        if size is None:
            size = self._drawn(content, picture, draw)
        if size == 0:
            raise ContentNotFoundError("There is no picture of this content.")
        return picture

    def _known_size(self, picture: ContentObject) -> int | None:
        """The bytes of a picture that was drawn; None if it was not, or was found empty too long ago."""
        try:
            known = self.store.stat(picture.key)
        except ObjectNotFoundError:
            return None
        too_old = known.size == 0 and known.modified_at < self.session.database_clock.now() - NO_PICTURE
        return None if too_old else known.size

    def _drawn(self, content: ContentObject, picture: ContentObject, draw: Drawing) -> int:
        """Draw the picture, and return of how many bytes it is. ContentMissingError."""
        try:
            with self.store.local(content.key) as path:
                picture_bytes = draw(path, content.content_type) or b""
        except ObjectNotFoundError:
            raise ContentMissingError from None
        self.store.write(picture.key, [picture_bytes])
        try:
            size_of(self.store, content.key)
        except ContentMissingError:  # purged while the picture was drawn
            self.store.delete(picture.key)
            raise
        return len(picture_bytes)


def size_of(store: ContentStore, key: str) -> int:
    """The size of an object in bytes. ContentMissingError if it is gone."""
    try:
        return store.stat(key).size
    except ObjectNotFoundError:
        raise ContentMissingError from None
