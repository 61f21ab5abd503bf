"""Files that are whole and on the disk, or not there at all."""

import errno
import os
import sys
from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import BinaryIO, cast
from uuid import uuid4

from infra.content.store import ObjectNotFoundError, Stat, StoreFullError, StoreUnavailableError

_CHUNK = 1 << 20
_SMALL = 1 << 16
_AHEAD = 16 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT)
_ABSENT = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@contextmanager
def answering() -> Iterator[None]:
    """What the operating system refuses becomes StoreUnavailableError."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StoreFullError from error
        raise StoreUnavailableError(f"The content store failed: {error.strerror or error}.") from error


@contextmanager
def finding() -> Iterator[None]:
    """The same, but that there is no such file becomes ObjectNotFoundError."""
    try:
        with answering():
            yield
    except StoreUnavailableError as error:
        if isinstance(error.__cause__, _ABSENT):
            raise ObjectNotFoundError from error.__cause__
        raise


@contextmanager
def temporary_file() -> Iterator[tuple[Path, BinaryIO]]:
    """A new file outside every store, which is gone afterwards. StoreUnavailableError if there can be none."""
    with answering():
        file = NamedTemporaryFile(prefix="asset-ledger-")  # noqa: SIM115  # closed below
    try:
        yield Path(file.name), cast(BinaryIO, file)
    finally:
        with suppress(OSError):
            file.close()


@contextmanager
def landing(folder: Path, chunks: Iterable[bytes]) -> Iterator[Path]:
    """A new file of these bytes in the folder, surely on the disk, to be moved where it belongs; else it is removed.

    Raises what the chunks raise, ObjectNotFoundError if there is no such folder, and StoreUnavailableError.
    """
    path = folder / f"{uuid4().hex}.new"
    try:
        _spool(path, chunks)
        yield path
    finally:
        with suppress(OSError):
            path.unlink()


def _spool(path: Path, chunks: Iterable[bytes]) -> None:
    with finding():  # large chunks pass by the buffer
        file = open(path, "xb", _SMALL, opener=partial(os.open, mode=0o600))  # noqa: SIM115  # pathlib takes no opener
    try:
        size = started = 0
        for chunk in chunks:  # what this raises is the caller's own, even if it is an OSError
            with answering():
                size += file.write(chunk)
                if size - started >= _AHEAD and sys.platform == "linux":
                    # Linux begins to write what it is told to forget, and forgets only what is on the disk already.
                    os.posix_fadvise(file.fileno(), started, size - started, os.POSIX_FADV_DONTNEED)
                    started = size
        with answering():
            file.flush()
            os.fsync(file.fileno())
    finally:
        with suppress(OSError):
            file.close()


def make_private(folder: Path, holding: Set[str]) -> None:
    """Make the folder if it is missing; close it to all but its owner if it holds no other names than these."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = folder.stat()
    ours = status.st_uid == os.geteuid()
    if ours and status.st_mode & 0o077 and {entry.name for entry in folder.iterdir()} <= holding:
        folder.chmod(0o700)


def sync(folder: Path) -> None:
    """Bring the names in a directory to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(file: BinaryIO, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """The bytes from an offset on, in chunks of a mebibyte. StoreUnavailableError."""
    remaining = float("inf") if length is None else length
    with answering():
        file.seek(start)
        while chunk := file.read(int(min(_CHUNK, remaining))):
            remaining -= len(chunk)
            yield chunk


def list_names(folder: Path) -> list[str]:
    """The names in a directory in order, a directory's with the slash that its files' have; none if it is not there."""
    with suppress(ObjectNotFoundError), finding(), os.scandir(folder) as entries:
        return sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)
    return []


def stat(path: Path) -> Stat:
    """Size and time of a file or a directory. OSError."""
    status = path.stat()
    return Stat(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
