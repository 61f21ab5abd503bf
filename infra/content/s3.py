"""A content store in a bucket of any server that speaks S3."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import chain
from pathlib import Path
from typing import cast

import structlog
from minio import Minio
from minio import datatypes as s3
from minio.commonconfig import ComposeSource
from minio.error import MinioException
from minio.helpers import check_bucket_name
from urllib3 import BaseHTTPResponse

from infra.content.durable_files import answering as on_disk
from infra.content.durable_files import temporary_file
from infra.content.object_keys import checked_key, is_under_id, listed_key
from infra.content.s3_client import UNSUPPORTED, answering, code_of
from infra.content.s3_multipart import Multipart
from infra.content.store import ContentStore, ObjectNotFoundError, Part, Stat, StoreUnavailableError, check_parts

_LOG = structlog.get_logger()

PART_BYTES = 16 << 20
"""The size of the parts in which objects are written. A server takes 10,000 of them, so 156 GiB."""

Query = dict[str, str | list[str] | tuple[str]]
_READ_BYTES = 1 << 20

_LOCAL_CLOCK = partial(datetime.now, UTC)
_MULTIPART_UNLISTED = {*UNSUPPORTED, "AccessDenied"}
_REMEDIES = {
    "NoSuchBucket": "Create it, or name another bucket.",
    "InvalidAccessKeyId": "The server does not know the access key.",
    "SignatureDoesNotMatch": "The secret key does not belong to the access key.",
    "AccessDenied": "The access key may not list the bucket.",
    "AuthorizationHeaderMalformed": "Name the region that the bucket is in.",
    "RequestTimeTooSkewed": "Set this machine's clock.",
}


class S3Store(ContentStore):
    """The objects of a bucket whose names begin with the prefix and a slash. ValueError for impossible names.

    URLs are signed by the given clock. Requests are signed by this machine's, which the server refuses if it is wrong.
    """

    has_files = False

    def __init__(
        self, client: Minio, bucket: str, prefix: str = "", clock: Callable[[], datetime] = _LOCAL_CLOCK
    ) -> None:
        check_bucket_name(bucket)
        self._client = client
        self._bucket = bucket
        self._prefix = f"{checked_key(prefix)}/" if prefix else ""
        self._clock = clock
        self._multipart = Multipart(client, bucket)
        self._has_warned = False

    def check(self) -> None:
        """List the bucket. StoreUnavailableError that says what to do."""
        try:
            with answering():
                next(self._client.list_objects(self._bucket, prefix=self._prefix), None)
        except StoreUnavailableError as error:
            remedy = _REMEDIES.get(code_of(error.__cause__), "Look whether the server runs, and where.")
            raise StoreUnavailableError(f"The bucket {self._bucket} cannot be used. {error} {remedy}") from error

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store all the chunks as one object, durable once this returns; nothing is there if a chunk cannot be had.

        Holds two parts of 16 MiB in memory. What a process leaves behind that dies here, `remove_unfinished` removes.
        """
        name, parts = self._name(key), _in_parts(chunks)
        first, second = next(parts), next(parts, None)
        if second is None:
            with answering():
                self._multipart.put(name, first)
        else:
            self._write_parts(name, chain((first, second), parts))

    @contextmanager
    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        if length == 0:
            self.stat(key)
            yield iter(())
            return
        response = self._get(self._name(key), start, length)
        try:
            yield _chunks(response) if response else iter(())
        finally:
            if response:
                response.close()
                response.release_conn()

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        with self.open(key) as chunks, temporary_file() as (path, file):
            with on_disk():
                file.writelines(chunks)
                file.flush()
            yield path

    def stat(self, key: str) -> Stat:
        """Size and time, to the second. ObjectNotFoundError."""
        with answering():
            return _stat(self._client.stat_object(self._bucket, self._name(key)))

    def move(self, key: str, to: str) -> None:
        with answering():
            self._client.compose_object(self._bucket, self._name(to), [ComposeSource(self._bucket, self._name(key))])
        self.delete(key)

    def delete(self, key: str) -> None:
        """Remove the object for good, all its versions; nothing happens if it is not there.

        StoreUnavailableError while a retention or a legal hold of the bucket keeps a version.
        """
        name = self._prefix + listed_key(key)
        with answering():
            for version in self._versions(name):
                self._client.remove_object(self._bucket, name, version)

    def objects(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        listing = self._client.list_objects(self._bucket, prefix=self._prefix + prefix, recursive=True)
        with answering():
            for entry in listing:
                yield cast(str, entry.object_name).removeprefix(self._prefix), _stat(entry)

    def sign_get(
        self, key: str, expires: timedelta, *, content_type: str, disposition: str, etag: str | None = None
    ) -> str:
        """A URL that answers the object with these headers, for 7 days at most. The ETag is the server's own."""
        answered: Query = {"response-content-type": content_type, "response-content-disposition": disposition}
        return self._signed("GET", key, expires, headers=answered)

    def sign_put(self, key: str, expires: timedelta, *, size: int | None, content_type: str | None) -> str:
        """A URL that takes a PUT of the object, for 7 days at most.

        The client signs no header but the host, so size and media type are not enforced: check the object later.
        """
        return self._signed("PUT", key, expires)

    def begin(self, key: str) -> str:
        with answering():
            return self._multipart.begin(self._name(key))

    def sign_part(self, key: str, upload: str, number: int, expires: timedelta, *, most: int | None = None) -> str:
        """A URL that takes a PUT of one part, for 7 days at most. Every part but the last has at least 5 MiB."""
        part: Query = {"partNumber": str(number), "uploadId": upload}
        return self._signed("PUT", key, expires, query=part)

    def parts(self, key: str, upload: str) -> list[Part]:
        with answering():
            return sorted(self._multipart.parts(self._name(key), upload))

    def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        check_parts(parts, self.parts(key, upload))
        with answering():
            self._multipart.complete(self._name(key), upload, parts)

    def abort(self, key: str, upload: str) -> None:
        with suppress(ObjectNotFoundError), answering():
            self._multipart.abort(self._name(key), upload)

    def remove_unfinished(self, older_than: datetime) -> None:
        """Forget multipart uploads of a ledger that were begun before the time, with their parts.

        Where the server does not list uploads, a warning is logged, once; then only a lifecycle rule of the bucket
        removes them (AbortIncompleteMultipartUpload).
        """
        try:
            with answering():
                uploads = list(self._multipart.begun_before(older_than, self._prefix))
        except StoreUnavailableError as error:
            if code_of(error.__cause__) not in _MULTIPART_UNLISTED:
                raise
            if not self._has_warned:
                _LOG.warning("uploads in parts not swept", reason=str(error))
            self._has_warned = True
            return
        for name, upload in uploads:
            if is_under_id(name.removeprefix(self._prefix)):
                with suppress(ObjectNotFoundError), answering():
                    self._multipart.abort(name, upload)

    def _signed(
        self, method: str, key: str, expires: timedelta, headers: Query | None = None, query: Query | None = None
    ) -> str:
        name, now = self._name(key), self._clock()
        return self._client.get_presigned_url(
            method, self._bucket, name, expires, headers, now, extra_query_params=query
        )

    def _name(self, key: str) -> str:
        return self._prefix + checked_key(key)

    def _write_parts(self, name: str, chunks: Iterable[bytes]) -> None:
        with answering():
            upload = self._multipart.begin(name)
        try:
            parts = []
            for number, chunk in enumerate(chunks, 1):
                with answering():
                    parts.append(self._multipart.write_part(name, upload, number, chunk))
            with answering():
                self._multipart.complete(name, upload, parts)
        except BaseException:
            with suppress(StoreUnavailableError, ObjectNotFoundError), answering():
                self._multipart.abort(name, upload)
            raise

    def _get(self, name: str, start: int, length: int | None) -> BaseHTTPResponse | None:
        """The answer to a GET, None if the object ends before the offset."""
        try:
            with answering():
                return self._client.get_object(self._bucket, name, start, length or 0)
        except StoreUnavailableError as error:
            if code_of(error.__cause__) == "InvalidRange":
                return None
            raise

    def _versions(self, name: str) -> list[str | None]:
        """The versions to delete, one without an id where the server knows none."""
        try:
            versions = list(self._client.list_objects(self._bucket, prefix=name, recursive=True, include_version=True))
        except MinioException as error:
            if code_of(error) in UNSUPPORTED:
                return [None]
            raise
        return [version.version_id for version in versions if version.object_name == name]


def _in_parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of one size, the last one shorter; at least one, be it empty."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) > PART_BYTES:
            yield bytes(memoryview(buffer)[:PART_BYTES])
            del buffer[:PART_BYTES]
    yield bytes(buffer)


def _chunks(response: BaseHTTPResponse) -> Iterator[bytes]:
    with answering():
        while chunk := response.read(_READ_BYTES, decode_content=False):
            yield chunk


def _stat(entry: s3.Object) -> Stat:
    if entry.size is None or entry.last_modified is None:
        raise StoreUnavailableError("The content store did not tell an object's size and time.")
    return Stat(entry.size, entry.last_modified)
