"""Looks at PDF documents, and draws their pages. For each of them PDFium runs in a process whose time is limited."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from domain import media
from domain.errors import ServiceUnavailableError
from infra.media import pdfium
from infra.media.embedded import Embedded
from infra.media.hostile import UnreadableError, count, decoding
from infra.media.inspection import Inspection
from infra.media.sniffing import HEAD, Sniffed
from infra.media.turns import DOCUMENTS

CPU_SECONDS = 5
SECONDS = 20
MOST_MEMORY = 512 * 1024 * 1024
PDF = "application/pdf"
_DAMAGED = "the document is truncated or damaged"
_ENCRYPTED = "the document is encrypted"
_TOO_SLOW = "the document could not be understood in time"
_TIME_IS_OVER = (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL)


def look_at_document(path: Path, sniffed: Sniffed) -> Inspection:
    """A document's format and, for PDF, its number of pages, title, author and producer."""
    embedded = Embedded()
    pages, problem = None, None
    if sniffed.content_type == PDF:
        try:
            pages = _pages(path, embedded)
        except UnreadableError as error:
            problem = str(error)
    document = media.DocumentMedia(media_kind="document", format=sniffed.format, page_count=pages)
    return Inspection(sniffed.content_type, document, embedded.found, problem)


def first_page(path: Path, size: int) -> Image.Image:
    """A picture of a PDF's first page that fits in a square. UnreadableError if there is none."""
    told, pixels = _asked(path, size)
    with decoding(_DAMAGED):
        mode, sides = told["mode"], (told["width"], told["height"])
        drawn = Image.frombuffer(mode, sides, pixels, "raw", mode, told["stride"], 1)
        drawn.thumbnail((size, size))
        return drawn


def _pages(path: Path, embedded: Embedded) -> int | None:
    told, _ = _asked(path)
    for name, text in told["texts"].items():
        if text is None:
            embedded.too_large(name.lower())
        else:
            embedded.text(name.lower(), text)
    return count(told["pages"])


def _asked(path: Path, *size: int) -> tuple[dict[str, Any], bytes]:
    """What PDFium tells of a document, or of its first page and that page's pixels. UnreadableError."""
    if not _has_end(path):
        raise UnreadableError("the document ends before its data do")
    try:
        with DOCUMENTS:
            done = _run(str(path), *map(str, size))
    except subprocess.TimeoutExpired:
        raise UnreadableError(_TOO_SLOW) from None
    except OSError as error:
        raise ServiceUnavailableError("No process can be started to look at the document. Try again.") from error
    if done.returncode:
        problem = {pdfium.ENCRYPTED: _ENCRYPTED, **dict.fromkeys(_TIME_IS_OVER, _TOO_SLOW)}
        raise UnreadableError(problem.get(done.returncode, _DAMAGED))
    told, _, pixels = done.stdout.partition(b"\n")
    return json.loads(told), pixels


def _run(*asked: str) -> subprocess.CompletedProcess[bytes]:
    """Run PDFium, apart from signals that a terminal sends to the service and its children."""
    limits = map(str, (CPU_SECONDS, SECONDS, MOST_MEMORY))
    return subprocess.run(  # noqa: S603  # this Python, and a program of ours
        [sys.executable, "-I", pdfium.__file__, *limits, *asked],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        start_new_session=True,
        check=False,
    )


def _has_end(path: Path) -> bool:
    """Whether the end-of-file marker (ISO 32000-1, 7.5.5) is near the end.

    Without it PDFium searches the whole file for objects, and guesses at pages.
    """
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - HEAD))
        return b"%%EOF" in file.read(HEAD)
