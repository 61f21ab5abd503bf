"""The texts in a PNG (ISO/IEC 15948, 11.3.3): tEXt, zTXt and iTXt, wherever in the file they stand."""

import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from infra.media.containers import png_chunks
from infra.media.file_metadata import MAX_TEXT, EmbeddedMetadata

XMP = "XML:com.adobe.xmp"
_MAX_CHUNK = MAX_TEXT + 4096
_MAX_TEXTS = 256


def note_texts(path: Path, embedded: EmbeddedMetadata) -> None:
    """Keep the generation data ComfyUI and AUTOMATIC1111 write, and what XMP says."""
    for keyword, text in islice(_texts(path), _MAX_TEXTS):
        if text is None and keyword in {"prompt", "workflow", "parameters", XMP}:
            embedded.too_large("xmp" if keyword == XMP else keyword)
        elif keyword in {"prompt", "workflow"}:
            embedded.document(keyword, text)
        elif keyword == "parameters":
            embedded.parameters(text)
        elif keyword == XMP:
            embedded.xmp(text)


def _texts(path: Path) -> Iterator[tuple[str, str | None]]:
    """Keywords and texts; None for a text that is too large."""
    with path.open("rb") as file:
        for chunk in png_chunks(file):
            if chunk.kind in {b"tEXt", b"zTXt", b"iTXt"}:
                keyword, _, rest = chunk.read(file, _MAX_CHUNK).partition(b"\0")
                complete = chunk.size <= _MAX_CHUNK
                yield keyword.decode("latin-1"), _text(chunk.kind, rest) if complete else None


def _text(kind: bytes, rest: bytes) -> str | None:
    if kind == b"tEXt":
        return _decoded(rest)
    if kind == b"zTXt":
        return _inflated(rest[1:])
    compressed, parts = rest[:1] == b"\1", rest[2:].split(b"\0", 2)
    return _inflated(parts[-1]) if compressed else _decoded(parts[-1])


def _inflated(data: bytes) -> str | None:
    inflater = zlib.decompressobj()
    try:
        text = inflater.decompress(data, MAX_TEXT)
    except zlib.error:
        return ""
    return None if inflater.unconsumed_tail else _decoded(text)


def _decoded(data: bytes) -> str:
    """UTF-8, which is written even where Latin-1 is prescribed, or else Latin-1."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
