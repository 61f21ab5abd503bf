"""Uploads that go to the store by signed URLs on behalf of one caller: verified and recorded when they are completed.

Bytes land where a URL reaches, and are taken to where none does. Whoever takes, removes or records them holds the
upload's row meanwhile, and what was verified is recorded only if nothing else was taken since.
"""

from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore
from uuid import UUID

from uuid_utils.compat import uuid7

from api.arriving import Arriving
from api.contents import Contents
from domain.asset.events import Content
from domain.errors import (
    ContentMismatchError,
    ContentTooLargeError,
    ContentTypeRefusedError,
    UploadNotFoundError,
)
from infra.content.looking import exhaust
from infra.content.store import ContentStore, ObjectNotFoundError, Part
from infra.content.uploads import Upload, Uploads, landing_key
from projections.assets.fold import AssetRow

REFUSALS = (ContentMismatchError, ContentTooLargeError, ContentTypeRefusedError)
_TAKING = BoundedSemaphore(4)
"""Each holds a connection while the store joins or moves what may be many gibibytes."""


@dataclass(frozen=True)
class SignedUploads:
    """Raises the domain's errors, and StoreUnavailableError."""

    contents: Contents

    @property
    def store(self) -> ContentStore:
        return self.contents.store

    @property
    def uploads(self) -> Uploads:
        return self.contents.uploads

    def begin(self, asset_id: UUID, announced: Content, part_size: int | None) -> Upload:
        """Begin an upload; in parts if their size is given."""
        contents = self.contents
        contents.ledger.asset(asset_id)
        contents.rules.check(announced)
        content_id = uuid7()
        parts = self.store.begin(contents.key(asset_id, content_id)) if part_size else None
        seconds = contents.rules.upload_time.total_seconds()
        return self.uploads.begin(content_id, asset_id, announced, seconds, parts, part_size)

    def under_way(self, asset_id: UUID, upload_id: UUID) -> Upload:
        """An upload under way. UploadNotFoundError."""
        upload = self.uploads.find(asset_id, upload_id)
        if upload is None:
            raise UploadNotFoundError
        return upload

    def put_url(self, upload: Upload) -> str:
        """Where to PUT the bytes of an upload in one piece."""
        key, rules = landing_key(self._key(upload)), self.contents.rules
        return self.store.sign_put(key, rules.url_time, size=upload.size, content_type=upload.content_type)

    def part_url(self, upload: Upload, number: int) -> str:
        """Where to PUT one part. UploadNotFoundError if the upload does not come in parts."""
        key, parts, time = self._key(upload), _in_parts(upload), self.contents.rules.url_time
        return self.store.sign_part(key, parts, number, time, most=upload.part_size)

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that have arrived. UploadNotFoundError if the upload takes none, or none any more."""
        try:
            return self.store.parts(self._key(upload), _in_parts(upload))
        except ObjectNotFoundError:
            raise UploadNotFoundError("Its parts are joined already: complete it, or begin another upload.") from None

    def complete(self, asset_id: UUID, upload_id: UUID, file_name: str | None, revision: int | None) -> AssetRow:
        """Verify what has landed, and record it as the next content version; again, if that was done already.

        ContentMismatchError if it is not what was announced: then it is removed, and can be sent again; an upload in
        parts is over then, since its parts were joined. UploadNotFoundError if nothing has landed.
        """
        try:
            return self._confirm(self.under_way(asset_id, upload_id), file_name, revision)
        except UploadNotFoundError:
            state = self.contents.ledger.live_asset(asset_id)
            if upload_id not in (content.id for content in state.contents):
                raise
            return self.contents.ledger.shown(state.row)

    def abort(self, upload: Upload) -> None:
        """Forget an upload and what has arrived of it. UploadNotFoundError if it is over already."""
        self.contents.abort(upload)

    def _confirm(self, upload: Upload, file_name: str | None, revision: int | None) -> AssetRow:
        key, taken = self._key(upload), upload.taken
        try:
            self._check_landed(upload)
            taken = self._take(upload)
            verified = self.store.stat(key)
            with self.store.open(key) as chunks:
                arriving = Arriving(chunks, upload.announced, self.contents.rules)
                arrived = self.contents.looked_at(key, upload, arriving, exhaust, file_name)
        except ObjectNotFoundError:
            raise UploadNotFoundError("Nothing has arrived under the upload's URL yet.") from None
        except REFUSALS:
            self._refuse(upload, taken)
            raise
        return self.contents.record(upload.asset_id, arrived, revision, taken, verified)

    def _check_landed(self, upload: Upload) -> None:
        """Refuse what has landed for its size alone, before it is moved, joined or read."""
        key = self._key(upload)
        with suppress(ObjectNotFoundError):
            if upload.parts is not None:
                self._check_size(upload, sum(part.size for part in self.store.parts(key, upload.parts)))
                return
            try:
                self._check_size(upload, self.store.stat(landing_key(key)).size)
            except REFUSALS:
                self.store.delete(landing_key(key))
                raise

    def _check_size(self, upload: Upload, size: int) -> None:
        self.contents.rules.check_size(size)
        if upload.size not in (None, size):
            raise ContentMismatchError(f"{upload.size:,} bytes were announced, but {size:,} arrived.")

    def _take(self, upload: Upload) -> int:
        """Put what has landed, in one piece or in parts, where no URL reaches it; returns how often that was done.

        What came after an earlier completion that was not recorded takes the place of what that has taken.
        UploadNotFoundError.
        """
        moved, session = False, self.contents.ledger.session

        def work() -> int:
            nonlocal moved
            session.database.allow_idle()
            taken = self.uploads.lock(upload.content_id)
            if taken is None:
                raise UploadNotFoundError
            moved = self._moved(upload) or moved  # by an attempt that was not committed, too
            return self.uploads.take(upload.content_id) if moved else taken

        with _TAKING:
            return session.atomically(work)

    def _moved(self, upload: Upload) -> bool:
        key = self._key(upload)
        with suppress(ObjectNotFoundError):
            if upload.parts is None:
                self.store.move(landing_key(key), key)
                return True
            if arrived := self.store.parts(key, upload.parts):
                self.store.complete(key, upload.parts, arrived)
                return True
        return False

    def _refuse(self, upload: Upload, taken: int) -> None:
        """Remove what was refused, unless something else was taken since or the upload is over.

        Who has verified the same bytes cannot record them any more: that counts as another taking.
        """

        session = self.contents.ledger.session

        def work() -> bool:
            session.database.allow_idle()
            if self.uploads.lock(upload.content_id) != taken:
                return False
            if upload.parts is None:
                self.store.delete(self._key(upload))
                self.uploads.take(upload.content_id)
                return False
            return self.uploads.revoke(upload.content_id)

        if session.atomically(work):
            self.contents.discard(upload)

    def _key(self, upload: Upload) -> str:
        return self.contents.key(upload.asset_id, upload.content_id)


def _in_parts(upload: Upload) -> str:
    if upload.parts is None:
        raise UploadNotFoundError("The upload comes in one piece.")
    return upload.parts
