# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "av==18.1.0",
#     "pillow==13.0.0",
#     "reportlab==5.1.0",
# ]
# ///
"""Make the sample media in this folder: a PNG, a JPEG, a WAV, a WebM and a PDF, always the same ones."""

from __future__ import annotations

import argparse
import json
import math
import struct
import wave
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps
from PIL.ExifTags import IFD, Base
from PIL.PngImagePlugin import PngInfo
from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A5
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

Colour = tuple[int, int, int]
Stops = Sequence[tuple[float, Colour]]
Point = tuple[float, float]

SEED = 271828
OVERSAMPLE = 2
GRADIENT_EDGE = 180

PROMPT = "a castle on a hill above a still lake, dusk, violet sky, low sun, lit windows, silhouette"
NEGATIVE = "people, text, watermark, lowres, blurry"
MODEL = "sample-landscape-v1"
MODEL_HASH = "5a3b1e0c42"
STEPS = 28
CFG = 6.5

DUSK: Stops = (
    (0.0, (22, 20, 66)),
    (0.3, (78, 48, 116)),
    (0.52, (190, 88, 126)),
    (0.68, (248, 160, 116)),
    (0.8, (255, 214, 156)),
    (1.0, (255, 226, 180)),
)
MORNING: Stops = (
    (0.0, (70, 140, 200)),
    (0.55, (168, 212, 226)),
    (0.8, (252, 228, 190)),
    (1.0, (255, 214, 160)),
)
STUDIO: Stops = ((0.0, (30, 82, 98)), (0.6, (58, 132, 138)), (1.0, (120, 176, 164)))


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


def add_glow(
    image: Image.Image, centre: tuple[int, int], radius: int, colour: Colour, strength: float
) -> None:
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


def a1111_parameters() -> str:
    """Write the generation data the way AUTOMATIC1111 stores it."""
    settings = {
        "Steps": STEPS,
        "Sampler": "DPM++ 2M",
        "Schedule type": "Karras",
        "CFG scale": CFG,
        "Seed": SEED,
        "Size": "512x512",
        "Model hash": MODEL_HASH,
        "Model": MODEL,
    }
    line = ", ".join(f"{key}: {value}" for key, value in settings.items())
    return f"{PROMPT}\nNegative prompt: {NEGATIVE}\n{line}"


def comfy_prompt() -> dict[str, dict[str, Any]]:
    """Build the ComfyUI execution graph: node id to class and inputs."""
    sampler = {
        "seed": SEED,
        "steps": STEPS,
        "cfg": CFG,
        "sampler_name": "dpmpp_2m",
        "scheduler": "karras",
        "denoise": 1.0,
        "model": ["4", 0],
        "positive": ["6", 0],
        "negative": ["7", 0],
        "latent_image": ["5", 0],
    }
    nodes: list[tuple[str, str, dict[str, Any]]] = [
        ("3", "KSampler", sampler),
        ("4", "CheckpointLoaderSimple", {"ckpt_name": f"{MODEL}.safetensors"}),
        ("5", "EmptyLatentImage", {"width": 512, "height": 512, "batch_size": 1}),
        ("6", "CLIPTextEncode", {"text": PROMPT, "clip": ["4", 1]}),
        ("7", "CLIPTextEncode", {"text": NEGATIVE, "clip": ["4", 1]}),
        ("8", "VAEDecode", {"samples": ["3", 0], "vae": ["4", 2]}),
        ("9", "SaveImage", {"filename_prefix": "castle", "images": ["8", 0]}),
    ]
    return {
        key: {"class_type": kind, "inputs": inputs, "_meta": {"title": kind}} for key, kind, inputs in nodes
    }


OUTPUT_TYPES: dict[str, tuple[str, ...]] = {
    "KSampler": ("LATENT",),
    "CheckpointLoaderSimple": ("MODEL", "CLIP", "VAE"),
    "EmptyLatentImage": ("LATENT",),
    "CLIPTextEncode": ("CONDITIONING",),
    "VAEDecode": ("IMAGE",),
    "SaveImage": (),
}


