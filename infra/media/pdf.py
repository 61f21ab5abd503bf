"""Looks at PDF documents, and draws their pages. For each of them PDFium runs in a process whose time is limited."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from PIL import Image

from domain.errors import ServiceUnavailableError
from infra.media import pdf_process
from infra.media.decodable import PDF
from infra.media.decoder_guard import DOCUMENTS, UnreadableError, count, decoding
from infra.media.file_metadata import EmbeddedMetadata, Inspection
from infra.media.sniffing import HEAD, Sniffed

CPU_SECONDS = 5
SECONDS = 20
MOST_MEMORY = 512 * 1024 * 1024
_DAMAGED = "the document is truncated or damaged"
_ENCRYPTED = "the document is encrypted"
_TOO_SLOW = "the document could not be understood in time"
_TIME_IS_OVER = (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL)


def inspect_document(path: Path, sniffed: Sniffed) -> Inspection:
    """A document's format and, for PDF, its number of pages, title, author and producer."""
    embedded = EmbeddedMetadata()
    pages, problem = None, None
    if sniffed.content_type == PDF:
        try:
            answer, _ = _ask(path)
            pages = count(answer["pages"])
            for name, text in answer["texts"].items():
                if text is None:
                    embedded.too_large(name.lower())
                else:
                    embedded.text(name.lower(), text)
        except UnreadableError as error:
            problem = str(error)
    return Inspection(sniffed.content_type, sniffed.media(page_count=pages), embedded.members, problem)


def first_page(path: Path, size: int) -> Image.Image:
    """A picture of a PDF's first page that fits in a square. UnreadableError if there is none."""
    answer, pixels = _ask(path, size)
    with decoding(_DAMAGED):
        mode, sides = answer["mode"], (answer["width"], answer["height"])
        page = Image.frombuffer(mode, sides, pixels, "raw", mode, answer["stride"], 1)
        page.thumbnail((size, size))
        return page


def _ask(path: Path, *size: int) -> tuple[dict[str, Any], bytes]:
    """PDFium's description of a document, or of its first page with that page's pixels. UnreadableError."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - HEAD))
        # Without the end-of-file marker (ISO 32000-1, 7.5.5) PDFium searches the whole file, and guesses at pages.
        if b"%%EOF" not in file.read(HEAD):
            raise UnreadableError("the document ends before its data do")
    try:
        with DOCUMENTS:
            process = _run(str(path), *map(str, size))
    except subprocess.TimeoutExpired:
        raise UnreadableError(_TOO_SLOW) from None
    except OSError as error:
        raise ServiceUnavailableError("No process can be started to look at the document. Try again.") from error
    if process.returncode:
        problem = {pdf_process.ENCRYPTED: _ENCRYPTED, **dict.fromkeys(_TIME_IS_OVER, _TOO_SLOW)}
        raise UnreadableError(problem.get(process.returncode, _DAMAGED))
    answer, _, pixels = process.stdout.partition(b"\n")
    return json.loads(answer), pixels


def _run(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run PDFium, apart from signals that a terminal sends to the service and its children."""
    limits = map(str, (CPU_SECONDS, SECONDS, MOST_MEMORY))
    return subprocess.run(  # noqa: S603  # this Python, and a program of ours
        [sys.executable, "-I", pdf_process.__file__, *limits, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        timeout=SECONDS,
        start_new_session=True,
        check=False,
    )
