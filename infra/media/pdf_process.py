"""Looks at one PDF with PDFium, in a process that hostile bytes can make slow, large or crash.

Run by path: ``python -I pdf_process.py CPU_SECONDS SECONDS BYTES FILE [SIZE]``. It writes a line of JSON: the number of
pages and what the document says of itself; or, for a size, what the pixels are that follow, those of the first page.
The process ends by itself when its time is over, whatever has become of the one that began it.
"""

import json
import math
import resource
import signal
import sys
from contextlib import closing, suppress
from typing import Any

import pypdfium2
from pypdfium2.raw import FPDF_ERR_PASSWORD, FPDF_GetMetaText

ENCRYPTED = 3
"""The exit status for a document that asks for a password; every other failure has another one."""
_TEXTS = ("Title", "Author", "Producer")
_MOST_TEXT = 512 * 1024


def main(cpu_seconds: str, seconds: str, most: str, file: str, size: str | None = None) -> None:
    """Answer for the file."""
    _limit(int(cpu_seconds), int(seconds), int(most))
    try:
        with pypdfium2.PdfDocument(file) as pdf:
            if size is None:
                answer, pixels = {"pages": len(pdf), "texts": {name: _text(pdf, name) for name in _TEXTS}}, b""
            else:
                answer, pixels = _draw(pdf, int(size))
    except pypdfium2.PdfiumError as error:
        if error.err_code == FPDF_ERR_PASSWORD:
            sys.exit(ENCRYPTED)
        raise
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + pixels)


def _limit(cpu_seconds: int, seconds: int, most: int) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(seconds)
    limits = ((resource.RLIMIT_CPU, cpu_seconds), (resource.RLIMIT_AS, most), (resource.RLIMIT_CORE, 0))
    for limit, value in limits:
        with suppress(ValueError, OSError):  # not every system has every limit, and there may be a tighter one already
            resource.setrlimit(limit, (value, value))


def _text(pdf: pypdfium2.PdfDocument, name: str) -> str | None:
    """A text of the information dictionary, which PDFium has in UTF-16; None if it is too large."""
    if FPDF_GetMetaText(pdf, name.encode(), None, 0) > _MOST_TEXT:
        return None
    text: str = pdf.get_metadata_value(name)
    return text


def _draw(pdf: pypdfium2.PdfDocument, size: int) -> tuple[dict[str, Any], bytes]:
    with closing(pdf[0]) as page:
        width, height = page.get_size()
        if not (math.isfinite(width + height) and min(width, height) > 0):
            sys.exit("The page has no size.")
        drawing = {"may_draw_forms": False, "limit_image_cache": True, "rev_byteorder": True}
        with closing(page.render(scale=size / max(width, height), **drawing)) as bitmap:
            answer = {"mode": bitmap.mode, "width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride}
            return answer, bytes(bitmap.buffer)


if __name__ == "__main__":
    main(*sys.argv[1:])
