"""Packs contents into a zip (PKWARE APPNOTE) that is sent while it is made: nobody holds more than a block of it."""

import re
from collections.abc import Generator, Iterable, Iterator
from datetime import datetime
from pathlib import PurePosixPath
from typing import NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from infra.content.store import ContentStore, ObjectNotFoundError

MISSING = "missing.txt"
_LONGEST = 200
_ODD = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')


class ZipEntry(NamedTuple):
    """A file of the zip: the object's key, None if it is gone already; its file name, and its time."""

    key: str | None
    name: str
    at: datetime


class _Sink:
    """What a zip is written to, and taken from block by block."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes, /) -> int:
        self._written += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits."""

    def take(self) -> bytes:
        block, self._written = bytes(self._written), bytearray()
        return block


def zip_blocks(store: ContentStore, files: Iterable[ZipEntry]) -> Generator[bytes, None, None]:
    """The zip, block by block, each file under a name of its own. Those that are gone are listed in `missing.txt`."""
    sink, names, missing = _Sink(), UniqueNames({MISSING}), []
    with ZipFile(sink, "w", ZIP_STORED) as archive:  # type: ignore[call-overload]  # asks for no more
        for file in files:
            name = names.of(file.name)
            try:
                yield from _entry_blocks(store, archive, sink, file, name)
            except ObjectNotFoundError:
                missing.append(name)
        if missing:
            archive.writestr(MISSING, "These files were deleted or purged, or are gone:\n" + "\n".join(missing) + "\n")
    yield sink.take()


def _entry_blocks(store: ContentStore, archive: ZipFile, sink: _Sink, file: ZipEntry, name: str) -> Iterator[bytes]:
    if file.key is None:
        raise ObjectNotFoundError
    with store.open(file.key) as chunks:
        info = ZipInfo(name, max(file.at.timetuple()[:6], (1980, 1, 1, 0, 0, 0)))
        with archive.open(info, "w", force_zip64=True) as member:
            for chunk in chunks:
                member.write(chunk)
                yield sink.take()


class UniqueNames:
    """Gives each file a name that no other has, in upper or lower case, and that leads nowhere."""

    def __init__(self, used: Iterable[str] = ()) -> None:
        self._used = {name.lower() for name in used}
        self._last: dict[str, int] = {}

    def of(self, file_name: str) -> str:
        """The file name if it is allowed and free; else a similar name."""
        last = re.split(r"[/\\]", file_name)[-1]
        name = _ODD.sub("_", last).strip(". ") or "unnamed"
        path = PurePosixPath(name[-_LONGEST:])
        candidate, number = path.name, self._last.get(path.name.lower(), 1)
        while candidate.lower() in self._used:
            number += 1
            candidate = f"{path.stem} ({number}){path.suffix}"
        self._last[path.name.lower()] = number
        self._used.add(candidate.lower())
        return candidate
