"""A content store in a directory: objects are files, each renamed into its place when it is whole and on the disk."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from stat import S_ISREG
from uuid import uuid4

from infra.content.durable_files import answering, finding, list_names, read, stat, sync
from infra.content.object_keys import checked_key, listed_key
from infra.content.signed_urls import Grant, UrlSigner
from infra.content.staging import StagingArea
from infra.content.store import ObjectNotFoundError, Stat, StoreUnavailableError
from infra.regular_files import open_regular

_ATTEMPTS = 100


class DirectoryStore(StagingArea):
    """Objects under `root/objects` by key, and what is on its way in under `root/incoming`, on one file system.

    A key cannot be the beginning of another one's path. The URLs are signed here, by the given clock, and served by the
    ledger.
    """

    has_files = True

    def __init__(self, root: Path, signer: UrlSigner, clock: Callable[[], datetime]) -> None:
        super().__init__(root / "incoming")
        self._root = root
        self._objects = root / "objects"
        self._signer = signer
        self._clock = clock

    def check(self) -> None:
        """Write an object and delete it. StoreUnavailableError that says what to do."""
        key = f"check-{uuid4().hex}"
        try:
            self.write(key, [b"\n"])
            self.delete(key)
        except StoreUnavailableError as error:
            remedy = f"Let this user write in {self._root}, or name another directory."
            raise StoreUnavailableError(f"{error} {remedy}") from error

    def room(self) -> int | None:
        with suppress(OSError):
            disk = os.statvfs(self._root)
            return disk.f_bavail * disk.f_frsize
        return None

    def write(self, key: str, chunks: Iterable[bytes]) -> None:
        path = self._path(key)
        with self._landing(chunks) as landed:
            self._place(landed, path)

    @contextmanager
    def open(self, key: str, start: int = 0, length: int | None = None) -> Iterator[Iterator[bytes]]:
        with finding():
            file = open_regular(self._path(key))
        with file:
            yield read(file, start, length)

    @contextmanager
    def local(self, key: str) -> Iterator[Path]:
        self.stat(key)
        try:
            yield self._path(key)
        except FileNotFoundError:
            self.stat(key)  # it may be the object that was removed meanwhile
            raise

    def stat(self, key: str) -> Stat:
        return _stat(self._path(key))

    def move(self, key: str, to: str) -> None:
        self.stat(key)
        self._place(self._path(key), self._path(to))
        self._leave(self._path(key))

    def delete(self, key: str) -> None:
        """Remove the object for good, and directories that are empty then; nothing happens if it is not there."""
        path = self._objects / listed_key(key)
        with suppress(ObjectNotFoundError), finding():
            path.unlink()
        self._leave(path)

    def objects(self, prefix: str = "") -> Iterator[tuple[str, Stat]]:
        return self._walk(self._objects, "", prefix)

    def sign_get(
        self, key: str, expires: timedelta, *, content_type: str, disposition: str, etag: str | None = None
    ) -> str:
        grant = Grant("GET", checked_key(key), content_type=content_type, disposition=disposition, etag=etag)
        return self._sign(grant, expires)

    def sign_put(self, key: str, expires: timedelta, *, size: int | None, content_type: str | None) -> str:
        return self._sign(Grant("PUT", checked_key(key), size=size, content_type=content_type), expires)

    def sign_part(self, key: str, upload: str, number: int, expires: timedelta, *, most: int | None = None) -> str:
        return self._sign(Grant("PUT", checked_key(key), upload=upload, part=number, most=most), expires)

    def _path(self, key: str) -> Path:
        return self._objects / checked_key(key)

    def _above(self, path: Path) -> Iterator[Path]:
        """The directories between the objects' own and a file, the nearest first."""
        return (folder for folder in path.parents if self._objects in folder.parents)

    def _sign(self, grant: Grant, expires: timedelta) -> str:
        return self._signer.sign(grant, self._clock() + expires)

    def _place(self, landed: Path, path: Path) -> None:
        with answering():
            for attempt in range(_ATTEMPTS):
                try:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    landed.replace(path)
                    break
                except (FileNotFoundError, FileExistsError):  # a deletion has just removed the directory
                    if attempt == _ATTEMPTS - 1:
                        raise
        self._settle(path)

    def _leave(self, path: Path) -> None:
        """Remove the directories above a file that is gone, as far as they are empty."""
        for folder in self._above(path):
            with suppress(OSError):  # others write into it, or were faster
                folder.rmdir()
        self._settle(path)

    def _settle(self, path: Path) -> None:
        """Bring to the disk what the directories above a file say of it."""
        for folder in (*self._above(path), self._objects, self._root):
            with suppress(ObjectNotFoundError), finding():  # where there is no directory there is no file either
                sync(folder)

    def _walk(self, folder: Path, above: str, prefix: str) -> Iterator[tuple[str, Stat]]:
        for name in list_names(folder):
            key = above + name
            if name.endswith("/") and (key.startswith(prefix) or prefix.startswith(key)):
                yield from self._walk(folder / name, key, prefix)
            elif not name.endswith("/") and key.startswith(prefix):
                with suppress(ObjectNotFoundError):
                    yield key, _stat(folder / name)


def _stat(path: Path) -> Stat:
    with finding():
        if not S_ISREG(path.stat().st_mode):
            raise ObjectNotFoundError
        return stat(path)
