"""Opens video and audio with FFmpeg's libraries, and decodes what pictures of them are drawn from.

The demuxer is named by the sniffed type: left to guess, it would follow playlists into other files and networks.
"""

from array import array
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

import av
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from infra.media.decodable import DEMUXERS
from infra.media.decoder_guard import MAX_PIXELS, SOUNDS, UnreadableError, decoding, quantity

MAX_PACKETS = 250
_DAMAGED = "the file is truncated or damaged"
_TIMEOUT = 10.0  # seconds, for opening and for each reading
_MICROSECONDS = 1_000_000
MAX_SECONDS = 1800
_MAX_RATE = 192_000
_PEAKS_A_SECOND = 100

Peak = tuple[int, int]
"""The lowest and the highest of some samples, -32768 to 32767."""


@contextmanager
def open_media(path: Path, content_type: str) -> Iterator[InputContainer]:
    """The file, demuxed as what it is. UnreadableError if it cannot be, or for whatever is raised inside."""
    if content_type not in DEMUXERS:
        raise UnreadableError(f"files of the type {content_type} are not decoded")
    with (
        decoding(_DAMAGED),
        av.open(
            f"file:{path.absolute()}",
            mode="r",
            format=DEMUXERS[content_type],
            options={"protocol_whitelist": "file"},
            metadata_errors="replace",
            timeout=_TIMEOUT,
        ) as container,
    ):
        yield container


def picture_stream(container: InputContainer) -> VideoStream | None:
    """The first stream of moving pictures; a cover is none."""
    return next(
        (stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic), None
    )


def duration_of(container: InputContainer) -> float | None:
    """How many seconds the file says it lasts."""
    return quantity(container.duration / _MICROSECONDS) if container.duration else None


def frames_of(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    """The pictures in the next 250 packets. UnreadableError if they are too large to decode."""
    if stream.codec_context.width * stream.codec_context.height > MAX_PIXELS:
        raise UnreadableError(f"the picture has more than {MAX_PIXELS:,} pixels")
    for packet in islice(container.demux(stream), MAX_PACKETS):
        yield from packet.decode()


def frame_near(container: InputContainer, stream: VideoStream, second: float) -> VideoFrame | None:
    """The picture at a second from the start, the first one if that cannot be found, None if none can be decoded."""
    start = (container.start_time or 0) / _MICROSECONDS
    return _frame_from(container, stream, start + second) or _frame_from(container, stream, start)


def _frame_from(container: InputContainer, stream: VideoStream, second: float) -> VideoFrame | None:
    last = None
    with suppress(UnreadableError), decoding(_DAMAGED):
        container.seek(int(second * _MICROSECONDS))
        for last in frames_of(container, stream):
            if last.time >= second:
                break
    return last


def peaks(path: Path, content_type: str) -> list[Peak]:
    """The peaks of each 1/100 s of the first half hour, all channels mixed. UnreadableError if none can be decoded."""
    with SOUNDS, open_media(path, content_type) as container:
        rate = container.streams.audio[0].rate
        step, most = max(1, rate // _PEAKS_A_SECOND), min(rate, _MAX_RATE) * MAX_SECONDS
        return [(min(part), max(part)) for part in _parts(container, step, most)]


def _parts(container: InputContainer, step: int, most: int) -> "Iterator[array[int]]":
    """Equal parts of the samples, the last one shorter."""
    waiting: array[int] = array("h")
    for samples in _samples(container):
        waiting.extend(samples)
        whole = len(waiting) - len(waiting) % step
        yield from (waiting[start : start + step] for start in range(0, whole, step))
        del waiting[:whole]
        most -= len(samples)
        if most <= 0:
            return
    if waiting:
        yield waiting


def _samples(container: InputContainer) -> "Iterator[array[int]]":
    """The samples as 16-bit integers, mixed into one channel, as they are decoded."""
    stream = container.streams.audio[0]
    resampler = AudioResampler(format="s16", layout="mono", rate=stream.rate)
    for packet in container.demux(stream):
        for decoded in packet.decode():
            for frame in resampler.resample(decoded):
                yield array("h", bytes(frame.planes[0])[: 2 * frame.samples])
