"""Multipart uploads to S3. The client keeps the methods for them to itself, so they are named here alone."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from minio import Minio, datatypes

from infra.content.store import Part, StoreUnavailableError


class Multipart:
    """Requests about the objects of one bucket. Raises what the client raises."""

    def __init__(self, client: Minio, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, name: str, data: bytes) -> None:
        """Store an object in one request."""
        self._client._put_object(self._bucket, name, data)  # noqa: SLF001

    def begin(self, name: str) -> str:
        """Begin an upload; returns its id."""
        return self._client._create_multipart_upload(self._bucket, name, {})  # noqa: SLF001

    def write_part(self, name: str, upload: str, number: int, data: bytes) -> Part:
        """Store a part."""
        etag = self._client._upload_part(self._bucket, name, data, None, upload, number)  # noqa: SLF001
        return Part(number, len(data), etag)

    def parts(self, name: str, upload: str) -> Iterator[Part]:
        """The parts that have arrived, page after page."""
        after: str | None = None
        while True:
            page = self._client._list_parts(self._bucket, name, upload, part_number_marker=after)  # noqa: SLF001
            yield from (Part(part.part_number, part.size or 0, part.etag) for part in page.parts)
            after = page.next_part_number_marker
            if not page.is_truncated:
                return

    def begun_before(self, time: datetime, prefix: str) -> Iterator[tuple[str, str]]:
        """The name and the id of each upload that was begun before the time and is not over.

        Of many with one name some may be missing, since the client loses where a page ended among them.
        """
        after: str | None = None
        while True:
            page = self._client._list_multipart_uploads(self._bucket, prefix=prefix, key_marker=after)  # noqa: SLF001
            for upload in page.uploads:
                if upload.upload_id and upload.initiated_time and upload.initiated_time < time:
                    yield upload.object_name, upload.upload_id
            after = page.next_key_marker
            if not page.is_truncated or not after:
                return

    def complete(self, name: str, upload: str, parts: Sequence[Part]) -> None:
        """Join the parts. StoreUnavailableError if the server began to and failed."""
        numbered = [datatypes.Part(part.number, part.etag) for part in parts]
        result = self._client._complete_multipart_upload(self._bucket, name, upload, numbered)  # noqa: SLF001
        if result.bucket_name is None:  # joining takes long, so a server may say 200 before it fails
            raise StoreUnavailableError("The content store could not join the parts.")

    def abort(self, name: str, upload: str) -> None:
        """Forget the upload."""
        self._client._abort_multipart_upload(self._bucket, name, upload)  # noqa: SLF001
