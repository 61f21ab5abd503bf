"""Looks at video and audio."""

from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from domain import media
from infra.media.chunks import ends_early, has_manifest_store
from infra.media.demuxing import DEMUXERS, duration_of, frames_of, opened, picture_stream
from infra.media.embedded import Embedded
from infra.media.hostile import UnreadableError, count, decoding, quantity
from infra.media.inspection import Inspection
from infra.media.sniffing import Sniffed, sniffed
from infra.media.turns import PICTURES

MAX_FRAME_RATE = 1000
_EITHER = ("mp4", "webm", "x-matroska", "ogg")


def look_at_stream(path: Path, seen: Sniffed) -> Inspection:
    """A video's or a sound's measures by its headers, and what is embedded in it.

    Whether a container holds moving pictures or only sound is told by its streams.
    """
    embedded = Embedded()
    problem: str | None = None
    try:
        with decoding("the file is truncated or damaged"):
            if has_manifest_store(path, seen.content_type):
                embedded.manifest_store()
            if ends_early(path, seen.content_type):
                problem = "the file ends before its data do"
        if seen.content_type in DEMUXERS:
            with opened(path, seen.content_type) as container:
                _note_tags(container, embedded)
                seen = _by_streams(container, seen)
                return Inspection(seen.content_type, _measured(container, seen), embedded.found, problem)
    except UnreadableError as error:
        problem = problem or str(error)
    return Inspection(seen.content_type, _unmeasured(seen), embedded.found, problem)


def _by_streams(container: InputContainer, seen: Sniffed) -> Sniffed:
    family, _, name = seen.content_type.partition("/")
    if name not in _EITHER:
        return seen
    if picture_stream(container) is not None:
        return seen if family == "video" else sniffed(f"video/{name}")
    return sniffed(f"audio/{name}") if family == "video" and container.streams.audio else seen


def _unmeasured(seen: Sniffed) -> media.Video | media.Audio:
    if seen.kind == "audio":
        return media.Audio(media_kind="audio", format=seen.format)
    return media.Video(media_kind="video", format=seen.format)


def _measured(container: InputContainer, seen: Sniffed) -> media.Video | media.Audio:
    if not (container.streams.video or container.streams.audio):
        raise UnreadableError("the file has neither pictures nor sound in it")
    duration, stream = duration_of(container), picture_stream(container)
    if seen.kind == "audio":
        rate = count(container.streams.audio[0].rate) if container.streams.audio else None
        return media.Audio(media_kind="audio", format=seen.format, duration=duration, sample_rate=rate)
    video = media.Video(media_kind="video", format=seen.format, duration=duration)
    return video if stream is None else video.model_copy(update=_picture(container, stream))


def _picture(container: InputContainer, stream: VideoStream) -> dict[str, float | None]:
    """Width and height as displayed, and the frame rate."""
    rate = quantity(float(stream.average_rate or 0))
    width, height = count(stream.codec_context.width), count(stream.codec_context.height)
    if _is_sideways(container, stream):
        width, height = height, width
    return {"width": width, "height": height, "frame_rate": None if rate and rate > MAX_FRAME_RATE else rate}


def _is_sideways(container: InputContainer, stream: VideoStream) -> bool:
    try:
        with PICTURES, decoding("no picture can be decoded"):
            return bool(next(frames_of(container, stream)).rotation % 180)
    except UnreadableError:
        return False


def _note_tags(container: InputContainer, embedded: Embedded) -> None:
    """Keep the title, and the generation data ComfyUI writes. In Ogg the tags are a stream's."""
    tags = {**dict(container.streams[0].metadata if len(container.streams) else {}), **container.metadata}
    named = {name.lower(): text for name, text in tags.items()}
    embedded.text("title", named.get("title"))
    for name in ("prompt", "workflow"):
        embedded.document(name, named.get(name))
