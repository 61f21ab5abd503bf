"""The PDF: a two-page production brief."""

from __future__ import annotations

from pathlib import Path

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A5
from reportlab.lib.utils import simpleSplit
from reportlab.pdfgen.canvas import Canvas

from making.drawing import DUSK

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
