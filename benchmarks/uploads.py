"""`upload.*`: how fast the bytes of an asset are taken into a directory, and how much memory large ones take."""

import hashlib
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from shutil import rmtree

import orjson

from benchmarks.environment import Ground, MeasuringError
from benchmarks.memory import peak_megabytes
from benchmarks.requests import Served, ours
from benchmarks.results import Result
from benchmarks.schedule import Scale, in_turns

BLOCK = 1 << 20
PATIENCE = 600


def direct(ground: Ground, scale: Scale) -> Iterator[Result]:
    """A file as the body of `PUT /v1/assets/{id}/content`; the peer is `openssl sha256`, then `cp` and `sync`."""
    with ground.folder() as folder, _content(ground, folder / "store") as content:
        file = folder / "file"
        digest = _write(file, scale.upload)

        def measured() -> float:
            seconds = content.put(file, digest)
            rmtree(folder / "store" / "objects")
            return scale.upload * BLOCK / 1e6 / seconds

        def peer() -> float:
            return scale.upload * BLOCK / 1e6 / _hashed_and_copied(file, folder / "copy", digest)

        measured()
        yield in_turns(scale, measured, peer).result("upload.direct", "MB/s")


def memory(ground: Ground, scale: Scale) -> Iterator[Result]:
    """The most memory of a server that takes a file and gives it back; what comes back must be what was sent."""
    with ground.folder() as folder, _content(ground, folder / "store") as content:
        file = folder / "file"
        digest = _write(file, 2 * scale.upload)
        content.put(file, digest)
        if content.get() != digest:
            raise MeasuringError("what came back is not what was sent")
        yield Result("upload.rss", peak_megabytes(content.ledger.pid), "MB")


class _Content:
    """The content of one asset of a ledger that is served."""

    def __init__(self, ledger: Served) -> None:
        self.ledger = ledger
        asset = ledger.filled(1)[0]
        self._path = f"{asset}/content"

    def put(self, file: Path, digest: str) -> float:
        """Send a file; returns the seconds until it was answered. MeasuringError unless it arrived as it is."""
        with file.open("rb") as body, closing(self._connection()) as connection:
            started = time.perf_counter()
            connection.putrequest("PUT", self._path)
            for name, value in {**self._headers, "Content-Length": str(file.stat().st_size)}.items():
                connection.putheader(name, value)
            connection.endheaders()
            connection.sock.sendfile(body)  # within the kernel, so that the sender takes little of what it measures
            answer = _answer(connection).read()
            seconds = time.perf_counter() - started
        if orjson.loads(answer)["content"]["sha256"] != digest:
            raise MeasuringError("what was recorded is not what was sent")
        return seconds

    def get(self) -> str:
        """Read what is there to its end; returns its SHA-256."""
        with closing(self._connection()) as connection:
            connection.request("GET", f"{self._path}?stream=1", headers=self._headers)
            answer, digest = _answer(connection), hashlib.sha256()
            while block := answer.read(BLOCK):
                digest.update(block)
        return digest.hexdigest()

    @property
    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.ledger.key}"}

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(*self.ledger.address, timeout=PATIENCE)


@contextmanager
def _content(ground: Ground, store: Path) -> Iterator[_Content]:
    with ours(ground, ASSET_LEDGER_CONTENT_STORE=store.as_uri()) as (ledger, _, _):
        yield _Content(ledger)


def _answer(connection: HTTPConnection) -> HTTPResponse:
    answer = connection.getresponse()
    if answer.status != HTTPStatus.OK:
        raise MeasuringError(f"not the answer to expect: {answer.status} {answer.read()[:500]!r}")
    return answer


def _write(path: Path, mebibytes: int) -> str:
    """Write blocks of noise that differ, and bring them to the disk; returns their SHA-256."""
    noise, digest = os.urandom(BLOCK - 8), hashlib.sha256()
    with path.open("wb", buffering=0) as file:
        for number in range(mebibytes):
            block = number.to_bytes(8, "big") + noise
            digest.update(block)
            file.write(block)
        os.fsync(file.fileno())
    return digest.hexdigest()


def _hashed_and_copied(file: Path, copy: Path, digest: str) -> float:
    """Seconds that the system's own programs take. MeasuringError."""
    started = time.perf_counter()
    try:
        output = subprocess.check_output(["openssl", "sha256", file], text=True)
        subprocess.check_call(["cp", file, copy])
        subprocess.check_call(["sync", copy])
    except (OSError, subprocess.CalledProcessError) as error:
        raise MeasuringError(f"the peer failed: {error}") from error
    seconds = time.perf_counter() - started
    if digest not in output:
        raise MeasuringError("what was hashed is not what was written")
    copy.unlink()
    return seconds
