"""Which content types can be decoded, by what, and what can be shown of them."""

from typing import Final

from domain.media import Media
from infra.media.sniffing import media_of_type

PICTURE_DECODERS: Final = {f"image/{name.lower()}": name for name in "PNG JPEG GIF WEBP AVIF TIFF BMP".split()}
"""The pictures that Pillow decodes, by its names of the formats."""
_DEMUXED = {
    "mov": "video/mp4 video/quicktime video/3gpp audio/mp4",
    "matroska": "video/webm video/x-matroska audio/webm audio/x-matroska",
    "ogg": "video/ogg audio/ogg",
    "avi": "video/x-msvideo",
    "mp3": "audio/mpeg",
    **{name: f"audio/{name}" for name in ("wav", "flac", "aac", "aiff")},
}
DEMUXERS: Final = {content_type: name for name, types in _DEMUXED.items() for content_type in types.split()}
"""The videos and sounds that FFmpeg decodes, by its names of the demuxers."""
PDF: Final = "application/pdf"
HAVE_THUMBNAIL: Final = frozenset([*PICTURE_DECODERS, *(name for name in DEMUXERS if name.startswith("video/")), PDF])
"""The content types that may have a thumbnail."""
_MEASURES = {"image": "width", "video": "width", "document": "page_count", "audio": "sample_rate"}


def has_thumbnail(content_type: str | None, media: Media, problem: str | None) -> bool:
    """Whether content of an asset can be expected to have a thumbnail, by what inspecting it has media."""
    return content_type in HAVE_THUMBNAIL and _is_understood(content_type, media, problem)


def has_waveform(content_type: str | None, media: Media, problem: str | None) -> bool:
    """The same for a waveform, which only sounds have."""
    return media.media_kind == "audio" and content_type in DEMUXERS and _is_understood(content_type, media, problem)


def _is_understood(content_type: str, media: Media, problem: str | None) -> bool:
    """Whether the file could be decoded. An asset declared as another kind has no measures though its file is fine."""
    kind = media_of_type(content_type).kind
    if media.media_kind == kind or (media.media_kind, kind) == ("map", "image"):
        return getattr(media, _MEASURES[kind]) is not None
    return problem is None or media.media_kind != "file"
