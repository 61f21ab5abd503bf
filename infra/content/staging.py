"""Where a directory store keeps what is on its way in: half-written objects, and the parts of multipart uploads."""

import hashlib
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from infra.content.durable_files import answering, finding, landing, make_private, read, stat, sync
from infra.content.object_keys import checked_key
from infra.content.store import ContentStore, ObjectNotFoundError, Part, PartsRefusedError, check_parts

_MOST_PARTS = 10_000
_NUMBER = re.compile(r"[0-9]+")
_SEAL_BYTES = 32
BESIDE = frozenset({"objects", "incoming"})
"""What a store's folder holds."""


class StagingArea(ContentStore):
    """The part of a store that takes multipart uploads, in a directory.

    An upload is a directory in it, named after the key; a part is a file, named by its number. After its bytes a part's
    file has their SHA-256, the tag: what comes again takes the place of both at once.
    """

    def __init__(self, incoming: Path) -> None:
        self._incoming = incoming

    def begin(self, key: str) -> str:
        upload = f"{uuid4().hex}-{_name_of(key)}"
        self._prepare()
        with answering():
            (self._incoming / upload).mkdir()
            sync(self._incoming)
        return upload

    def write_part(self, key: str, upload: str, number: int, chunks: Iterable[bytes]) -> Part:
        """Store a part, in place of one of this number, durable once this returns; its tag is its SHA-256.

        Raises ObjectNotFoundError if there is no such upload, and ValueError for a number that is not 1 to 10,000.
        """
        if not 1 <= number <= _MOST_PARTS:
            raise ValueError("parts are numbered from 1 to 10,000")
        folder = self._upload(key, upload)
        with landing(folder, _sealed(chunks)) as landed, finding():
            with landed.open("rb") as file:
                part = _part(number, file)
            landed.replace(folder / str(number))
            sync(folder)
        return part

    def parts(self, key: str, upload: str) -> list[Part]:
        parts = []
        with finding():
            for path in self._upload(key, upload).iterdir():
                if _NUMBER.fullmatch(path.name):
                    with path.open("rb", buffering=0) as file:
                        parts.append(_part(int(path.name), file))
        return sorted(parts)

    def complete(self, key: str, upload: str, parts: Sequence[Part]) -> None:
        self.write(key, self._joined(key, upload, parts))
        self.abort(key, upload)

    def abort(self, key: str, upload: str) -> None:
        with suppress(ObjectNotFoundError):
            self._discard(self._upload(key, upload))

    def remove_unfinished(self, older_than: datetime) -> None:
        """Remove half-written objects and uploads that were last changed before the time."""
        with answering():
            for path in self._incoming.glob("*"):
                with suppress(FileNotFoundError, ObjectNotFoundError):
                    if stat(path).modified_at < older_than:
                        self._discard(path)

    def _landing(self, chunks: Iterable[bytes]) -> AbstractContextManager[Path]:
        """A new file of these bytes, to be moved where it belongs; else it is removed."""
        self._prepare()
        return landing(self._incoming, chunks)

    def _joined(self, key: str, upload: str, parts: Sequence[Part]) -> Iterator[bytes]:
        check_parts(parts, self.parts(key, upload))
        for part in parts:
            with finding():
                file = (self._upload(key, upload) / str(part.number)).open("rb", buffering=0)
            with file:
                with answering():
                    is_named = _part(part.number, file) == part
                if not is_named:
                    raise PartsRefusedError
                yield from read(file, 0, part.size)

    def _prepare(self) -> None:
        """Have the directory in that of the store, which is made for its owner alone."""
        with answering():
            make_private(self._incoming.parent, BESIDE)
            self._incoming.mkdir(exist_ok=True)

    def _upload(self, key: str, upload: str) -> Path:
        if not re.fullmatch(rf"[0-9a-f]{{32}}-{_name_of(key)}", upload):
            raise ObjectNotFoundError
        return self._incoming / upload

    def _discard(self, path: Path) -> None:
        # Moved away first: a part that still arrives finds no directory, instead of filling the one that is emptied.
        removed = self._incoming / f"{uuid4().hex}.gone"
        with finding():
            path.rename(removed)
            if removed.is_dir():
                shutil.rmtree(removed)
            else:
                removed.unlink()


def _name_of(key: str) -> str:
    return hashlib.sha256(checked_key(key).encode()).hexdigest()[:32]


def _sealed(chunks: Iterable[bytes]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    yield digest.digest()


def _part(number: int, file: BinaryIO) -> Part:
    size = file.seek(-_SEAL_BYTES, SEEK_END)
    return Part(number, size, file.read(_SEAL_BYTES).hex())
