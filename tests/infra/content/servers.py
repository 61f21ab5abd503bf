"""Real S3 servers on loopback, started by the tests and stopped by their own process id."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from minio import Minio

from infra.content.s3_client import connect

ACCESS_KEY = "TESTSACCESSKEY"
SECRET_KEY = "tests-secret-key"  # noqa: S105  # of a server that nobody else can reach


class S3Server(NamedTuple):
    """Where a server listens: `host:port`."""

    endpoint: str

    def client(self, access_key: str = ACCESS_KEY, secret_key: str = SECRET_KEY) -> Minio:
        return connect(self.endpoint, region="us-east-1", access_key=access_key, secret_key=secret_key, tls=False)


def new_bucket(client: Minio) -> str:
    """An empty bucket, by its name."""
    name = f"bucket-{uuid4().hex}"
    client.make_bucket(name)
    return name


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[None]:
    """A process that is killed when this is left, and writes what it says to a file."""
    with log.open("wb") as out, subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out) as process:
        try:
            yield
        finally:
            process.kill()


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def answers(port: int) -> bool:
    """Whether somebody listens on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
