"""What a process had in use."""

import os
import re
import resource
from pathlib import Path

from benchmarks.environment import MeasuringError


def peak_megabytes(pid: int) -> float:
    """The most memory that a process has had in use, in megabytes. MeasuringError where nothing tells that."""
    try:
        # Not ru_maxrss, which on Linux starts at what the process that started this one had in use.
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    except OSError:
        peak = None
    if peak is None and pid != os.getpid():
        raise MeasuringError("this system does not tell how much memory another process had in use")
    kilobytes = int(peak[1]) if peak else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * 1024 / 1e6
