"""What a process has in use, measured again and again, and whether it stays flat."""

import re
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

WARM_UP = 0.2
"""The share of a run after which what is in use must not grow any more."""
WINDOW = 0.2
"""The share of a run whose median is compared."""
SLACK = {"megabytes": 24, "threads": 4, "descriptors": 24, "connections": 6}
"""How much more the last window may have than the first, besides a tenth."""


class Gauges(NamedTuple):
    """What the service has in use: resident memory, threads, open descriptors, and connections to PostgreSQL."""

    megabytes: float
    threads: int
    descriptors: int
    connections: int


def gauges(pid: int, connections: int) -> Gauges:
    """What a process has in use now (Linux: proc(5))."""
    status = Path(f"/proc/{pid}/status").read_text()
    kilobytes, threads = (
        int(re.findall(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[0]) for name in ("VmRSS", "Threads")
    )
    return Gauges(kilobytes * 1024 / 1e6, threads, len(list(Path(f"/proc/{pid}/fd").iterdir())), connections)


def growth(samples: Sequence[Gauges]) -> dict[str, str]:
    """What has grown after the warm-up by more than its slack, with both medians; empty if all is flat."""
    begin, size = int(len(samples) * WARM_UP), max(1, int(len(samples) * WINDOW))
    grown = {}
    for name, slack in SLACK.items():
        values = [getattr(sample, name) for sample in samples]
        first, last = median(values[begin : begin + size]), median(values[-size:])
        if last > first * 1.1 + slack:
            grown[name] = f"{first:.0f} -> {last:.0f}"
    return grown
