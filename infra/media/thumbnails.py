"""Small pictures of files, as WebP, which keeps transparency.

What is made of FFmpeg's libraries, 17 MB, is imported when the first video or sound comes.
"""

import io
from contextlib import suppress
from pathlib import Path
from typing import cast

from PIL import Image, ImageDraw

from infra.media import images
from infra.media.decoder_guard import PICTURES, UnreadableError, decoding
from infra.media.pdf import first_page
from infra.media.sniffing import sniff

CONTENT_TYPE = "image/webp"
MAX_SIDE = 4096
_NOTHING = "there is nothing to show"
_QUALITY = 80
_RESIZABLE = ("L", "RGB", "RGBA", "CMYK")
_INK = (70, 110, 160, 255)
_LOUDEST = 32768


def thumbnail(path: Path, media_kind: str, size: int) -> bytes | None:
    """WebP of an image, a video's picture near 10 % of its time or a PDF's first page, in a square of `size` pixels.

    `media_kind` may be a content type as well. None if the file is of another kind, shows nothing, is damaged or takes
    too long. ServiceUnavailableError if that cannot be found out now.
    """
    with suppress(UnreadableError), decoding(_NOTHING):
        return _encoded(_picture(path, media_kind, _checked(size)))
    return None


def waveform(path: Path, width: int, height: int) -> bytes | None:
    """WebP of a sound's waveform on a transparent ground, of its first half hour; None if it cannot be decoded."""
    from infra.media import demuxing  # noqa: PLC0415 - as above

    with suppress(UnreadableError), decoding(_NOTHING):
        peaks = demuxing.peaks(path, sniff(path, None, None).content_type)
        return _encoded(_draw(peaks, _checked(width), _checked(height)))
    return None


def _picture(path: Path, media_kind: str, size: int) -> Image.Image:
    sniffed = sniff(path, None, None)
    match media_kind.partition("/")[0]:
        case "image" | "map":
            return _still(path, sniffed.content_type, size)
        case "video":
            return _frame(path, sniffed.content_type, size)
        case "document" | "application" if sniffed.content_type == "application/pdf":
            return first_page(path, size)
    raise UnreadableError(_NOTHING)


def _checked(side: int) -> int:
    if not 0 < side <= MAX_SIDE:
        raise UnreadableError(_NOTHING)
    return side


def _still(path: Path, content_type: str, size: int) -> Image.Image:
    with images.open_image(path, content_type) as image:
        image.draft(None, (2 * size, 2 * size))
        image.load()
        small = image if image.mode in _RESIZABLE and "transparency" not in image.info else _eight_bits(image)
        small.thumbnail((size, size), reducing_gap=2.0)
        return images.upright(_eight_bits(small), image)


def _eight_bits(image: Image.Image) -> Image.Image:
    """The picture in 8 bits a channel, from its darkest to its brightest where a channel has no fixed range."""
    if image.mode.startswith("I;16"):
        return image.point(lambda value: value * (1 / 257)).convert("L")
    if image.mode in {"I", "F"}:
        darkest, brightest = cast(tuple[float, float], image.getextrema())
        scale = 255 / ((brightest - darkest) or 1)
        return image.point(lambda value: value * scale + -darkest * scale).convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _frame(path: Path, content_type: str, size: int) -> Image.Image:
    from infra.media import demuxing  # noqa: PLC0415 - as above

    with PICTURES, demuxing.open_media(path, content_type) as container:
        stream = demuxing.picture_stream(container)
        tenth = (demuxing.duration_of(container) or 0) / 10
        frame = demuxing.frame_near(container, stream, tenth) if stream else None
        if frame is None:
            raise UnreadableError(_NOTHING)
        scale = min(1, size / max(frame.width, frame.height))
        width, height = (max(1, round(side * scale)) for side in (frame.width, frame.height))
        small = frame.reformat(width, height, "rgb24")
        [plane] = small.planes
        picture = Image.frombuffer("RGB", (width, height), bytes(plane), "raw", "RGB", plane.line_size, 1)
        return picture.rotate(frame.rotation, expand=True) if frame.rotation else picture


def _draw(peaks: list[tuple[int, int]], width: int, height: int) -> Image.Image:
    if not peaks:
        raise UnreadableError(_NOTHING)
    picture = Image.new("RGBA", (width, height))
    draw = ImageDraw.Draw(picture)
    for column in range(width):
        place = column * len(peaks) // width
        following = (column + 1) * len(peaks) // width
        part = peaks[place : max(following, place + 1)]
        top, bottom = max(high for _, high in part), min(low for low, _ in part)
        draw.line([(column, _height_of(top, height)), (column, _height_of(bottom, height))], fill=_INK)
    return picture


def _height_of(sample: int, height: int) -> int:
    return round((height - 1) * (_LOUDEST - sample) / (2 * _LOUDEST))


def _encoded(picture: Image.Image) -> bytes:
    written = io.BytesIO()
    picture.save(written, "WEBP", quality=_QUALITY)
    return written.getvalue()
