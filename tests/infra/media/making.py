"""Makes files of every kind, as their usual writers would."""

import math
import struct
import zlib
from array import array
from pathlib import Path
from typing import Any

import av
import pypdfium2
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from infra.media.file_metadata import Inspection
from infra.media.inspection import inspect

SAMPLES = Path(__file__).parents[3] / "docs" / "samples"
MANIFEST_STORE = (
    struct.pack(">I4sI4s", 46, b"jumb", 38, b"jumd")
    + bytes.fromhex("63327061001100108000" + "00aa00389b71")
    + b"\x03c2pa\0"
)
C2PA_USE = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
RATE = 48000


def inspect_bytes(path: Path) -> Inspection:
    """What a file is told to be by its bytes alone."""
    return inspect(path, None, None)


def measures(path: Path) -> dict[str, Any]:
    """The media of a file that is understood."""
    inspection = inspect_bytes(path)
    assert inspection.problem is None
    return inspection.media.model_dump()


def halves(width: int = 40, height: int = 20) -> Image.Image:
    """A picture that is blue on the left and red on the right."""
    image = Image.new("RGB", (width, height), "red")
    image.paste("blue", (0, 0, width // 2, height))
    return image


def saved(folder: Path, name: str, image: Image.Image | None = None, **options: Any) -> Path:
    """A picture's file, in the format its name says."""
    path = folder / name
    (image or halves()).save(path, **options)
    return path


def turned(orientation: int) -> Image.Exif:
    """EXIF data with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_with(folder: Path, *chunks: bytes, name: str = "with.png", late: bool = False) -> Path:
    """A PNG with more chunks, before its pixels or after them."""
    path = saved(folder, name)
    data = path.read_bytes()
    place = data.index(b"IEND" if late else b"IDAT") - 4
    path.write_bytes(data[:place] + b"".join(chunks) + data[place:])
    return path


def jpeg_with(folder: Path, segment: bytes, marker: int) -> Path:
    """A JPEG with one more application segment."""
    path = saved(folder, "with.jpg")
    data = path.read_bytes()
    path.write_bytes(data[:2] + struct.pack(">BBH", 0xFF, marker, len(segment) + 2) + segment + data[2:])
    return path


def box(kind: bytes, data: bytes) -> bytes:
    """A box of the ISO base media file format."""
    return struct.pack(">I4s", 8 + len(data), kind) + data


def sound(folder: Path, name: str, codec: str, seconds: float = 1.0, rate: int = RATE) -> Path:
    """A tone that is loud in its first half and quiet in its second."""
    path = folder / name
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, AudioStream)
        stream.layout = "mono"
        _play(container, stream, round(seconds * rate))
    return path


def _play(container: Any, stream: AudioStream, samples: int) -> None:
    resampler = av.AudioResampler(format=stream.format, layout="mono", rate=stream.rate, frame_size=960)
    for start in range(0, samples, 960):
        loudness = 24000 if start < samples / 2 else 2400
        part = array("h", (round(loudness * math.sin(at / 12)) for at in range(start, min(start + 960, samples))))
        frame = AudioFrame(format="s16", layout="mono", samples=len(part))
        frame.planes[0].update(part.tobytes())
        frame.sample_rate, frame.pts = stream.rate, start
        for resampled in resampler.resample(frame):
            container.mux(stream.encode(resampled))
    for resampled in resampler.resample(None):
        container.mux(stream.encode(resampled))
    container.mux(stream.encode(None))


def video(folder: Path, name: str, codec: str, rotation: int = 0, **tags: str) -> Path:
    """Two seconds of 64 x 48 pixels at 12 frames a second: blue on the left, red on the right."""
    path = folder / name
    with av.open(path, "w", options={"movflags": "use_metadata_tags"} if path.suffix == ".mp4" else {}) as container:
        container.metadata.update(tags)
        stream = container.add_stream(codec, rate=12)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        if rotation:
            stream.set_display_rotation(rotation)
        picture = halves(64, 48).convert("RGBA").tobytes()
        for number in range(24):
            frame = VideoFrame.from_bytes(picture, 64, 48, "rgba").reformat(format="yuv420p")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def pdf(folder: Path, pages: int, width: float = 200, height: float = 100) -> Path:
    """A PDF of empty pages."""
    path = folder / "made.pdf"
    with pypdfium2.PdfDocument.new() as document:
        for _ in range(pages):
            document.new_page(width, height).close()
        document.save(path)
    return path
