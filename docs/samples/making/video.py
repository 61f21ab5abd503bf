"""The WebM: a paper plane crossing a valley."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path

import av
from PIL import Image, ImageDraw

from making.drawing import OVERSAMPLE, Point, Stops, add_glow, circle, draw_ridge, gradient, shrink

MORNING: Stops = (
    (0.0, (70, 140, 200)),
    (0.55, (168, 212, 226)),
    (0.8, (252, 228, 190)),
    (1.0, (255, 214, 160)),
)


def draw_glider(draw: ImageDraw.ImageDraw, x: float, y: float, tilt: float) -> None:
    """Draw a paper plane whose nose rises and falls with `tilt`."""

    def at(dx: float, dy: float) -> Point:
        return x + dx, y + dy - dx * tilt

    nose = at(64, 0)
    draw.polygon([nose, at(-56, -34), at(-34, -4)], fill=(255, 255, 252))
    draw.polygon([nose, at(-34, -4), at(-40, 26)], fill=(196, 208, 222))
    draw.polygon([nose, at(-30, 8), at(-62, 18)], fill=(236, 240, 246))


def draw_flight_frame(t: float) -> Image.Image:
    """Draw the flight's frame at `t`, 0 to 1: a paper plane crossing a valley that slides by."""
    size = (320 * OVERSAMPLE, 180 * OVERSAMPLE)
    image = gradient(size, MORNING)
    draw = ImageDraw.Draw(image)
    add_glow(image, (470, 220), 220, (255, 246, 214), 0.9)
    circle(draw, (470, 220), 30, (255, 250, 232))
    draw_ridge(draw, size, (262, 16, 1.2 + t * 0.8), (148, 176, 190))
    draw_ridge(draw, size, (298, 18, 3.0 + t * 2.0), (92, 138, 140))
    draw_ridge(draw, size, (336, 16, 5.1 + t * 4.0), (44, 92, 88))
    draw_glider(draw, 90 + 440 * t, 150 - 40 * math.sin(math.tau * t), 0.25 * math.cos(math.tau * t))
    return shrink(image)


def make_flight(path: Path) -> None:
    """Save the flight as VP9 in WebM: 2 s, 320 x 180, 12 frames a second."""
    rate, count = 12, 24
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as out:
        out.metadata["title"] = "Flight"
        stream = out.add_stream("libvpx-vp9", rate=rate, options={"crf": "30", "b": "0", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuv420p"
        stream.time_base = Fraction(1, rate)
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for i in range(count):
            frame = av.VideoFrame.from_image(draw_flight_frame(i / (count - 1)))
            frame.pts, frame.time_base = i, Fraction(1, rate)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
