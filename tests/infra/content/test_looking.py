"""What passes on its way into a bucket or out of it is known then, without asking the bucket for it again."""

import io
import random
import resource
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from minio import Minio
from PIL import Image

from infra.content import inspect_stream
from infra.content.directory import DirectoryStore
from infra.content.inspect_stream import TOO_LARGE, exhaust, inspect_in_passing
from infra.content.s3 import S3Store
from infra.content.store import StoreUnavailableError
from infra.media.inspection import inspect
from infra.media.sniffing import HEAD
from tests.infra.content.servers import S3Server, free_port
from tests.infra.media.making import SAMPLES

KEY = "tenant/asset/1"
NOISE = random.Random(1).randbytes(3 * HEAD)  # noqa: S311  # the same every time


def picture() -> bytes:
    """A PNG larger than what is read to know that it is one."""
    written = io.BytesIO()
    Image.frombytes("RGB", (256, 256), NOISE).save(written, "PNG")
    return written.getvalue()


def archive(name: str, size: int) -> bytes:
    """A ZIP whose list of names is at its end."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file:
        file.writestr("[Content_Types].xml", "<x/>")
        file.writestr("noise", (NOISE * (size // len(NOISE) + 1))[:size])
        file.writestr(name, "<x/>")
    return written.getvalue()


def chunked(data: bytes, size: int = 50_000) -> list[bytes]:
    return [data[place : place + size] for place in range(0, len(data), size)]


@pytest.fixture
def away() -> S3Store:
    """A store that answers nothing."""
    return S3Store(S3Server(f"127.0.0.1:{free_port()}").client(), "bucket")


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@contextmanager
def full_disk() -> Iterator[None]:
    """No file may have more than a mebibyte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


FILES = [
    *((path.read_bytes(), path.name) for path in sorted(SAMPLES.glob("*.*")) if path.suffix != ".py"),
    (picture(), "noise.png"),
    *((archive("word/document.xml", size), "a.docx") for size in (0, HEAD, 2 * HEAD, 20 * HEAD)),
    *((b"x" * size, "a.txt") for size in (0, 1, HEAD - 1, HEAD, HEAD + 1, 2 * HEAD, 2 * HEAD + 1, 5 * HEAD)),
    (b"<svg width='3' height='2'>" + b" " * 3 * HEAD + b"</svg>", "a.svg"),
]


@pytest.mark.parametrize(
    ("data", "name"), FILES, ids=lambda value: value if isinstance(value, str) else str(len(value))
)
@pytest.mark.parametrize("size", [1000, HEAD, 1 << 20])
def test_what_passes_is_known_as_well_as_a_file(
    away: S3Store, tmp_path: Path, data: bytes, name: str, size: int
) -> None:
    (tmp_path / "file").write_bytes(data)
    passed: list[bytes] = []
    inspection = inspect_in_passing(away, KEY, chunked(data, size), passed.extend, None, name)
    assert inspection == inspect(tmp_path / "file", None, name)
    assert b"".join(passed) == data


def test_of_what_is_not_decoded_only_the_ends_are_copied(away: S3Store, temporary: Path) -> None:
    copied_bytes: list[int] = []

    def take(chunks: Iterable[bytes]) -> None:
        exhaust(chunks)
        copied_bytes.extend(path.stat().st_blocks * 512 for path in temporary.iterdir())

    data = archive("xl/workbook.xml", 64 << 20)
    assert (
        inspect_in_passing(away, KEY, chunked(data, 1 << 20), take, None, None).media.model_dump()["format"] == "xlsx"
    )
    (size,) = copied_bytes
    assert size <= 4 * HEAD
    assert not list(temporary.iterdir())


def test_what_is_too_large_to_be_copied_is_not_looked_into_unless_it_is_a_file_here(
    away: S3Store, directory: DirectoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = picture()
    monkeypatch.setattr(inspect_stream, "MOST_COPIED", len(data) - 1)
    inspection = inspect_in_passing(away, KEY, chunked(data), exhaust, None, None)
    assert (inspection.content_type, inspection.problem) == ("image/png", TOO_LARGE)
    assert inspection.media.model_dump() == {"media_kind": "image", "format": "png", "width": None, "height": None}
    assert inspect_in_passing(away, KEY, chunked(archive("a", len(data))), exhaust, None, None).problem is None
    here = inspect_in_passing(directory, KEY, chunked(data), lambda chunks: directory.write(KEY, chunks), None, None)
    assert (here.problem, here.media.model_dump()["width"]) == (None, 256)


def test_a_disk_that_takes_no_copy_makes_the_store_unavailable(
    away: S3Store, client: Minio, bucket: str, temporary: Path
) -> None:
    data = picture() + bytes(2 << 20)
    store = S3Store(client, bucket)
    store.write(KEY, [data])
    with full_disk():
        with pytest.raises(StoreUnavailableError):
            inspect_in_passing(away, KEY, chunked(data), exhaust, None, None)
        with pytest.raises(StoreUnavailableError), store.local(KEY):
            pass
    assert not list(temporary.iterdir())
    temporary.rmdir()
    with pytest.raises(StoreUnavailableError):
        inspect_in_passing(away, KEY, [b"bytes"], exhaust, None, None)
    with pytest.raises(StoreUnavailableError), store.local(KEY):
        pass


def test_what_goes_wrong_while_passing_is_told_as_it_is(away: S3Store, temporary: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"begun"
        raise ConnectionResetError("the uploader left")

    with pytest.raises(ConnectionResetError):
        inspect_in_passing(away, KEY, broken(), exhaust, None, None)
    assert not list(temporary.iterdir())
