"""What the drawings share: colours, gradients, light and hills."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from PIL import Image, ImageDraw

Colour = tuple[int, int, int]
Stops = Sequence[tuple[float, Colour]]
Point = tuple[float, float]
OVERSAMPLE = 2
GRADIENT_EDGE = 180
DUSK: Stops = (
    (0.0, (22, 20, 66)),
    (0.3, (78, 48, 116)),
    (0.52, (190, 88, 126)),
    (0.68, (248, 160, 116)),
    (0.8, (255, 214, 156)),
    (1.0, (255, 226, 180)),
)


def mix(a: Colour, b: Colour, t: float) -> Colour:
    """Blend two colours, `t` of the way from `a` to `b`."""
    red, green, blue = (round(x + (y - x) * t) for x, y in zip(a, b, strict=True))
    return red, green, blue


def colour_at(stops: Stops, t: float) -> Colour:
    """Look up the colour at position `t` of a gradient."""
    for (t0, c0), (t1, c1) in pairwise(stops):
        if t <= t1:
            return mix(c0, c1, (t - t0) / (t1 - t0))
    return stops[-1][1]


def gradient(size: tuple[int, int], stops: Stops) -> Image.Image:
    """Paint a vertical gradient."""
    width, height = size
    column = Image.new("RGB", (1, height))
    for y in range(height):
        column.putpixel((0, y), colour_at(stops, y / (height - 1)))
    return column.resize((width, height), Image.Resampling.NEAREST)


def add_glow(image: Image.Image, centre: tuple[int, int], radius: int, colour: Colour, strength: float) -> None:
    """Lay a soft round light over the image."""
    falloff = [round(255 * strength * max(0.0, 1 - v / GRADIENT_EDGE) ** 1.7) for v in range(256)]
    mask = Image.radial_gradient("L").point(falloff).resize((2 * radius, 2 * radius))
    image.paste(colour, (centre[0] - radius, centre[1] - radius), mask)


def circle(draw: ImageDraw.ImageDraw, centre: Point, radius: float, fill: Colour) -> None:
    """Draw a filled circle."""
    x, y = centre
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=fill)


def draw_ridge(
    draw: ImageDraw.ImageDraw, size: tuple[int, int], hills: tuple[float, float, float], fill: Colour
) -> None:
    """Draw hills (base line, rise, phase) across the whole width."""
    width, height = size
    base, rise, phase = hills
    crest = [
        (x, base - rise * (math.sin(x / width * 7 + phase) + 0.45 * math.sin(x / width * 17 + phase * 2.3)))
        for x in range(0, width + 4, 4)
    ]
    draw.polygon([(0, height), *crest, (width, height)], fill=fill)


def shrink(image: Image.Image) -> Image.Image:
    """Scale an oversampled drawing down to its final size."""
    return image.resize((image.width // OVERSAMPLE, image.height // OVERSAMPLE), Image.Resampling.LANCZOS)
