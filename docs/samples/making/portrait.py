"""The JPEG: a head-and-shoulders portrait."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw
from PIL.ExifTags import IFD, Base

from making.drawing import OVERSAMPLE, Stops, add_glow, circle, gradient, shrink

STUDIO: Stops = ((0.0, (30, 82, 98)), (0.6, (58, 132, 138)), (1.0, (120, 176, 164)))
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
    draw.polygon([(250, 362), (296, 470), (330, 372), (480, 352), (512, 400), (530, 470), (550, 362)], fill=hair)


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
