"""`asset-ledger serve` in a process of its own, which may be short of descriptors, and whose memory is looked at."""

import re
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.cli.test_commands import PROGRAM


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
