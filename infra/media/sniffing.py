"""Recognises a file's content type: by its bytes, and by its declared type and name only where they prove nothing."""

import codecs
import os
import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from pydantic import TypeAdapter

from domain.media import Media, MediaKind, media_type
from infra.media.signatures import rare_type, type_by_signature

_MEDIA: TypeAdapter[Media] = TypeAdapter(Media)
HEAD = 64 * 1024
UNKNOWN = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_KNOWN: dict[str, tuple[MediaKind, str]] = {
    "image/svg+xml": ("image", "svg"),
    "video/quicktime": ("video", "mov"),
    "video/x-matroska": ("video", "mkv"),
    "video/x-msvideo": ("video", "avi"),
    "audio/mpeg": ("audio", "mp3"),
    "audio/mp4": ("audio", "m4a"),
    "application/pdf": ("document", "pdf"),
    f"{_OFFICE}wordprocessingml.document": ("document", "docx"),
    f"{_OFFICE}presentationml.presentation": ("document", "pptx"),
    f"{_OFFICE}spreadsheetml.sheet": ("document", "xlsx"),
    "application/vnd.oasis.opendocument.text": ("document", "odt"),
    "application/epub+zip": ("document", "epub"),
    "application/json": ("document", "json"),
    "application/geo+json": ("map", "geojson"),
    "text/plain": ("document", "text"),
}
_KINDS: dict[str, MediaKind] = {"image": "image", "video": "video", "audio": "audio", "text": "document"}
_PROVABLE = frozenset(
    "image/png image/jpeg image/gif image/tiff image/webp image/avif image/heic image/bmp image/svg+xml video/mp4 "
    "video/webm video/quicktime video/x-matroska video/x-msvideo audio/mpeg audio/mp4 audio/wav audio/flac audio/ogg "
    "audio/aac audio/aiff audio/midi application/pdf application/zip application/epub+zip image/heif image/jpg "
    "image/pjpeg audio/mp3 audio/wave audio/x-wav audio/x-flac audio/x-m4a".split()
)
_TEXT_BY_NAME = {
    ".csv": "text/csv",
    ".geojson": "application/geo+json",
    ".htm": "text/html",
    ".html": "text/html",
    ".json": "application/json",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
}
_TEXTUAL = re.compile(r"text/.+|application/(?:.+\+)?(?:json|xml|yaml)|application/(?:x-ndjson|javascript|toml|sql)")
_CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_SVG = re.compile(
    r"\s*(?:<\?xml\b[^>]{0,500}\?>\s*)?(?:<!--(?:(?!-->)[^\0]){0,2000}-->\s*|<!DOCTYPE svg\b[^>]{0,1000}>\s*)*<svg[\s>]"
)
_HTML = re.compile(r"\s*(?:<!doctype html\b|<html[\s>])", re.IGNORECASE)


class Sniffed(NamedTuple):
    """A content type (RFC 9110) and the media it stands for; a problem if it is not what was declared."""

    content_type: str
    kind: MediaKind
    format: str | None
    problem: str | None = None

    def media(self, **measures: float | None) -> Media:
        """The media of this kind and format with these measures."""
        file_format = {} if self.kind == "file" else {"format": self.format}
        return _MEDIA.validate_python({"media_kind": self.kind, **file_format, **measures})


def sniff(path: Path, declared_type: str | None, file_name: str | None) -> Sniffed:
    """What the file is; its first and last 64 KiB are read. OSError if it cannot be read."""
    with path.open("rb") as file:
        head = file.read(HEAD)
        file.seek(max(0, file.seek(0, os.SEEK_END) - HEAD))
        tail = file.read(HEAD)
    declared = media_type(declared_type)
    content_type = type_by_signature(head, tail) or _by_text(head, declared, file_name)
    if content_type is None:
        return _by_declaration(head, declared)
    if content_type == "audio/ogg" and b"OpusHead" in head[:256]:
        return Sniffed(content_type, "audio", "opus")
    return media_of_type(content_type)


def media_of_type(content_type: str, problem: str | None = None) -> Sniffed:
    """The media a content type stands for."""
    family, _, name = content_type.partition("/")
    kind, file_format = _KNOWN.get(content_type, (_KINDS.get(family, "file"), name.removeprefix("x-")))
    return Sniffed(content_type, kind, None if kind == "file" else file_format, problem)


def _by_text(head: bytes, declared: str | None, file_name: str | None) -> str | None:
    text = text_of(head)
    if not text:
        return None
    if _SVG.match(text):
        return "image/svg+xml"
    if _HTML.match(text):
        return "text/html"
    if declared and declared != "text/plain" and _TEXTUAL.fullmatch(declared):
        return declared
    return _TEXT_BY_NAME.get(PurePosixPath((file_name or "").lower()).suffix, "text/plain")


def text_of(head: bytes) -> str | None:
    """The bytes as text if they are UTF-8 without control characters; their end may be cut."""
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(head, final=len(head) < HEAD)
    except UnicodeDecodeError:
        return None
    return None if _CONTROL.search(text) else text


def _by_declaration(head: bytes, declared: str | None) -> Sniffed:
    if not head:
        return media_of_type(UNKNOWN, "the file is empty")
    if declared and (declared in _PROVABLE or _TEXTUAL.fullmatch(declared)):
        return media_of_type(UNKNOWN, f"the bytes are not {declared}, as which they were declared")
    if declared is None or not _CONTENT_TYPE.fullmatch(declared):
        declared = UNKNOWN
    return media_of_type(rare_type(head) or declared)
