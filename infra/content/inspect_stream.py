"""Inspects content while its bytes are stored, so that the store is not read once more."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from infra.content.durable_files import answering, temporary_file
from infra.content.store import ContentStore
from infra.media.file_metadata import Inspection
from infra.media.inspection import inspect
from infra.media.sniffing import HEAD, Sniffed, sniff

MOST_COPIED = 1 << 30
"""Bytes of content of which a whole copy is made. What is larger and has to be decoded is not looked into."""
TOO_LARGE = f"the file is larger than {MOST_COPIED:,} bytes, so it was not looked into"


def inspect_in_passing(
    store: ContentStore,
    key: str,
    chunks: Iterable[bytes],
    consume: Callable[[Iterable[bytes]], object],
    declared_type: str | None,
    file_name: str | None,
) -> Inspection:
    """Inspect an object while `consume` takes its chunks; all are consumed when this returns.

    Raises what `consume` raises, and StoreUnavailableError if the disk takes no copy of them.
    """
    if store.has_files:
        consume(chunks)
        with store.local(key) as path:
            return inspect(path, declared_type, file_name)
    with temporary_file() as (path, file):
        copy = Copy(chunks, path, file, declared_type, file_name)
        consume(copy)
        return copy.inspection()


def exhaust(chunks: Iterable[bytes]) -> None:
    """Consume chunks that are only inspected."""
    deque(chunks, maxlen=0)


class Copy:
    """Chunks that pass by, of which as much is copied to a file as it takes to see what they are.

    All of what has to be decoded, if it is not too large; of everything else the first and the last 64 KiB in their
    places, with a hole between them. Iterating raises StoreUnavailableError if the disk does not take them.
    """

    def __init__(
        self, chunks: Iterable[bytes], path: Path, file: BinaryIO, declared_type: str | None, file_name: str | None
    ) -> None:
        self._chunks = chunks
        self._path = path
        self._file = file
        self._declared = (declared_type, file_name)
        self._size = 0
        self._end = b""
        self._is_sniffed = False
        self._is_whole = True

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            with answering():
                self._keep(chunk)
            yield chunk
        with answering():
            self._finish()

    def inspection(self) -> Inspection:
        """The inspection, once all chunks have passed. StoreUnavailableError."""
        with answering():
            sniffed = sniff(self._path, *self._declared)
            if self._size <= MOST_COPIED or not is_decoded(sniffed):
                return inspect(self._path, *self._declared)
        return Inspection(sniffed.content_type, sniffed.media(), problem=TOO_LARGE)

    def _keep(self, chunk: bytes) -> None:
        self._size += len(chunk)
        self._end = (self._end + chunk[-HEAD:])[-HEAD:]
        if not self._is_whole:
            return
        self._file.write(chunk)
        if self._size > MOST_COPIED or not self._may_be_decoded():
            self._is_whole = False
            self._file.truncate(HEAD)

    def _may_be_decoded(self) -> bool:
        if self._is_sniffed or self._size < HEAD:
            return True
        self._file.flush()
        self._is_sniffed = True
        return is_decoded(sniff(self._path, *self._declared))

    def _finish(self) -> None:
        if not self._is_whole:
            self._file.seek(self._size - len(self._end))
            self._file.write(self._end)
        self._file.flush()


def is_decoded(sniffed: Sniffed) -> bool:
    """Whether more is read of such a file than its beginning and its end."""
    return sniffed.kind in {"image", "video", "audio"} or sniffed.content_type == "application/pdf"