def comfy_links(graph: dict[str, dict[str, Any]]) -> list[list[Any]]:
    """List the graph's links as ComfyUI does: id, from node, from slot, to node, to slot, type."""
    links: list[list[Any]] = []
    for key, node in graph.items():
        wired = [value for value in node["inputs"].values() if isinstance(value, list)]
        for slot, (source, output) in enumerate(wired):
            kind = OUTPUT_TYPES[graph[source]["class_type"]][output]
            links.append([len(links) + 1, int(source), output, int(key), slot, kind])
    return links


def widget_values(node: dict[str, Any]) -> list[Any]:
    """List a node's own settings in editor order; the editor keeps a seed control after the seed."""
    values: list[Any] = []
    for name, value in node["inputs"].items():
        if not isinstance(value, list):
            values += [value, "fixed"] if name == "seed" else [value]
    return values


def workflow_node(key: str, order: int, node: dict[str, Any], links: list[list[Any]]) -> dict[str, Any]:
    """Describe one node as the ComfyUI editor stores it."""
    number, kind = int(key), node["class_type"]
    wired = [name for name, value in node["inputs"].items() if isinstance(value, list)]
    inbound = [link for link in links if link[3] == number]
    outbound = [
        [ln[0] for ln in links if ln[1:3] == [number, slot]] for slot in range(len(OUTPUT_TYPES[kind]))
    ]
    return {
        "id": number,
        "type": kind,
        "pos": [60 + 330 * order, 120],
        "size": [300, 200],
        "flags": {},
        "order": order,
        "mode": 0,
        "inputs": [
            {"name": name, "type": ln[5], "link": ln[0]} for name, ln in zip(wired, inbound, strict=True)
        ],
        "outputs": [
            {"name": name, "type": name, "links": ids, "slot_index": slot}
            for slot, (name, ids) in enumerate(zip(OUTPUT_TYPES[kind], outbound, strict=True))
        ],
        "properties": {"Node name for S&R": kind},
        "widgets_values": widget_values(node),
    }


