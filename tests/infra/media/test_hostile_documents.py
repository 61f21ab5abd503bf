"""Documents that would take PDFium hours are given up, and no other one waits for them."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from domain import media
from domain.errors import ServiceUnavailableError
from infra.media import pdf, pdf_process
from infra.media.thumbnails import thumbnail
from tests.infra.media.making import SAMPLES, inspect_bytes

BRIEF = SAMPLES / "brief.pdf"
WIDE, LEVELS = 10, 9


def written(folder: Path, objects: Sequence[bytes]) -> Path:
    """A PDF of these objects, numbered from 1; the first one is its catalogue."""
    data, places = b"%PDF-1.4\n", []
    for number, described in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, described)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, end = len(objects) + 1, len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n%strailer << /Size %d /Root 1 0 R >>\n" % (size, table, size)
    path = folder / "bomb.pdf"
    path.write_bytes(data + b"startxref\n%d\n%%%%EOF\n" % end)
    return path


def long_to_count(folder: Path) -> Path:
    """Nodes of pages that name the next one ten times each, so that the last one is met a hundred million times."""
    nodes = [b"<< /Type /Pages /Kids [%s] >>" % (b"%d 0 R " % (level + 3) * WIDE) for level in range(LEVELS)]
    return written(folder, [b"<< /Type /Catalog /Pages 2 0 R >>", *nodes, b"<< /Type /Pages /Kids [] >>"])


def long_to_draw(folder: Path) -> Path:
    """One page of forms that show the next one ten times each."""
    page = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R /Resources %s >>" % shown(4),
    )
    forms = [form(shown(number), b"/F Do\n" * WIDE) for number in range(5, 5 + LEVELS)]
    return written(folder, [*page, form(shown(5), b"/F Do\n"), *forms, form(b"<< >>", b"0 0 100 100 re f\n")])


def shown(number: int) -> bytes:
    return b"<< /XObject << /F %d 0 R >> >>" % number


def form(resources: bytes, drawing: bytes) -> bytes:
    kind = b"/Type /XObject /Subtype /Form /BBox [0 0 200 200]"
    return b"<< %s /Resources %s /Length %d >>\nstream\n%s\nendstream" % (kind, resources, len(drawing), drawing)


def test_a_document_whose_pages_take_hours_to_count_has_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pdf, "CPU_SECONDS", 1)

    inspection = inspect_bytes(long_to_count(tmp_path))

    assert inspection.problem == "the document could not be understood in time"
    assert inspection.media == media.DocumentMedia(media_kind="document", format="pdf")


def test_a_page_that_takes_hours_to_draw_has_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "CPU_SECONDS", 1)

    assert inspect_bytes(long_to_draw(tmp_path)).media.model_dump()["page_count"] == 1
    assert thumbnail(long_to_draw(tmp_path), "document", 128) is None


def test_other_documents_do_not_wait_for_one_that_takes_hours(tmp_path: Path) -> None:
    bomb = long_to_draw(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(thumbnail, bomb, "document", 128)
        quick = pool.submit(thumbnail, BRIEF, "document", 128)
        done, _ = wait((slow, quick), return_when=FIRST_COMPLETED)

    assert done == {quick}
    assert quick.result()


def test_more_memory_than_there_is_for_a_document_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    assert thumbnail(BRIEF, "document", 2048)
    monkeypatch.setattr(pdf, "MOST_MEMORY", 1024 * 1024)

    assert thumbnail(BRIEF, "document", 2048) is None


def test_what_looks_at_a_document_ends_by_itself(tmp_path: Path) -> None:
    command = [sys.executable, "-I", pdf_process.__file__, "600", "1", str(2**29), str(long_to_count(tmp_path))]

    assert subprocess.run(command, check=False).returncode == -signal.SIGALRM


def test_where_no_process_can_be_started_nothing_is_said_of_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nothing/here")

    with pytest.raises(ServiceUnavailableError):
        inspect_bytes(BRIEF)
    with pytest.raises(ServiceUnavailableError):
        thumbnail(BRIEF, "document", 128)
