"""What is read of pictures without decoding them: the texts in a PNG, the sizes of SVG and HEIF.

PNG's are tEXt, zTXt and iTXt (ISO/IEC 15948, 11.3.3); HEIF is ISO/IEC 23008-12.
"""

import io
import re
import struct
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from infra.media.containers import boxes, ends_early, png_chunks
from infra.media.decoder_guard import UnreadableError, decoding
from infra.media.file_metadata import MAX_TEXT, EmbeddedMetadata
from infra.media.sniffing import HEAD, text_of

Size = tuple[int, int]
XMP = "XML:com.adobe.xmp"
_MAX_CHUNK = MAX_TEXT + 4096
_MAX_TEXTS = 256
_MAX_META = 1024 * 1024
_ROOT = re.compile(r"<svg\b([^<>]{0,8192})>")
_ATTRIBUTE = r"""\s%s\s{0,8}=\s{0,8}["']\s{0,8}([^"']{1,100}?)\s{0,8}["']"""
_LENGTH = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(?:px)?")


def svg_size(path: Path) -> Size | None:
    """Width and height in pixels by the root's attributes, or its view box; None if neither says."""
    with path.open("rb") as file:
        root = _ROOT.search(text_of(file.read(HEAD)) or "")
    if not root:
        return None
    width, height = (_pixels(_attribute(root[1], name)) for name in ("width", "height"))
    if width and height:
        return width, height
    box = (_attribute(root[1], "viewBox") or "").replace(",", " ").split()
    width, height = (_pixels(length) for length in box[2:]) if len(box) == 4 else (None, None)
    return (width, height) if width and height else None


def _attribute(attributes: str, name: str) -> str | None:
    match = re.search(_ATTRIBUTE % name, attributes)
    return match[1] if match else None


def _pixels(length: str | None) -> int | None:
    match = _LENGTH.fullmatch(length or "")
    return round(float(match[1])) if match else None


def heif_size(path: Path) -> Size:
    """Width and height in pixels of the primary item as displayed. UnreadableError if it has none, or is cut short."""
    with decoding("the picture's header is damaged"):
        if ends_early(path, "image/heif"):
            raise UnreadableError("the picture is truncated or damaged")
        parts = _meta(path)
        available = list(_inside(parts[b"ipco"]))
        properties = [available[index - 1] for index in _associated(parts)]
        width, height = next(struct.unpack(">4xII", data[:12]) for kind, data in properties if kind == b"ispe")
        turned = any(data[0] % 2 for kind, data in properties if kind == b"irot")
        return (height, width) if turned else (width, height)


def _meta(path: Path) -> dict[bytes, bytes]:
    """The boxes in the box `meta` and in its box `iprp`."""
    with path.open("rb") as file:
        meta = next((box for box in boxes(file) if box.kind == b"meta"), None)
        if meta is None or meta.size > _MAX_META:
            raise UnreadableError("the picture's header is damaged")
        parts = dict(_inside(meta.read(file, _MAX_META)[4:]))
    return parts | dict(_inside(parts[b"iprp"]))


def _inside(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    file = io.BytesIO(data)
    for box in boxes(file):
        yield box.kind, box.read(file, len(data))


def _associated(parts: dict[bytes, bytes]) -> list[int]:
    """The numbers, from 1, of the primary item's properties that count."""
    primary, ipma = parts[b"pitm"], parts[b"ipma"]
    primary_item = int.from_bytes(primary[4:6] if primary[0] == 0 else primary[4:8])
    id_size, index_size = 2 if ipma[0] == 0 else 4, 2 if ipma[3] & 1 else 1
    place = 8
    for _ in range(int.from_bytes(ipma[4:8])):
        item, many = int.from_bytes(ipma[place : place + id_size]), ipma[place + id_size]
        start = place + id_size + 1
        place = start + many * index_size
        if item == primary_item:
            numbers = (int.from_bytes(ipma[at : at + index_size]) for at in range(start, place, index_size))
            return [index for number in numbers if (index := number & (2 ** (8 * index_size - 1) - 1))]
    return []


def note_texts(path: Path, embedded: EmbeddedMetadata) -> None:
    """Keep the generation data ComfyUI and AUTOMATIC1111 write in a PNG, and what XMP says."""
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
    """Keywords and texts, wherever in the file they stand; None for a text that is too large."""
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
