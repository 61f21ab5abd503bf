"""One rebuild of `assets` in a process of its own: `python -m benchmarks.rebuilding` prints how it went, as JSON."""

import json
import re
import resource
import time
from pathlib import Path

from api.composition import services
from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.running import rebuild


def peak_megabytes() -> float:
    """The most memory this process has had in use, in megabytes."""
    try:
        # Not ru_maxrss, which on Linux starts at what the process that started this one had in use.
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    except OSError:
        found = None
    kilobytes = int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes * 1024 / 1e6


def main() -> None:
    """Rebuild, and print the events folded, the seconds it took, and the most megabytes in use."""
    with services(Settings(follow=False)) as made:
        started = time.perf_counter()
        events = rebuild(made.engine, PROJECTIONS["assets"])
        seconds = time.perf_counter() - started
    print(json.dumps({"events": events, "seconds": seconds, "megabytes": peak_megabytes()}))  # noqa: T201


if __name__ == "__main__":
    main()
