"""The content of one tenant's assets on behalf of one caller: taking it in, finding it, purging it."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import orjson
import uuid6

from api.arriving import Arriving
from api.bodies import said_type
from api.ledger import Ledger
from api.stored_contents import EMBEDDED, StoredContents
from domain.asset.events import Content
from domain.asset.inputs import NewAsset, NewContent
from domain.errors import (
    ContentMismatchError,
    ContentTooLargeError,
    ContentTypeRefusedError,
    ServiceUnavailableError,
    UploadNotFoundError,
)
from domain.identity import derived_id
from domain.media import Media
from domain.values import JsonObject
from infra.content.fetching import fetch
from infra.content.rules import ContentRules
from infra.content.store import ContentStore, ObjectNotFoundError, Part
from infra.content.uploads import Upload, Uploads, discard, landing_key, object_key
from infra.media.inspecting import inspect
from projections.assets.fold import AssetRow

MOST_EMBEDDED = 24 * 1024
"""Bytes of JSON found inside content that an event carries; beyond, they are kept in the store."""
SMALL = 512
REFUSALS = (ContentMismatchError, ContentTooLargeError, ContentTypeRefusedError)


@dataclass(frozen=True)
class Contents:
    """Takes in and finds content. Raises the domain's errors, and StoreUnavailableError."""

    ledger: Ledger
    rules: ContentRules

    @property
    def store(self) -> ContentStore:
        return self.ledger.session.store

    @property
    def stored(self) -> StoredContents:
        """What is in the store already."""
        return StoredContents(self.ledger)

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.ledger.session.database, self.ledger.tenant_id)

    def create(
        self,
        new: NewAsset | None,
        chunks: Iterable[bytes],
        announced: Content,
        file_name: str | None,
        key: str | None,
        source_url: str | None = None,
    ) -> tuple[AssetRow, bool]:
        """Record a new asset together with its content; returns it, and whether that made it new.

        What the asset is follows from the bytes, if the caller does not say. Under a key it is recorded once.
        """
        identity = self.ledger.session.identity
        asset_id = derived_id("asset", "key", identity.digest("key", key)) if key else uuid6.uuid7()
        with self._arrived(asset_id, chunks, announced, file_name) as (upload, arrived):
            wanted = to_record(new, arrived.media, file_name, source_url)
            said = {**wanted.identity(), "sha256": arrived.content.sha256}
            digest = identity.digest("request", said) if key else None
            row, made = self.ledger.create_with_content(
                asset_id, wanted, arrived, digest, lambda: self._end(arrived.content_id)
            )
            if not made:
                self.abort(upload)
            return row, made

    def fetch(self, url: str, new: NewAsset | None, seconds: float) -> AssetRow:
        """Record an asset with what lies behind a URL. UrlRefusedError, FetchFailedError."""
        rules = self.rules
        with fetch(url, limit=rules.most, seconds=seconds, allowed=rules.may_fetch_from) as fetched:
            announced = Content(content_type=said_type(fetched.content_type), size=fetched.size)
            row, _ = self.create(new, fetched.chunks, announced, fetched.file_name, None, source_url=url)
            return row

    def upload(
        self, asset_id: UUID, chunks: Iterable[bytes], announced: Content, file_name: str | None, revision: int | None
    ) -> AssetRow:
        """Take bytes as the next content version of an asset."""
        self.ledger.asset(asset_id)
        with self._arrived(asset_id, chunks, announced, file_name) as (_, arrived):
            return self._record(asset_id, arrived, revision)

    def begin(self, asset_id: UUID, announced: Content, part_size: int | None) -> Upload:
        """Begin an upload that goes to the store by signed URLs; in parts if their size is given."""
        self.ledger.asset(asset_id)
        self.rules.check(announced)
        content_id = uuid6.uuid7()
        parts = self.store.begin(self._key(asset_id, content_id)) if part_size else None
        seconds = self.rules.upload_time.total_seconds()
        return self.uploads.begin(content_id, asset_id, announced, seconds, parts, part_size)

    def upload_under_way(self, asset_id: UUID, upload_id: UUID) -> Upload:
        """An upload under way. UploadNotFoundError."""
        upload = self.uploads.find(asset_id, upload_id)
        if upload is None:
            raise UploadNotFoundError
        return upload

    def put_url(self, upload: Upload) -> str:
        """Where to PUT the bytes of an upload in one piece."""
        return self.store.sign_put(
            landing_key(self._key_of(upload)), self.rules.url_time, size=upload.size, content_type=upload.content_type
        )

    def part_url(self, upload: Upload, number: int) -> str:
        """Where to PUT one part. UploadNotFoundError if the upload does not come in parts."""
        return self.store.sign_part(self._key_of(upload), _in_parts(upload), number, self.rules.url_time)

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that have arrived. UploadNotFoundError if the upload takes none, or none any more."""
        try:
            return self.store.parts(self._key_of(upload), _in_parts(upload))
        except ObjectNotFoundError:
            raise UploadNotFoundError("Its parts are joined already: complete it, or begin another upload.") from None

    def confirm(self, upload: Upload, file_name: str | None, revision: int | None) -> AssetRow:
        """Verify what has landed, and record it as the next content version.

        ContentMismatchError if it is not what was announced: then it is removed, and can be sent again; an upload in
        parts is over then, since its parts were joined. UploadNotFoundError if nothing has landed.
        """
        key = self._key_of(upload)
        self._take(upload)
        try:
            with self.store.open(key) as chunks:
                arriving = Arriving(chunks, upload.announced, self.rules)
                for _ in arriving:
                    pass
            arrived = self._inspected(key, upload, arriving, file_name)
        except ObjectNotFoundError:
            raise UploadNotFoundError("Nothing has arrived under the upload's URL yet.") from None
        except REFUSALS:
            if upload.parts is None:
                self.store.delete(key)
            else:
                self.abort(upload)
            raise
        return self._record(upload.asset_id, arrived, revision)

    def abort(self, upload: Upload) -> None:
        """Forget an upload and what has arrived of it."""
        discard(self.store, self.ledger.tenant_id, upload)
        self._end(upload.content_id)

    def _take(self, upload: Upload) -> None:
        """Put what has landed, in one piece or in parts, where no URL reaches it; unless that was done before.

        One caller at a time, so that nothing takes the place of what another is verifying. UploadNotFoundError.
        """
        key, session = self._key_of(upload), self.ledger.session
        with session.database.transaction(session.tenant_id), suppress(ObjectNotFoundError):
            if not self.uploads.lock(upload.content_id):
                raise UploadNotFoundError
            if upload.parts is not None:
                if arrived := self.store.parts(key, upload.parts):
                    self.store.complete(key, upload.parts, arrived)
            elif self._is_there(key):
                self.store.delete(landing_key(key))  # what a move left there that was cut short
            else:
                self.store.move(landing_key(key), key)

    def _is_there(self, key: str) -> bool:
        try:
            self.store.stat(key)
        except ObjectNotFoundError:
            return False
        return True

    @contextmanager
    def _arrived(
        self, asset_id: UUID, chunks: Iterable[bytes], announced: Content, file_name: str | None
    ) -> Iterator[tuple[Upload, NewContent]]:
        """Bytes that are in the store and verified; they are removed again if the block does not record them.

        Where it is not known whether they were recorded, it is left to the sweep to find out.
        """
        self.rules.check(announced)
        seconds = self.rules.upload_time.total_seconds()
        upload = self.uploads.begin(uuid6.uuid7(), asset_id, announced, seconds)
        key, arriving = self._key_of(upload), Arriving(chunks, announced, self.rules)
        try:
            self.store.write(key, arriving)
            yield upload, self._inspected(key, upload, arriving, file_name)
        except ServiceUnavailableError:
            raise
        except BaseException:
            with suppress(ServiceUnavailableError, UploadNotFoundError):
                self.abort(upload)
            raise

    def _inspected(self, key: str, upload: Upload, arriving: Arriving, file_name: str | None) -> NewContent:
        with self.store.local(key) as path:
            return self.inspected(path, key, upload, arriving, file_name)

    def inspected(self, path: Path, key: str, upload: Upload, arriving: Arriving, file_name: str | None) -> NewContent:
        """What is known of content that has arrived, by a local file of the same bytes. ContentTypeRefusedError."""
        found = inspect(path, upload.content_type, file_name)
        content = Content(content_type=found.content_type, size=arriving.size, sha256=arriving.sha256)
        self.rules.check(content)
        return NewContent(
            content_id=upload.content_id,
            content=content,
            media=found.media,
            problem=found.problem,
            embedded=self._told(key, found.embedded),
        )

    def _told(self, key: str, embedded: JsonObject) -> JsonObject | None:
        """What was found inside, as an event can carry it: whole, or its digest where it is kept in the store."""
        document = orjson.dumps(embedded)
        if len(document) <= MOST_EMBEDDED:
            return embedded or None
        self.store.write(f"{key}.{EMBEDDED}", [document])
        small = {name: value for name, value in embedded.items() if len(orjson.dumps(value)) <= SMALL}
        return {**small, "document": {"sha256": hashlib.sha256(document).hexdigest(), "size": len(document)}}

    def _record(self, asset_id: UUID, arrived: NewContent, revision: int | None) -> AssetRow:
        """Record the content and end its upload in one transaction. UploadNotFoundError if it has expired meanwhile."""

        def work() -> AssetRow:
            self._end(arrived.content_id)
            return self.ledger.change_asset(
                asset_id, lambda asset, context: asset.store_content(context, arrived), None, revision
            )

        return self.ledger.shown(self.ledger.session.atomically(work))

    def _end(self, content_id: UUID) -> None:
        """Note that an upload is over. UploadNotFoundError if it has expired and was swept meanwhile."""
        if not self.uploads.end(content_id):
            raise UploadNotFoundError

    def _key_of(self, upload: Upload) -> str:
        return self._key(upload.asset_id, upload.content_id)

    def _key(self, asset_id: UUID, content_id: UUID) -> str:
        return object_key(self.ledger.tenant_id, asset_id, content_id)


def _in_parts(upload: Upload) -> str:
    if upload.parts is None:
        raise UploadNotFoundError("The upload comes in one piece.")
    return upload.parts


def to_record(new: NewAsset | None, media: Media, file_name: str | None, source_url: str | None) -> NewAsset:
    """What to record: what the caller says, or what the bytes are."""
    wanted = new or NewAsset(media=media, name=file_name)
    given = {"file_name": wanted.file_name or file_name, "source_url": wanted.source_url or source_url}
    return wanted.model_copy(update={"status": "pending", "content": None, **given})
