"""What every content store does. There are two: a directory, and S3."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

from domain.errors import ConflictError, LedgerError, ServiceUnavailableError


class ObjectNotFoundError(LedgerError):
    """The store has no object under this key."""


class PartsRefusedError(ConflictError):
    """List every uploaded part, in order. All but the last need at least 5 MiB."""


class StoreUnavailableError(ServiceUnavailableError):
    """The content store cannot be reached right now. Try again."""


class StoreFullError(StoreUnavailableError):
    """The disk of the content store is full. Nothing was recorded. Whoever runs the service has to free space."""


class Stat(NamedTuple):
    """What a store knows of an object: its size in bytes, and when it was written."""

    size: int
    modified_at: datetime


class Part(NamedTuple):
    """A part of a multipart upload that has arrived: number from 1, size in bytes, the tag that completing names."""

    number: int
    size: int
    etag: str


SMALLEST_PART = 5 << 20
"""The bytes that every part of a multipart upload has at least, but for the last."""


def check_parts(listed: Sequence[Part], arrived: Sequence[Part]) -> None:
    """PartsRefusedError unless all the parts are named, in order, and large enough. Servers differ in what they do."""
    if not listed or list(listed) != sorted(arrived) or any(part.size < SMALLEST_PART for part in listed[:-1]):
        raise PartsRefusedError


class ContentStore(Protocol):
    """Objects by key. Keys are ours alone: letters, digits, `-`, `_`, `.` and `/`, never empty parts, `.` or `..`.

    Every method raises StoreUnavailableError when the store does not answer.
    """

    has_files: bool
    """Whether objects are files here, so that `local` has nothing to fetch."""

    def check(self) -> None:
        """Raise an error that says what to do if the store cannot be used at all."""

    def room(self) -> int | None:
        """The free space in bytes; None if it is unknown."""
        return None

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        """Store all the chunks as one object, durable once this returns; nothing is there if a chunk cannot be had."""

    def open(self, key: str, start: int = 0, length: int | None = None) -> AbstractContextManager[Iterator[bytes]]:
        """The object's bytes from an offset on, in chunks. ObjectNotFoundError on entering."""

    def local(self, key: str) -> AbstractContextManager[Path]:
        """The object as a file, to be read only, for as long as the block runs. ObjectNotFoundError on entering."""

    def stat(self, key: str) -> Stat:
        """Size and time. ObjectNotFoundError."""

    def move(self, key: str, to: str) -> None:
        """Give the object another key, in place of what has that. ObjectNotFoundError. May leave both if cut short."""

    def delete(self, key: str) -> None:
        """Remove any object that is listed, ours or not, for good, with older versions; nothing happens without one."""

    def objects(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        """Every object whose key begins with the prefix, in the order of keys; what others put there too."""

    def sign_get(
        self, key: str, expires: timedelta, *, content_type: str, disposition: str, etag: str | None = None
    ) -> str:
        """A URL that answers the object with these headers, for a while; the ETag is the store's own if it has any."""

    def sign_put(self, key: str, expires: timedelta, *, size: int | None, content_type: str | None) -> str:
        """A URL that takes a PUT of the object, of this size and media type if they are given, for a while."""

    def begin(self, key: str) -> str:
        """Begin a multipart upload; returns the id it has in the store."""

    def sign_part(self, key: str, upload: str, number: int, expires: timedelta, *, most: int | None = None) -> str:
        """A URL that takes a PUT of one part, for a while. Every part but the last has at least 5 MiB, and none more
        bytes than `most`, where the store can be told.
        """

    def parts(self, key: str, upload: str) -> list[Part]:
        """The parts that have arrived, by number. ObjectNotFoundError if there is no such upload."""

    def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        """Join the parts, all that have arrived. ObjectNotFoundError if there is no such upload; PartsRefusedError."""

    def abort(self, key: str, upload: str) -> None:
        """Forget a multipart upload and its parts; nothing happens if there is none."""

    def remove_unfinished(self, older_than: datetime) -> None:
        """Remove what was begun before the time and never became an object, as far as the store can find it."""
