"""Walks over the chunks of files without reading them: PNG (ISO/IEC 15948), RIFF, ISO base media (ISO/IEC 14496-12)."""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_CHUNKS = 100_000
ISO_MEDIA = frozenset(
    ["video/mp4", "video/quicktime", "video/3gpp", "audio/mp4", "image/avif", "image/heic", "image/heif"]
)
_PNG_SIGNATURE = 8
_RIFF_HEADER = 12
_UNKNOWN_RIFF_SIZES = (0, 0xFFFFFFFF)
_C2PA_USE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
_C2PA_SCAN = 256
_BODIES = (b"mdat", b"moov", b"moof")


class Chunk(NamedTuple):
    """A chunk's type, and where its payload starts and how many bytes long it claims to be."""

    kind: bytes
    start: int
    size: int

    def read(self, file: BinaryIO, most: int) -> bytes:
        """The payload's first bytes."""
        file.seek(self.start)
        return file.read(min(self.size, most))


def length_of(file: BinaryIO) -> int:
    """The file's length in bytes."""
    return file.seek(0, os.SEEK_END)


def png_chunks(file: BinaryIO) -> Iterator[Chunk]:
    """The chunks of a PNG up to its end, at most 100,000."""
    return _chunks(file, _PNG_SIGNATURE, ">I4s", 4)


def _chunks(file: BinaryIO, position: int, header: str, checksum: int) -> Iterator[Chunk]:
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        read = file.read(8)
        if len(read) < 8:
            return
        first, second = struct.unpack(header, read)
        kind, size = (second, first) if checksum else (first, second)
        yield Chunk(kind, position + 8, size)
        if kind == b"IEND":
            return
        position += 8 + size + (checksum or size % 2)


def boxes(file: BinaryIO) -> Iterator[Chunk]:
    """The boxes side by side at the top of a file, at most 100,000."""
    position, end = 0, length_of(file)
    for _ in range(MAX_CHUNKS):
        file.seek(position)
        header = file.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        own = 8
        if size == 1 and len(header) == 16:
            size, own = int.from_bytes(header[8:]), 16
        if size == 0:
            size = end - position
        if size < own:
            return
        yield Chunk(kind, position + own, size - own)
        position += size


def is_manifest_store(data: bytes) -> bool:
    """Whether data starts with the superbox of a C2PA manifest store (C2PA specification, "Use of JUMBF")."""
    return data[4:8] == b"jumb" and data[12:20] == b"jumdc2pa" and data[33:38] == b"c2pa\0"


def has_manifest_store(path: Path, content_type: str) -> bool:
    """Whether a PNG, RIFF or ISO base media file carries a C2PA manifest store."""
    with path.open("rb") as file:
        match file.read(4):
            case b"\x89PNG":
                chunks = (chunk for chunk in png_chunks(file) if chunk.kind == b"caBX")
            case b"RIFF":
                chunks = (chunk for chunk in _chunks(file, _RIFF_HEADER, "<4sI", 0) if chunk.kind == b"C2PA")
            case _ if content_type in ISO_MEDIA:
                return any(_is_manifest_box(file, box) for box in boxes(file) if box.kind == b"uuid")
            case _:
                return False
        return any(is_manifest_store(chunk.read(file, _C2PA_SCAN)) for chunk in chunks)


def _is_manifest_box(file: BinaryIO, box: Chunk) -> bool:
    head = box.read(file, _C2PA_SCAN)
    purpose, _, rest = head[20:].partition(b"\0")
    return head.startswith(_C2PA_USE) and purpose == b"manifest" and is_manifest_store(rest[8:])


def ends_early(path: Path, content_type: str) -> bool:
    """Whether a RIFF or ISO base media file is shorter than it says."""
    with path.open("rb") as file:
        length = length_of(file)
        file.seek(0)
        head = file.read(8)
        if head.startswith(b"RIFF"):
            size = int.from_bytes(head[4:], "little")
            return size not in _UNKNOWN_RIFF_SIZES and 8 + size > length + 1
        if content_type in ISO_MEDIA:
            return any(box.kind in _BODIES and box.start + box.size > length for box in boxes(file))
    return False
