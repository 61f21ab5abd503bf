"""Uploads that go to the store by signed URLs on behalf of one caller: verified and recorded when they are completed.

Bytes land at a key that a signed URL reaches, and are moved to one that none reaches. Whoever moves, removes or records
them locks the upload's row meanwhile, and verified bytes are recorded only if no others were moved since.
"""

from contextlib import suppress
from dataclasses import dataclass
from threading import BoundedSemaphore
from uuid import UUID

from uuid_utils.compat import uuid7

from api.application.assets import Assets
from api.application.content.intake import REFUSALS, Intake
from api.application.content.verified_stream import VerifiedStream
from domain.asset.events import Content
from domain.errors import ContentMismatchError, UploadNotFoundError
from infra.content.inspect_stream import exhaust, inspect_in_passing
from infra.content.store import ObjectNotFoundError, Part
from infra.content.upload_table import Upload, landing_key
from projections.assets.fold import AssetRow

_MOVES = BoundedSemaphore(4)
"""Each move holds a connection while the store joins or moves up to many gibibytes."""


@dataclass(frozen=True)
class DirectUploads(Intake):
    """Takes content in that goes to the store by signed URLs. Raises the domain's errors, and StoreUnavailableError."""

    def begin(self, asset_id: UUID, announced: Content, part_size: int | None) -> Upload:
        """Begin an upload; in parts if their size is given."""
        Assets(self.session).live(asset_id)
        self.rules.check(announced)
        content_id = uuid7()
        parts = self.store.begin(self.key(asset_id, content_id)) if part_size else None
        seconds = self.rules.upload_time.total_seconds()
        return self.uploads.begin(content_id, asset_id, announced, seconds, parts, part_size)

    def under_way(self, asset_id: UUID, upload_id: UUID) -> Upload:
        """An upload under way. UploadNotFoundError."""
        upload = self.uploads.find(asset_id, upload_id)
        if upload is None:
            raise UploadNotFoundError
        return upload

    def put_url(self, upload: Upload) -> str:
        """Where to PUT the bytes of an upload in one piece."""
        key = landing_key(self._key(upload))
        return self.store.sign_put(key, self.rules.url_time, size=upload.size, content_type=upload.content_type)

    def part_url(self, upload: Upload, number: int) -> str:
        """Where to PUT one part. UploadNotFoundError if the upload does not come in parts."""
        key, parts, time = self._key(upload), _in_parts(upload), self.rules.url_time
        return self.store.sign_part(key, parts, number, time, most=upload.part_size)

    def parts(self, upload: Upload) -> list[Part]:
        """The parts that have arrived. UploadNotFoundError if the upload has no parts, or none any more."""
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
            assets = Assets(self.session)
            state = assets.live(asset_id)
            if upload_id not in (content.id for content in state.contents):
                raise
            return assets.shown(state.row)

    def _confirm(self, upload: Upload, file_name: str | None, revision: int | None) -> AssetRow:
        key, move_count = self._key(upload), upload.move_count
        try:
            self._check_landed(upload)
            move_count = self._move(upload)
            verified = self.store.stat(key)
            with self.store.open(key) as chunks:
                stream = VerifiedStream(chunks, upload.announced, self.rules)
                inspection = inspect_in_passing(self.store, key, stream, exhaust, upload.content_type, file_name)
                arrived = self.verified(inspection, key, upload, stream)
        except ObjectNotFoundError:
            raise UploadNotFoundError("Nothing has arrived under the upload's URL yet.") from None
        except REFUSALS:
            self._refuse(upload, move_count)
            raise
        return self.record(upload.asset_id, arrived, revision, move_count, verified)

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
        self.rules.check_size(size)
        if upload.size not in (None, size):
            raise ContentMismatchError(f"{upload.size:,} bytes were announced, but {size:,} arrived.")

    def _move(self, upload: Upload) -> int:
        """Move the landed bytes, in one piece or in parts, to a key that no URL reaches; returns the number of moves.

        Bytes that landed after an earlier, unrecorded completion replace those it had moved. UploadNotFoundError.
        """
        moved = False

        def work() -> int:
            nonlocal moved
            self.session.database.allow_idle()
            move_count = self.uploads.lock(upload.content_id)
            if move_count is None:
                raise UploadNotFoundError
            moved = self._move_once(upload) or moved  # by an attempt that was not committed, too
            return self.uploads.count_move(upload.content_id) if moved else move_count

        with _MOVES:
            return self.session.in_transaction(work)

    def _move_once(self, upload: Upload) -> bool:
        key = self._key(upload)
        with suppress(ObjectNotFoundError):
            if upload.parts is None:
                self.store.move(landing_key(key), key)
                return True
            if arrived := self.store.parts(key, upload.parts):
                self.store.complete(key, upload.parts, arrived)
                return True
        return False

    def _refuse(self, upload: Upload, move_count: int) -> None:
        """Remove the refused bytes, unless others were moved since or the upload is over.

        Counts as a move: nobody who has verified the same bytes can record them any more.
        """

        def work() -> bool:
            self.session.database.allow_idle()
            if self.uploads.lock(upload.content_id) != move_count:
                return False
            if upload.parts is None:
                self.store.delete(self._key(upload))
                self.uploads.count_move(upload.content_id)
                return False
            return self.uploads.revoke(upload.content_id)

        if self.session.in_transaction(work):
            self.discard(upload)

    def _key(self, upload: Upload) -> str:
        return self.key(upload.asset_id, upload.content_id)


def _in_parts(upload: Upload) -> str:
    if upload.parts is None:
        raise UploadNotFoundError("The upload comes in one piece.")
    return upload.parts
