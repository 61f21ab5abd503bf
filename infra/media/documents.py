"""Looks at PDF documents, and draws their pages, with PDFium."""

import math
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Lock

import pypdfium2
from PIL import Image
from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_GetMetaText

from domain import media
from infra.media.embedded import MAX_TEXT, Embedded
from infra.media.hostile import UnreadableError, count, decoding
from infra.media.inspection import Inspection
from infra.media.sniffing import HEAD, Sniffed

_PDF = "application/pdf"
_DAMAGED = "the document is truncated or damaged"
_ENCRYPTED = "the document is encrypted"
_PDFIUM = Lock()  # PDFium is not safe to use from two threads, even with two documents


def look_at_document(path: Path, sniffed: Sniffed) -> Inspection:
    """A document's format and, for PDF, its number of pages, title, author and producer."""
    embedded = Embedded()
    pages, problem = None, None
    if sniffed.content_type == _PDF:
        try:
            pages = _pages(path, embedded)
        except UnreadableError as error:
            problem = str(error)
    document = media.DocumentMedia(media_kind="document", format=sniffed.format, page_count=pages)
    return Inspection(sniffed.content_type, document, embedded.found, problem)


def first_page(path: Path, size: int) -> Image.Image:
    """A picture of a PDF's first page that fits in a square. UnreadableError if there is none."""
    with _opened(path) as pdf, closing(pdf[0]) as page:
        width, height = page.get_size()
        if not (math.isfinite(width + height) and min(width, height) > 0):
            raise UnreadableError(_DAMAGED)
        scale = size / max(width, height)
        with closing(page.render(scale=scale, may_draw_forms=False, limit_image_cache=True)) as bitmap:
            drawn: Image.Image = bitmap.to_pil().convert("RGB")
            drawn.thumbnail((size, size))
            return drawn


def _pages(path: Path, embedded: Embedded) -> int | None:
    with _opened(path) as pdf:
        for name in ("Title", "Author", "Producer"):
            _note(pdf, name, embedded)
        return count(len(pdf))


def _note(pdf: pypdfium2.PdfDocument, name: str, embedded: Embedded) -> None:
    """Keep a text of the document's information dictionary; in UTF-16 while PDFium has it."""
    if FPDF_GetMetaText(pdf, name.encode(), None, 0) > 2 * MAX_TEXT:
        embedded.too_large(name.lower())
    else:
        embedded.text(name.lower(), pdf.get_metadata_value(name))


def _has_end(path: Path) -> bool:
    """Whether the end-of-file marker (ISO 32000-1, 7.5.5) is near the end.

    Without it PDFium searches the whole file for objects, and guesses at pages.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - HEAD))
        return b"%%EOF" in file.read(HEAD)


@contextmanager
def _opened(path: Path) -> Iterator[pypdfium2.PdfDocument]:
    if not _has_end(path):
        raise UnreadableError("the document ends before its data do")
    try:
        with _PDFIUM, decoding(_DAMAGED), pypdfium2.PdfDocument(path) as pdf:
            yield pdf
    except UnreadableError as error:
        if getattr(error.__cause__, "err_code", None) == FPDF_ERR_PASSWORD:
            raise UnreadableError(_ENCRYPTED) from None
        raise