def comfy_workflow(graph: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Build the ComfyUI editor's view of the same graph."""
    links = comfy_links(graph)
    order = ("4", "5", "6", "7", "3", "8", "9")
    return {
        "last_node_id": max(map(int, graph)),
        "last_link_id": len(links),
        "nodes": [workflow_node(key, i, graph[key], links) for i, key in enumerate(order)],
        "links": links,
        "groups": [],
        "config": {},
        "extra": {},
        "version": 0.4,
    }


def make_castle(path: Path) -> None:
    """Save the castle as PNG with AUTOMATIC1111 and ComfyUI text chunks."""
    graph = comfy_prompt()
    info = PngInfo()
    info.add_text("parameters", a1111_parameters())
    info.add_text("prompt", json.dumps(graph))
    info.add_text("workflow", json.dumps(comfy_workflow(graph)))
    draw_castle_scene().save(path, pnginfo=info, optimize=True)


def draw_bust(draw: ImageDraw.ImageDraw) -> None:
    """Draw hair, neck, shoulders and the outline of the face."""
    hair, skin, shade, coat = (58, 34, 44), (236, 184, 150), (208, 148, 120), (196, 78, 66)
    draw.rounded_rectangle((226, 240, 574, 760), 170, fill=hair)
    draw.rounded_rectangle((120, 770, 680, 1200), 170, fill=coat)
    draw.polygon([(308, 770), (400, 900), (492, 770)], fill=(246, 232, 210))
    draw.rounded_rectangle((346, 620, 454, 812), 52, fill=shade)
    for x in (268, 532):
        circle(draw, (x, 482), 32, shade)
        circle(draw, (x, 530), 11, (246, 206, 108))
    draw.rounded_rectangle((274, 292, 526, 690), 126, fill=skin)
    draw.chord((250, 214, 550, 514), 180, 360, fill=hair)
    draw.polygon(
        [(250, 362), (296, 470), (330, 372), (480, 352), (512, 400), (530, 470), (550, 362)], fill=hair
    )


def draw_face(draw: ImageDraw.ImageDraw) -> None:
    """Draw brows, eyes, nose, cheeks and mouth."""
    for x in (342, 458):
        draw.arc((x - 34, 418, x + 34, 470), 205, 335, fill=(58, 34, 44), width=8)
        draw.ellipse((x - 26, 456, x + 26, 490), fill=(252, 248, 242))
        circle(draw, (x, 473), 16, (54, 104, 98))
        circle(draw, (x, 473), 8, (24, 22, 30))
        circle(draw, (x + 5, 467), 4, (255, 255, 255))
        draw.arc((x - 28, 452, x + 28, 496), 190, 350, fill=(42, 26, 34), width=6)
    draw.line([(402, 486), (388, 556), (408, 564)], fill=(206, 142, 114), width=7, joint="curve")
    draw.chord((352, 576, 448, 644), 18, 162, fill=(188, 70, 76))


def draw_portrait() -> Image.Image:
    """Draw a head-and-shoulders portrait, 400 x 500."""
    image = gradient((400 * OVERSAMPLE, 500 * OVERSAMPLE), STUDIO)
    add_glow(image, (400, 430), 520, (248, 220, 160), 0.75)
    draw = ImageDraw.Draw(image)
    draw_bust(draw)
    for x in (312, 488):
        add_glow(image, (x, 556), 54, (232, 112, 100), 0.6)
    draw_face(draw)
    return shrink(image)


XMP = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about=""
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
    xmp:CreatorTool="make_samples.py"
    xmp:CreateDate="2024-05-17T09:30:00"
    Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia">
   <dc:title><rdf:Alt><rdf:li xml:lang="x-default">Portrait</rdf:li></rdf:Alt></dc:title>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def portrait_exif() -> Image.Exif:
    """Build the portrait's EXIF block."""
    exif = Image.Exif()
    exif[Base.ImageDescription] = "Portrait of a woman in a red coat"
    exif[Base.Software] = "make_samples.py"
    exif[Base.DateTime] = "2024:05:17 09:30:00"
    exif.get_ifd(IFD.Exif)[Base.DateTimeOriginal] = "2024:05:17 09:30:00"
    return exif


def make_portrait(path: Path) -> None:
    """Save the portrait as JPEG with EXIF and XMP."""
    draw_portrait().save(path, quality=88, optimize=True, exif=portrait_exif(), xmp=XMP.encode())


def bell(t: float, pitch: float) -> float:
    """Give a struck bell's amplitude `t` seconds after the stroke."""
    if t < 0:
        return 0.0
    partials = ((1.0, 1.0, 3.5), (2.0, 0.5, 5.0), (2.76, 0.3, 7.0), (5.4, 0.15, 12.0))
    attack = min(1.0, t / 0.004)
    return attack * sum(a * math.exp(-d * t) * math.sin(math.tau * pitch * r * t) for r, a, d in partials)


def make_chime(path: Path) -> None:
    """Save a three-note chime, 1 s of 16-bit mono at 22.05 kHz."""
    rate, notes = 22050, ((0.0, 523.25), (0.14, 659.26), (0.28, 783.99))
    samples = []
    for i in range(rate):
        t = i / rate
        fade = min(1.0, (1 - t) / 0.15)
        samples.append(round(32767 * 0.24 * fade * sum(bell(t - start, pitch) for start, pitch in notes)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(struct.pack(f"<{len(samples)}h", *samples))


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


BRIEF = (
    (
        "The story",
        (
            (
                "A paper plane leaves a castle window at dusk, crosses the valley by morning and lands in "
                "the hands of a woman in a red coat. There is no dialogue: a chime marks the moment it lands."
            ),
            "The film runs for twenty seconds and loops without a visible cut.",
        ),
    ),
    (
        "The look",
        (
            (
                "Flat shapes, soft gradients and one strong light in every shot. Dusk is violet and apricot; "
                "morning is blue and cream. Nothing is outlined."
            ),
            "Keep faces calm and simple, and leave the upper third of the frame open for a title.",
        ),
    ),
)
SHOTS = (
    ("1", "Castle at dusk, windows lit", "castle.png", "6 s"),
    ("2", "Plane crosses the valley", "flight.webm", "8 s"),
    ("3", "She looks up and smiles", "portrait.jpg", "5 s"),
    ("4", "Chime over black", "chime.wav", "1 s"),
)
INK, ACCENT, PALE = HexColor("#221838"), HexColor("#BE587E"), HexColor("#F6EFE6")


def draw_page_frame(pdf: Canvas, heading: str, number: int) -> None:
    """Draw a page's band, heading and page number."""
    width, height = A5
    pdf.setFillColor(INK)
    pdf.rect(0, height - 86, width, 86, stroke=0, fill=1)
    pdf.setFillColor(PALE)
    pdf.setFont("Helvetica-Bold", 21)
    pdf.drawString(40, height - 54, heading)
    pdf.setFillColor(INK)
    pdf.setFont("Helvetica", 8)
    pdf.drawRightString(width - 40, 28, f"Page {number} of 2")


def draw_brief_text(pdf: Canvas, top: float) -> None:
    """Set the brief's sections as wrapped paragraphs."""
    y = top
    for heading, paragraphs in BRIEF:
        pdf.setFillColor(ACCENT)
        pdf.setFont("Helvetica-Bold", 13)
        pdf.drawString(40, y, heading)
        y -= 20
        pdf.setFillColor(INK)
        pdf.setFont("Helvetica", 10)
        for paragraph in paragraphs:
            for line in simpleSplit(paragraph, "Helvetica", 10, A5[0] - 80):
                pdf.drawString(40, y, line)
                y -= 15
            y -= 7
        y -= 12


def draw_swatches(pdf: Canvas, y: float) -> None:
    """Show the dusk palette as a row of squares."""
    for i, (_, (red, green, blue)) in enumerate(DUSK):
        pdf.setFillColorRGB(red / 255, green / 255, blue / 255)
        pdf.roundRect(40 + i * 58, y, 48, 48, 6, stroke=0, fill=1)


def draw_shot_list(pdf: Canvas, top: float) -> None:
    """Set the shot list as a striped table."""
    columns = (48, 84, 240, 335)
    for i, row in enumerate((("No.", "Shot", "File", "Length"), *SHOTS)):
        y = top - 26 * i
        pdf.setFillColor(ACCENT if i == 0 else PALE if i % 2 else HexColor("#FFFFFF"))
        pdf.rect(40, y - 9, A5[0] - 80, 26, stroke=0, fill=1)
        pdf.setFillColor(HexColor("#FFFFFF") if i == 0 else INK)
        pdf.setFont("Helvetica-Bold" if i == 0 else "Helvetica", 10)
        for x, text in zip(columns, row, strict=True):
            pdf.drawString(x, y, text)


def make_brief(path: Path) -> None:
    """Save a two-page production brief as PDF."""
    pdf = Canvas(str(path), pagesize=A5, pageCompression=1, invariant=1)
    pdf.setTitle("The Paper Plane: production brief")
    pdf.setAuthor("Sample Studio")
    pdf.setSubject("Sample document for media tools")
    pdf.setKeywords(["sample", "brief", "storyboard"])
    pdf.setCreator("make_samples.py")
    draw_page_frame(pdf, "The Paper Plane", 1)
    draw_brief_text(pdf, A5[1] - 124)
    draw_swatches(pdf, 200)
    pdf.showPage()
    draw_page_frame(pdf, "Shot list", 2)
    draw_shot_list(pdf, A5[1] - 130)
    pdf.showPage()
    pdf.save()


MAKERS: dict[str, Callable[[Path], None]] = {
    "castle.png": make_castle,
    "portrait.jpg": make_portrait,
    "chime.wav": make_chime,
    "flight.webm": make_flight,
    "brief.pdf": make_brief,
}


def main() -> None:
    """Make every sample in the chosen folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent, help="folder to write to (default: this one)"
    )
    out: Path = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    for name, make in MAKERS.items():
        make(out / name)
        print(f"{name}: {(out / name).stat().st_size} bytes")


if __name__ == "__main__":
    main()
