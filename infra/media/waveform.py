"""The peaks of a sound, for a picture of its waveform."""

from array import array
from collections.abc import Iterator
from pathlib import Path

from av.audio.resampler import AudioResampler
from av.container import InputContainer

from infra.media.decoder_guard import SOUNDS
from infra.media.demuxing import open_media

MAX_SECONDS = 1800
_MAX_RATE = 192_000
_PEAKS_A_SECOND = 100

Peak = tuple[int, int]
"""The lowest and the highest of some samples, -32768 to 32767."""


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
