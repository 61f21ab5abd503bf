"""What was attempted and what was told of it, kept in files of fixed-size records that survive the writer's death."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from uuid import UUID

from eventsourcing.persistence import StoredEvent

_RECORD = Struct(">B16siq16s")
_CHUNK = 10_000
DIGEST_BYTES = 16


class EventRecord(NamedTuple):
    """One event, and the position that was told for it: 0 for none."""

    tenant: int
    originator_id: UUID
    revision: int
    position: int
    digest: bytes


def digest(entry: bytes) -> bytes:
    """What an entry's bytes are known by."""
    return hashlib.sha256(entry).digest()[:DIGEST_BYTES]


class Records:
    """The files of one process. Every write is one call, so that whoever is killed has written it or not."""

    KINDS = ("attempts", "acks", "refusals", "outcomes")

    def __init__(self, directory: Path, name: str) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        self._files = {kind: os.open(directory / f"{kind}-{name}", flags, 0o600) for kind in self.KINDS}

    def write(self, kind: str, tenant: int, entries: Sequence[StoredEvent], positions: Sequence[int] = ()) -> None:
        """Keep what was attempted, acknowledged or refused."""
        known_positions = positions or (0,) * len(entries)
        records = b"".join(
            _RECORD.pack(tenant, UUID(str(e.originator_id)).bytes, e.originator_version, position, digest(e.state))
            for e, position in zip(entries, known_positions, strict=True)
        )
        os.write(self._files[kind], records)

    def count(self, outcome: str) -> None:
        """Keep what became of an append, as one letter."""
        os.write(self._files["outcomes"], outcome.encode())


def read(directory: Path, kind: str) -> Iterator[EventRecord]:
    """All records of a kind, by whichever process. What a killed process wrote half is left out."""
    for path in sorted(directory.glob(f"{kind}-*")):
        with path.open("rb") as file:
            while chunk := file.read(_RECORD.size * _CHUNK):
                whole = len(chunk) - len(chunk) % _RECORD.size
                for tenant, originator, revision, position, known_by in _RECORD.iter_unpack(chunk[:whole]):
                    yield EventRecord(tenant, UUID(bytes=originator), revision, position, known_by)


def written(directory: Path, kind: str) -> int:
    """How many records of a kind there are."""
    return sum(path.stat().st_size // _RECORD.size for path in directory.glob(f"{kind}-*"))


def outcomes(directory: Path) -> Counter[str]:
    """How many appends came to what."""
    counted: Counter[str] = Counter()
    for path in directory.glob("outcomes-*"):
        counted.update(path.read_text())
    return counted
