"""Documents and texts: by their bytes, and by what was said of them where bytes cannot tell."""

import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from infra.media.inspection import inspect
from infra.media.thumbnails import thumbnail
from tests.infra.media.making import SAMPLES, inspect_bytes, measures, pdf

UNKNOWN = "application/octet-stream"


def written(folder: Path, data: bytes) -> Path:
    path = folder / "file"
    path.write_bytes(data)
    return path


def test_the_pages_of_a_pdf_are_counted(tmp_path: Path) -> None:
    assert measures(pdf(tmp_path, 3)) == {"media_kind": "document", "format": "pdf", "page_count": 3}


@pytest.mark.parametrize("missing", [5, 60, 2000])
def test_a_pdf_that_is_cut_off_is_a_problem_and_its_pages_are_not_guessed(tmp_path: Path, missing: int) -> None:
    inspection = inspect_bytes(written(tmp_path, (SAMPLES / "brief.pdf").read_bytes()[:-missing]))

    assert inspection.problem == "the document ends before its data do"
    assert inspection.media.model_dump() == {"media_kind": "document", "format": "pdf", "page_count": None}


def test_an_encrypted_pdf_is_a_problem(tmp_path: Path) -> None:
    path = pdf(tmp_path, 1)
    locked = f"/Encrypt <</Filter /Standard /V 1 /R 2 /P -4 /O <{'41' * 32}> /U <{'42' * 32}>>> /ID [<00> <00>]"
    path.write_bytes(path.read_bytes().replace(b"trailer\r\n<<", b"trailer\r\n<<" + locked.encode()))

    assert inspect_bytes(path).problem == "the document is encrypted"


def test_pages_are_drawn_by_several_threads() -> None:
    with ThreadPoolExecutor(8) as pool:
        drawn = set(pool.map(lambda _: thumbnail(SAMPLES / "brief.pdf", "document", 256), range(20)))

    assert drawn == {thumbnail(SAMPLES / "brief.pdf", "document", 256)}


@pytest.mark.parametrize(
    ("declared", "name", "content_type", "file_format"),
    [
        ("text/markdown", None, "text/markdown", "markdown"),
        ("text/markdown; charset=utf-8", "a.bin", "text/markdown", "markdown"),
        (None, "notes.MD", "text/markdown", "markdown"),
        (UNKNOWN, "table.csv", "text/csv", "csv"),
        ("text/plain", "data.json", "application/json", "json"),
        ("application/json", None, "application/json", "json"),
        ("image/png", None, "text/plain", "text"),
        ("nonsense", None, "text/plain", "text"),
        (None, None, "text/plain", "text"),
    ],
)
def test_a_text_is_what_it_is_said_to_be(
    tmp_path: Path, declared: str | None, name: str | None, content_type: str, file_format: str
) -> None:
    inspection = inspect(written(tmp_path, "[1, 2], Grüße".encode()), declared, name)

    assert (inspection.content_type, inspection.problem) == (content_type, None)
    assert inspection.media.model_dump() == {"media_kind": "document", "format": file_format, "page_count": None}


def test_a_page_of_the_web_is_one_whatever_it_is_said_to_be(tmp_path: Path) -> None:
    inspection = inspect(written(tmp_path, b"\n<!DOCTYPE html><title>Hello</title>"), "text/plain", "a.txt")

    assert inspection.content_type == "text/html"


def test_a_long_text_may_be_cut_in_the_middle_of_a_letter_where_looking_ends(tmp_path: Path) -> None:
    assert inspect_bytes(written(tmp_path, b"x" + "ü".encode() * 40_000)).content_type == "text/plain"


def test_a_map_in_text_is_a_map(tmp_path: Path) -> None:
    inspection = inspect(written(tmp_path, b'{"type": "FeatureCollection", "features": []}'), None, "walk.geojson")

    assert inspection.content_type == "application/geo+json"
    assert inspection.media.model_dump() == {"media_kind": "map", "format": "geojson", "width": None, "height": None}


@pytest.mark.parametrize(
    ("member", "file_format"),
    [("word/document.xml", "docx"), ("ppt/presentation.xml", "pptx"), ("xl/workbook.xml", "xlsx")],
)
def test_an_office_document_is_told_by_its_parts(tmp_path: Path, member: str, file_format: str) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("media/large.bin", bytes(100_000))
        archive.writestr(member, "<x/>")

    assert measures(path) == {"media_kind": "document", "format": file_format, "page_count": None}


@pytest.mark.parametrize(
    ("content_type", "file_format"),
    [("application/epub+zip", "epub"), ("application/vnd.oasis.opendocument.text", "odt")],
)
def test_a_document_that_names_its_type_first_is_of_that_type(
    tmp_path: Path, content_type: str, file_format: str
) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", content_type)
        archive.writestr("content.xml", "<x/>")

    assert inspect_bytes(path).content_type == content_type
    assert measures(path)["format"] == file_format


def test_an_archive_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "word/document.xml")

    inspection = inspect(path, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", "a.docx")

    assert (inspection.content_type, inspection.media.media_kind) == ("application/zip", "file")


@pytest.mark.parametrize(
    ("beginning", "content_type", "media_kind"),
    [
        (b"8BPS\0\1", "image/vnd.adobe.photoshop", "image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "image/jxl", "image"),
        (b"\0\0\x01\xba", "video/mpeg", "video"),
        (b"wvpk", "audio/x-wavpack", "audio"),
        (b"Rar!\x1a\x07\x01\0", "application/vnd.rar", "file"),
    ],
)
def test_less_common_signatures_are_known(tmp_path: Path, beginning: bytes, content_type: str, media_kind: str) -> None:
    inspection = inspect_bytes(written(tmp_path, beginning + bytes(100)))

    assert (inspection.content_type, inspection.media.media_kind) == (content_type, media_kind)
    assert getattr(inspection.media, "width", None) is None


def test_a_type_that_bytes_would_prove_is_not_replaced_by_a_rare_one(tmp_path: Path) -> None:
    inspection = inspect(written(tmp_path, b"8BPS\0\1" + bytes(100)), "image/png", None)

    assert (inspection.content_type, inspection.problem) == (
        UNKNOWN,
        "the bytes are not image/png, as which they were declared",
    )


def test_bytes_that_tell_nothing_are_what_they_are_said_to_be(tmp_path: Path) -> None:
    inspection = inspect(written(tmp_path, b"\x00\x9c\x80\x81" * 20), "application/x-weights", "a.bin")

    assert (inspection.content_type, inspection.media.media_kind, inspection.problem) == (
        "application/x-weights",
        "file",
        None,
    )


@pytest.mark.parametrize("declared", ["image/png", "video/mp4", "text/csv", "application/pdf"])
def test_bytes_that_are_not_what_they_are_said_to_be_are_a_problem(tmp_path: Path, declared: str) -> None:
    inspection = inspect(written(tmp_path, b"\x00\x9c\x80\x81" * 20), declared, "a.png")

    assert (inspection.content_type, inspection.media.media_kind) == (UNKNOWN, "file")
    assert inspection.problem == f"the bytes are not {declared}, as which they were declared"


def test_an_empty_file_is_a_problem(tmp_path: Path) -> None:
    inspection = inspect(written(tmp_path, b""), "image/png", "a.png")

    assert (inspection.content_type, inspection.problem) == (UNKNOWN, "the file is empty")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        inspect_bytes(tmp_path / "nothing")
