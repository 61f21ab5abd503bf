"""The PNG: a castle at dusk above a lake."""

from __future__ import annotations

import json
import math
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps
from PIL.PngImagePlugin import PngInfo

from making.drawing import DUSK, OVERSAMPLE, Colour, add_glow, circle, colour_at, draw_ridge, gradient, mix, shrink
from making.generation import a1111_parameters, comfy_prompt, comfy_workflow


def scatter(count: int) -> list[tuple[float, float, float]]:
    """Spread points evenly over the unit cube, the same ones each time."""
    return [((0.8191725 * i) % 1, (0.6710436 * i) % 1, (0.5497005 * i) % 1) for i in range(1, count + 1)]


def draw_stars(draw: ImageDraw.ImageDraw, width: int, height: int) -> None:
    """Scatter stars that thin out towards the bottom of the area."""
    for across, down, size in scatter(110):
        x, y = width * across, height * down**1.6
        sky = colour_at(DUSK, y / height * 0.5)
        brightness = (1 - y / height) * (0.5 + size / 2)
        circle(draw, (x, y), 0.8 + 1.4 * size, mix(sky, (255, 246, 230), brightness))


def draw_battlements(draw: ImageDraw.ImageDraw, left: int, right: int, top: int, fill: Colour) -> None:
    """Set merlons along the top of a wall."""
    count = max(3, (right - left) // 22)
    step = (right - left) / (2 * count - 1)
    for i in range(count):
        x = left + 2 * i * step
        draw.rectangle((x, top - 12, x + step, top), fill=fill)


def draw_tower(draw: ImageDraw.ImageDraw, tower: tuple[int, int, int, int], foot: int, fill: Colour) -> None:
    """Draw a tower (centre, width, top, roof height): a spire with a flag, or battlements without a roof."""
    x, width, top, roof = tower
    half = width // 2
    draw.rectangle((x - half, top, x + half, foot), fill=fill)
    draw.rectangle((x - half - 5, top, x + half + 5, top + 16), fill=fill)
    if not roof:
        draw_battlements(draw, x - half - 5, x + half + 5, top, fill)
        return
    draw.polygon([(x - half - 9, top), (x, top - roof), (x + half + 9, top)], fill=fill)
    draw.line((x, top - roof - 26, x, top - roof + 6), fill=fill, width=3)
    draw.polygon([(x, top - roof - 26), (x + 24, top - roof - 19), (x, top - roof - 12)], fill=(206, 62, 84))


def draw_window(draw: ImageDraw.ImageDraw, x: int, y: int, lit: Colour) -> None:
    """Draw a narrow arched window."""
    draw.rectangle((x - 4, y, x + 4, y + 15), fill=lit)
    draw.pieslice((x - 4, y - 5, x + 4, y + 5), 180, 360, fill=lit)


def draw_castle(draw: ImageDraw.ImageDraw) -> None:
    """Draw the castle: rear towers, front towers, walls, gate and lit windows."""
    rear, front, lit = (62, 40, 84), (34, 24, 56), (255, 206, 112)
    for tower in ((420, 54, 420, 96), (560, 62, 330, 128), (668, 50, 440, 90)):
        draw_tower(draw, tower, 700, rear)
    for tower in ((352, 58, 520, 0), (482, 74, 462, 132), (620, 66, 520, 0), (732, 60, 500, 104)):
        draw_tower(draw, tower, 730, front)
    draw.rectangle((330, 604, 760, 740), fill=front)
    draw_battlements(draw, 330, 760, 604, front)
    draw.rectangle((524, 650, 576, 740), fill=(255, 176, 92))
    draw.pieslice((524, 624, 576, 676), 180, 360, fill=(255, 176, 92))
    for x, y in (
        (352, 560),
        (470, 500),
        (494, 500),
        (482, 552),
        (620, 566),
        (732, 540),
        (732, 580),
        (560, 376),
        (420, 458),
        (668, 478),
        (400, 650),
        (450, 650),
        (650, 650),
        (700, 650),
    ):
        draw_window(draw, x, y, lit)


def add_reflection(image: Image.Image, shore: int) -> None:
    """Mirror what stands above the shore line into rippled water below it."""
    depth = image.height - shore
    mirror = ImageOps.flip(image.crop((0, shore - 2 * depth, image.width, shore)))
    mirror = mirror.resize((image.width, depth)).filter(ImageFilter.GaussianBlur(2))
    for y in range(depth):
        shift = round(math.sin(y * 0.42 + math.sin(y * 0.11) * 3) * (1 + y / 28))
        row = ImageChops.offset(mirror.crop((0, y, image.width, y + 1)), shift, 0)
        water = Image.new("RGB", row.size, (40, 32, 78))
        image.paste(Image.blend(row, water, 0.25 + 0.4 * y / depth), (0, shore + y))


def draw_castle_scene() -> Image.Image:
    """Draw the castle at dusk, 512 x 512."""
    size = (512 * OVERSAMPLE, 512 * OVERSAMPLE)
    image = gradient(size, DUSK)
    draw = ImageDraw.Draw(image)
    draw_stars(draw, size[0], 420)
    add_glow(image, (250, 590), 420, (255, 226, 170), 0.8)
    circle(draw, (250, 590), 56, (255, 240, 204))
    draw_ridge(draw, size, (660, 30, 0.4), (196, 112, 138))
    draw_ridge(draw, size, (716, 26, 2.6), (134, 76, 124))
    draw_castle(draw)
    draw.polygon(
        [(120, 832), (250, 770), (330, 728), (560, 716), (770, 730), (850, 772), (1024, 832)],
        fill=(34, 24, 56),
    )
    draw_ridge(draw, size, (806, 10, 4.2), (26, 19, 46))
    add_reflection(image, 830)
    return shrink(image)


def make_castle(path: Path) -> None:
    """Save the castle as PNG with AUTOMATIC1111 and ComfyUI text chunks."""
    graph = comfy_prompt()
    info = PngInfo()
    info.add_text("parameters", a1111_parameters())
    info.add_text("prompt", json.dumps(graph))
    info.add_text("workflow", json.dumps(comfy_workflow(graph)))
    draw_castle_scene().save(path, pnginfo=info, optimize=True)
