"""Media: what an asset is. What is unknown is null, never 0; a format nobody has heard of is `other`."""

from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field

from domain.json_documents import integral
from domain.model import Frozen

FORMATS = {
    "image": "png jpeg webp gif avif heic tiff bmp svg".split(),
    "video": "mp4 webm mov mkv avi gif".split(),
    "audio": "mp3 wav flac ogg opus aac m4a aiff midi".split(),
    "document": "pdf docx pptx xlsx odt epub html markdown text csv json".split(),
    "map": "png jpeg webp svg geojson tmx".split(),
}
SYNONYMS = {"jpg": "jpeg", "tif": "tiff", "md": "markdown", "txt": "text", "htm": "html", "mid": "midi"}


def known_format(kind: str) -> BeforeValidator:
    """A validator that turns a format unknown for the media kind into `other`."""

    def normalise(value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
        if not isinstance(value, str):
            return value
        name = value.strip().lower().removeprefix(".")
        name = SYNONYMS.get(name, name)
        return name if name in FORMATS[kind] else "other"

    return BeforeValidator(normalise)


PositiveInt = Annotated[int, Field(strict=True, gt=0, lt=2**31), BeforeValidator(integral)]
PositiveFloat = Annotated[float, Field(strict=True, gt=0, allow_inf_nan=False)]


class Image(Frozen):
    """A still picture; sizes in pixels."""

    media_kind: Literal["image"]
    format: Annotated[str | None, known_format("image")] = None
    width: PositiveInt | None = None
    height: PositiveInt | None = None


class Video(Frozen):
    """A moving picture; duration in seconds, frame rate in frames per second."""

    media_kind: Literal["video"]
    format: Annotated[str | None, known_format("video")] = None
    width: PositiveInt | None = None
    height: PositiveInt | None = None
    duration: PositiveFloat | None = None
    frame_rate: PositiveFloat | None = None


class Audio(Frozen):
    """Sound; duration in seconds, sample rate in hertz."""

    media_kind: Literal["audio"]
    format: Annotated[str | None, known_format("audio")] = None
    duration: PositiveFloat | None = None
    sample_rate: PositiveInt | None = None


class DocumentMedia(Frozen):
    """A text document."""

    media_kind: Literal["document"]
    format: Annotated[str | None, known_format("document")] = None
    page_count: PositiveInt | None = None


class Map(Frozen):
    """A map of a place, as a picture or as data; sizes in pixels where it has any."""

    media_kind: Literal["map"]
    format: Annotated[str | None, known_format("map")] = None
    width: PositiveInt | None = None
    height: PositiveInt | None = None


class File(Frozen):
    """Any other file."""

    media_kind: Literal["file"]


Media = Annotated[Image | Video | Audio | DocumentMedia | Map | File, Field(discriminator="media_kind")]
MediaKind = Literal["image", "video", "audio", "document", "map", "file"]


def fit(declared: Media, detected: Media, content_type: str | None) -> tuple[Media, str | None]:
    """An asset of the declared kind by its bytes, and what does not fit: a map may be a picture, a file anything."""
    if detected.media_kind == declared.media_kind:
        return detected, None
    if isinstance(declared, File):
        return declared, None
    if isinstance(declared, Map) and isinstance(detected, Image):
        return Map(media_kind="map", format=detected.format, width=detected.width, height=detected.height), None
    return declared, f"the bytes are {content_type or 'of an unknown type'}, which is no {declared.media_kind}"


_UNSAID: Final = frozenset({"application/octet-stream", "application/x-www-form-urlencoded", "binary/octet-stream"})


def media_type(content_type: str | None) -> str | None:
    """The media type without its parameters; None if it says nothing of the bytes."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    return None if kind in _UNSAID else kind or None
