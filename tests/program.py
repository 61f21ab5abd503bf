"""The installed program in processes of its own: commands that end, and `serve`, which is looked at while it runs."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from infra.databases import Databases
from infra.settings import Settings

PROGRAM = str(Path(sys.executable).with_name("asset-ledger"))


def environment_of(settings: Settings, databases: Databases) -> dict[str, str]:
    """The same settings for a process that uses these databases."""
    names = ("key_encryption_key", "content_store", "s3_endpoint", "s3_access_key", "s3_tls")
    values = {name: str(getattr(settings, name)) for name in names if getattr(settings, name) is not None}
    values |= {"s3_secret_key": settings.s3_secret_key.get_secret_value()} if settings.s3_secret_key else {}
    values |= {"database_url": databases.service, "projector_database_url": databases.projector}
    values |= {"keys_database_url": databases.keys}
    return os.environ | {f"ASSET_LEDGER_{name.upper()}": value for name, value in values.items()}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [PROGRAM, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def output(environment: dict[str, str], *arguments: str) -> str:
    """What a command prints that must succeed."""
    ended = run(environment, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


class ServedProcess(NamedTuple):
    """Where it serves, what it logs to, and its process."""

    url: str
    log: Path
    process: "subprocess.Popen[str]"

    def peak_memory(self) -> int:
        """The most memory that it ever had, in bytes (VmHWM)."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) * 1024

    def processor_seconds(self) -> float:
        """How long it has worked."""
        user, system = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / 100

    def stop(self) -> None:
        """Ask it to stop, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


@contextmanager
def serve(environment: Mapping[str, str], log: Path, descriptors: int | None = None) -> Iterator[ServedProcess]:
    """The service, with so many descriptors at the most if a number is given; it is killed in the end if need be."""

    limit = f"ulimit -n {descriptors} && " if descriptors is not None else ""
    command = ["sh", "-c", f'{limit}exec "$0" serve --port 0', PROGRAM]
    with (
        log.open("w") as written,
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=written, text=True) as process,
    ):
        assert process.stdout is not None
        try:
            url = re.findall(r"serving on (\S+);", process.stdout.readline())[0]
            yield ServedProcess(url, log, process)
        finally:
            process.kill()
