"""Takes the content of one tenant's assets in on behalf of one caller: into the store, verified, and recorded."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.content.lookup import EMBEDDED
from api.application.content.tenant_content import TenantContent
from api.application.content.verified_stream import VerifiedStream
from domain import errors
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent
from domain.identity import derived_id
from domain.json_documents import JsonObject
from domain.media import Media, media_type
from infra.content.content_rules import ContentRules
from infra.content.fetching import fetch
from infra.content.inspect_stream import inspect_in_passing
from infra.content.store import ObjectNotFoundError, Stat
from infra.content.upload_table import Upload, discard
from infra.media.file_metadata import Inspection
from projections.assets.fold import AssetRow

MOST_EMBEDDED = 24 * 1024
"""Bytes of JSON found inside content that an event carries; beyond, they are kept in the store."""
SMALL = 512
REPLACED = "Other bytes came while these were verified. Complete the upload again."
REFUSALS = (errors.ContentMismatchError, errors.ContentTooLargeError, errors.ContentTypeRefusedError)


@dataclass(frozen=True)
class Intake(TenantContent):
    """Takes content in. Raises the domain's errors, and StoreUnavailableError."""

    rules: ContentRules

    def create(
        self,
        new: NewAsset | None,
        chunks: Iterable[bytes],
        announced: Content,
        file_name: str | None,
        key: str | None,
        source_url: str | None = None,
    ) -> tuple[AssetRow, bool]:
        """Record a new asset together with its content; returns it, and whether this call recorded it.

        What the asset is follows from the bytes, if the caller does not say. Under a key it is recorded once.
        """
        identity = self.session.identity
        asset_id = derived_id("asset", "key", identity.digest("key", key)) if key else uuid7()
        with self._arrived(asset_id, chunks, announced, file_name) as (upload, arrived):
            asset = to_record(new, arrived.media, file_name, source_url)
            identifying = {**asset.identity(), "sha256": arrived.content.sha256}
            digest = identity.digest("request", identifying) if key else None
            row, created = AssetCreation(self.session).create_with_content(
                asset_id, asset, arrived, digest, lambda: self._end(arrived.content_id)
            )
            if not created:
                self.give_up(upload)
            return row, created

    def fetch(self, url: str, new: NewAsset | None, seconds: float) -> AssetRow:
        """Record an asset with what lies behind a URL. UrlRefusedError, FetchFailedError."""
        rules = self.rules
        with fetch(url, limit=rules.most, seconds=seconds, allowed=rules.may_fetch_from) as fetched:
            announced = Content(content_type=media_type(fetched.content_type), size=fetched.size)
            row, _ = self.create(new, fetched.chunks, announced, fetched.file_name, None, source_url=url)
            return row

    def upload(
        self, asset_id: UUID, chunks: Iterable[bytes], announced: Content, file_name: str | None, revision: int | None
    ) -> AssetRow:
        """Take bytes as the next content version of an asset."""
        Assets(self.session).live(asset_id)
        with self._arrived(asset_id, chunks, announced, file_name) as (_, arrived):
            return self.record(asset_id, arrived, revision)

    def abort(self, upload: Upload) -> None:
        """Forget an upload and what has arrived of it. UploadNotFoundError if it is over, and perhaps recorded.

        What cannot be removed now is left to the sweep.
        """
        database = self.session.database

        def work() -> None:
            if self.uploads.lock(upload.content_id) is None:
                raise errors.UploadNotFoundError
            self.uploads.revoke(upload.content_id)
            database.proven_by(lambda: self.uploads.lock(upload.content_id) is None)

        database.in_transaction(self.session.tenant_id, work)
        self.discard(upload)

    def discard(self, upload: Upload) -> None:
        """Remove what has arrived of a revoked upload; what cannot be removed now is left to the sweep."""
        with suppress(errors.ServiceUnavailableError):
            discard(self.store, self.session.tenant_id, upload)
            self.uploads.forget(upload.content_id)

    @contextmanager
    def _arrived(
        self, asset_id: UUID, chunks: Iterable[bytes], announced: Content, file_name: str | None
    ) -> Iterator[tuple[Upload, NewContent]]:
        """Bytes that are in the store and verified; they are removed again if the block does not record them.

        Where it is not known whether they were recorded, it is left to the sweep to find out.
        """
        self.rules.check(announced)
        seconds = self.rules.upload_time.total_seconds()
        upload = self.uploads.begin(uuid7(), asset_id, announced, seconds)
        key, stream = self.key(upload.asset_id, upload.content_id), VerifiedStream(chunks, announced, self.rules)
        try:
            write = partial(self.store.write, key)
            inspection = inspect_in_passing(self.store, key, stream, write, upload.content_type, file_name)
            yield upload, self.verified(inspection, key, upload, stream)
        except errors.ServiceUnavailableError:
            raise
        except BaseException:
            self.give_up(upload)
            raise

    def give_up(self, upload: Upload) -> None:
        """Abort the upload; where that cannot be done now, it is left to the sweep."""
        with suppress(errors.ServiceUnavailableError, errors.UploadNotFoundError):
            self.abort(upload)

    def verified(self, inspection: Inspection, key: str, upload: Upload, stream: VerifiedStream) -> NewContent:
        """What is known of inspected content once the stream has passed. ContentTypeRefusedError."""
        content = Content(content_type=inspection.content_type, size=stream.size, sha256=stream.sha256)
        self.rules.check(content)
        return NewContent(
            content_id=upload.content_id,
            content=content,
            media=inspection.media,
            problem=inspection.problem,
            embedded=self._event_document(key, inspection.embedded),
        )

    def _event_document(self, key: str, embedded: JsonObject) -> JsonObject | None:
        """What was found inside, as an event can carry it: whole, or its digest where it is kept in the store."""
        document = orjson.dumps(embedded)
        if len(document) <= MOST_EMBEDDED:
            return embedded or None
        self.store.write(f"{key}.{EMBEDDED}", [document])
        small = {name: value for name, value in embedded.items() if len(orjson.dumps(value)) <= SMALL}
        return {**small, "document": {"sha256": hashlib.sha256(document).hexdigest(), "size": len(document)}}

    def record(
        self,
        asset_id: UUID,
        arrived: NewContent,
        revision: int | None,
        move_count: int = 0,
        verified: Stat | None = None,
    ) -> AssetRow:
        """Record the content as the asset's next version, and end its upload, in one transaction.

        `move_count` is how often bytes had been moved for the upload when they were verified, and `verified` the object
        they were in. ContentMismatchError if others were moved since, UploadNotFoundError if the upload has
        expired, or somebody refused and removed the bytes.
        """

        assets = Assets(self.session)

        def work() -> AssetRow:
            self._end(arrived.content_id, move_count)
            if verified:  # who removed or replaced it may have died before that was noted
                self._must_still_be(verified, self.key(asset_id, arrived.content_id))
            return assets.change(asset_id, lambda asset, context: asset.store_content(context, arrived), None, revision)

        return assets.shown(self.session.in_transaction(work))

    def _must_still_be(self, verified: Stat, key: str) -> None:
        """UploadNotFoundError if the object is gone, ContentMismatchError if another is in its place."""
        try:
            if self.store.stat(key) == verified:
                return
        except ObjectNotFoundError:
            raise errors.UploadNotFoundError from None
        raise errors.ContentMismatchError(REPLACED)

    def _end(self, content_id: UUID, expected_moves: int | None = None) -> None:
        """Note that an upload is over. ContentMismatchError if bytes were moved for it more often than expected."""
        move_count = self.uploads.lock(content_id)
        if move_count is None:
            raise errors.UploadNotFoundError
        if expected_moves not in (None, move_count):
            raise errors.ContentMismatchError(REPLACED)
        self.uploads.end(content_id)


def to_record(new: NewAsset | None, media: Media, file_name: str | None, source_url: str | None) -> NewAsset:
    """What to record: what the caller says, or what the bytes are."""
    asset = new or NewAsset(media=media, name=file_name)
    origin = {"file_name": asset.file_name or file_name, "source_url": asset.source_url or source_url}
    return asset.model_copy(update={"status": "pending", "content": None, **origin})
