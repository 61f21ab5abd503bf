"""Looks at still pictures with Pillow. The pixels of one, and how many are decoded at once, bound the memory."""

import io
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from PIL import Image, ImageCms, ImageOps

from infra.media.containers import has_manifest_store, is_manifest_store
from infra.media.decodable import PICTURE_DECODERS
from infra.media.decoder_guard import MAX_PIXELS, PICTURES, UnreadableError, count, decoding
from infra.media.file_metadata import EmbeddedMetadata, Inspection
from infra.media.image_headers import Size, heif_size, note_texts, svg_size
from infra.media.sniffing import Sniffed

MAX_FILE = 256 * 1024 * 1024
_HEIF = ("image/heic", "image/heif")
_DAMAGED = "the picture is truncated or damaged"
_DESCRIPTION, _MAKE, _MODEL, _ORIENTATION, _SOFTWARE, _C2PA = 0x010E, 0x010F, 0x0110, 0x0112, 0x0131, 0xCD41
_EXIF_IFD, _TAKEN_AT, _USER_COMMENT = 0x8769, 0x9003, 0x9286
_SIDEWAYS = (5, 6, 7, 8)


def inspect_image(path: Path, sniffed: Sniffed) -> Inspection:
    """A picture's format, its size as it is displayed, and what is embedded in it.

    The picture is decoded, which reveals a truncated file; the size of such a file stays unknown.
    """
    embedded = EmbeddedMetadata()
    size, problem = None, None
    try:
        with decoding(_DAMAGED):
            if has_manifest_store(path, sniffed.content_type):
                embedded.manifest_store()
            if sniffed.content_type == "image/png":
                note_texts(path, embedded)
        size = _size(path, sniffed, embedded)
    except UnreadableError as error:
        problem = str(error)
    width, height = size or (None, None)
    picture = sniffed.media(width=count(width), height=count(height))
    return Inspection(sniffed.content_type, picture, embedded.members, problem)


@contextmanager
def open_image(path: Path, content_type: str) -> Iterator[Image.Image]:
    """A picture whose header is read, by the one decoder for its type, in its turn. UnreadableError if there is none.

    Decoders that read ahead see at most 256 MiB, and those that run other programs are never asked.
    """
    if content_type not in PICTURE_DECODERS:
        raise UnreadableError(f"pictures of the type {content_type} are not decoded")
    if path.stat().st_size > MAX_FILE:
        raise UnreadableError(f"the picture is larger than {MAX_FILE:,} bytes")
    with PICTURES, _header(path, PICTURE_DECODERS[content_type]) as image:
        yield image


def _header(path: Path, decoder: str) -> Image.Image:
    too_many = UnreadableError(f"the picture has more than {MAX_PIXELS:,} pixels")
    try:
        with decoding(_DAMAGED):
            image = Image.open(path, formats=[decoder])
    except UnreadableError as error:
        if isinstance(error.__cause__, Image.DecompressionBombError | Image.DecompressionBombWarning):
            raise too_many from None
        raise
    if image.width * image.height > MAX_PIXELS:
        image.close()
        raise too_many
    return image


def upright(picture: Image.Image, original: Image.Image) -> Image.Image:
    """A copy of a picture, itself turned as the original is displayed (Exif 2.32, Orientation)."""
    picture.info.pop("exif", None)  # or Pillow would write it anew, which not all EXIF data stand
    picture.getexif()[_ORIENTATION] = original.getexif().get(_ORIENTATION, 1)
    return ImageOps.exif_transpose(picture)


def _size(path: Path, sniffed: Sniffed, embedded: EmbeddedMetadata) -> Size | None:
    if sniffed.content_type == "image/svg+xml":
        return svg_size(path)
    if sniffed.content_type in _HEIF:
        return heif_size(path)
    if sniffed.content_type not in PICTURE_DECODERS:
        return None
    with open_image(path, sniffed.content_type) as image:
        return _decoded_size(image, embedded)


def _decoded_size(image: Image.Image, embedded: EmbeddedMetadata) -> Size:
    size, mode = image.size, image.mode
    embedded.texts("colour", {"mode": mode, "profile": _profile(image)})
    if image.format != "PNG":  # the EXIF data of a PNG may follow its pixels
        _note_header(image, embedded)
    with decoding(_DAMAGED):
        image.draft(None, (max(1, size[0] // 8), max(1, size[1] // 8)))
        image.load()
    if image.format == "PNG":
        _note_header(image, embedded)
    with decoding(_DAMAGED):
        sideways = image.getexif().get(_ORIENTATION) in _SIDEWAYS
    return size[::-1] if sideways else size


def _profile(image: Image.Image) -> str | None:
    with suppress(UnreadableError), decoding("the colour profile is damaged"):
        profile = ImageCms.ImageCmsProfile(io.BytesIO(image.info["icc_profile"]))
        return ImageCms.getProfileDescription(profile)
    return None


def _note_header(image: Image.Image, embedded: EmbeddedMetadata) -> None:
    """Keep what stands in EXIF, XMP and the application segments, as far as they can be read."""
    with suppress(UnreadableError), decoding("the EXIF data are damaged"):
        _note_exif(image, embedded)
    embedded.xmp(image.info.get("xmp"))
    segments = (data for name, data in getattr(image, "applist", []) if name == "APP11")
    if any(data[:2] == b"JP" and is_manifest_store(data[8:]) for data in segments):
        embedded.manifest_store()


def _note_exif(image: Image.Image, embedded: EmbeddedMetadata) -> None:
    exif = image.getexif()
    details = exif.get_ifd(_EXIF_IFD)
    texts = {
        "Software": exif.get(_SOFTWARE),
        "ImageDescription": exif.get(_DESCRIPTION),
        "DateTimeOriginal": details.get(_TAKEN_AT),
    }
    embedded.texts("exif", {name: _as_utf8(text) for name, text in texts.items()})
    for tag, name in ((_MAKE, "workflow"), (_MODEL, "prompt")):
        text = _as_utf8(exif.get(tag))
        if text and text.startswith(f"{name}:"):
            embedded.document(name, text.partition(":")[2])
    comment = _user_comment(details.get(_USER_COMMENT))
    if "Steps: " in comment:
        embedded.parameters(comment)
    if _C2PA in exif:
        embedded.manifest_store()


def _as_utf8(value: object) -> str | None:
    """Pillow reads EXIF texts as Latin-1; most writers write UTF-8."""
    if not isinstance(value, str):
        return None
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value


def _user_comment(value: object) -> str:
    """The EXIF user comment, whose first 8 bytes name its encoding; UTF-16 in either order of bytes."""
    if not isinstance(value, bytes):
        return ""
    encoding, text = value[:8], value[8:]
    if encoding == b"UNICODE\0":
        return text.decode("utf-16-be" if text[:1] == b"\0" else "utf-16-le", "replace")
    return text.decode(errors="replace") if encoding == b"ASCII\0\0\0" else ""
