"""`import`: a folder of small files is brought in by the command line, beside nothing else."""

import os
import re
import struct
import time
import zlib
from collections.abc import Iterator
from pathlib import Path

from benchmarks.appends import new_tenant
from benchmarks.environment import Ground, MeasuringError, environment
from benchmarks.results import Result
from benchmarks.schedule import Scale

FILES_PER_FOLDER = 1_000
SIDE = 16
_DONE = re.compile(r"([\d,]+) imported, 0 known already, 0 refused")


def files(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Files a second that `asset-ledger content import` brings in from a folder of small pictures, with its start."""
    with ground.folder() as folder, ground.ledger() as (services, servers):
        tenant_id = new_tenant(services)
        _fill(folder / "media", scale.files)
        settings = {**environment(servers), "ASSET_LEDGER_CONTENT_STORE": (folder / "store").as_uri()}
        ground.run("checkpoint")
        os.sync()
        started = time.perf_counter()
        command = ("content", "import", str(folder / "media"), "--tenant", str(tenant_id))
        output = ground.answer("benchmarks.serve", settings, *command)
        seconds = time.perf_counter() - started
        done = _DONE.search(output)
        if done is None or int(done[1].replace(",", "")) != scale.files:
            raise MeasuringError(f"not every file was imported: {output}")
        yield Result("import", scale.files / seconds, "files/s")


def _fill(folder: Path, many: int) -> None:
    """So many different pictures of noise, less than a kilobyte each."""
    for number in range(many):
        path = folder / f"{number // FILES_PER_FOLDER:03}" / f"{number:06}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_picture(os.urandom(SIDE * SIDE * 3)))


def _picture(noise: bytes) -> bytes:
    """The noise as a PNG of 16 by 16 pixels (W3C, Portable Network Graphics, section 5)."""
    width = SIDE * 3
    lines = b"".join(b"\x00" + noise[start : start + width] for start in range(0, len(noise), width))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 1)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
