"""Looks at video and audio."""

from contextlib import suppress
from pathlib import Path

from av.container import InputContainer
from av.video.stream import VideoStream

from domain.media import Media
from infra.media.containers import ends_early, has_manifest_store
from infra.media.decodable import DEMUXERS
from infra.media.decoder_guard import PICTURES, UnreadableError, count, decoding, quantity
from infra.media.demuxing import duration_of, frames_of, open_media, picture_stream
from infra.media.file_metadata import EmbeddedMetadata, Inspection
from infra.media.sniffing import Sniffed, media_of_type

MAX_FRAME_RATE = 1000
_EITHER = ("mp4", "webm", "x-matroska", "ogg")


def inspect_audio_video(path: Path, sniffed_type: Sniffed) -> Inspection:
    """What the headers and tags say. The streams decide whether a container holds moving pictures or only sound."""
    embedded = EmbeddedMetadata()
    problem: str | None = None
    try:
        with decoding("the file is truncated or damaged"):
            if has_manifest_store(path, sniffed_type.content_type):
                embedded.manifest_store()
            if ends_early(path, sniffed_type.content_type):
                problem = "the file ends before its data do"
        if sniffed_type.content_type in DEMUXERS:
            with open_media(path, sniffed_type.content_type) as container:
                _note_tags(container, embedded)
                sniffed_type = _by_streams(container, sniffed_type)
                return Inspection(
                    sniffed_type.content_type, _measured(container, sniffed_type), embedded.members, problem
                )
    except UnreadableError as error:
        problem = problem or str(error)
    return Inspection(sniffed_type.content_type, sniffed_type.media(), embedded.members, problem)


def _by_streams(container: InputContainer, sniffed_type: Sniffed) -> Sniffed:
    family, _, name = sniffed_type.content_type.partition("/")
    if name not in _EITHER:
        return sniffed_type
    if picture_stream(container) is not None:
        return sniffed_type if family == "video" else media_of_type(f"video/{name}")
    return media_of_type(f"audio/{name}") if family == "video" and container.streams.audio else sniffed_type


def _measured(container: InputContainer, sniffed_type: Sniffed) -> Media:
    if not (container.streams.video or container.streams.audio):
        raise UnreadableError("the file has neither pictures nor sound in it")
    duration, stream = duration_of(container), picture_stream(container)
    if sniffed_type.kind == "audio":
        rate = count(container.streams.audio[0].rate) if container.streams.audio else None
        return sniffed_type.media(duration=duration, sample_rate=rate)
    return sniffed_type.media(duration=duration, **(_picture(container, stream) if stream else {}))


def _picture(container: InputContainer, stream: VideoStream) -> dict[str, float | None]:
    rate = quantity(float(stream.average_rate or 0))
    width, height = count(stream.codec_context.width), count(stream.codec_context.height)
    if _is_sideways(container, stream):
        width, height = height, width
    return {"width": width, "height": height, "frame_rate": None if rate and rate > MAX_FRAME_RATE else rate}


def _is_sideways(container: InputContainer, stream: VideoStream) -> bool:
    with suppress(UnreadableError), PICTURES, decoding("no picture can be decoded"):
        return bool(next(frames_of(container, stream)).rotation % 180)
    return False


def _note_tags(container: InputContainer, embedded: EmbeddedMetadata) -> None:
    """Keep the title, and the generation data ComfyUI writes. In Ogg the tags are a stream's."""
    tags = {**dict(container.streams[0].metadata if len(container.streams) else {}), **container.metadata}
    tags_by_name = {name.lower(): text for name, text in tags.items()}
    embedded.text("title", tags_by_name.get("title"))
    for name in ("prompt", "workflow"):
        embedded.document(name, tags_by_name.get(name))
