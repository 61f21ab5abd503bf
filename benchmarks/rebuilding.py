"""Rebuilds of read models in a process of its own: `python -m benchmarks.rebuilding [PROCESSES [NAME...]]`.

Prints the events, the seconds and the most megabytes of a process, as JSON. Without arguments, one process rebuilds
`assets`.
"""

import json
import os
import resource
import sys
import time
from contextlib import ExitStack
from functools import partial
from typing import Any

from api.cli import logging_setup
from api.cli.rebuild_helpers import Helpers
from api.composition import connected
from benchmarks.memory import peak_megabytes
from infra.databases import open_databases
from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.engine.rebuild import rebuild
from projections.projection import Projection


def main(processes: int = 1, *names: str) -> None:
    """Rebuild one after the other, and print how it went."""
    logging_setup.configure()
    rebuilds = [_rebuilt(PROJECTIONS[name], processes) for name in names or ("assets",)]
    megabytes = max(peak_megabytes(os.getpid()), resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6 * 1024)
    events, seconds = (sum(figures) for figures in zip(*rebuilds, strict=True))
    print(json.dumps({"events": events, "seconds": seconds, "megabytes": megabytes}))  # noqa: T201


def _rebuilt(projection: Projection[Any], processes: int) -> tuple[int, float]:
    """The events of a rebuild, and the seconds that it took once all processes were there."""
    settings = Settings(follow=False)
    with ExitStack() as stack:
        databases = stack.enter_context(open_databases(settings))
        helpers = stack.enter_context(Helpers(settings, databases, projection, processes - 1))
        services = stack.enter_context(connected(settings, databases))
        started = time.perf_counter()
        events = rebuild(services.engine, projection, helped=partial(helpers.helping, projection))
        return events, time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else 1, *sys.argv[2:])
