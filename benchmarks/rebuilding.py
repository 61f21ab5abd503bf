"""One rebuild of `assets` in a process of its own: `python -m benchmarks.rebuilding` prints how it went, as JSON."""

import json
import os
import time

from api.cli import logging_setup
from api.composition import open_services
from benchmarks.memory import peak_megabytes
from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.engine.rebuild import rebuild


def main() -> None:
    """Rebuild, and print the events folded, the seconds it took, and the most megabytes in use."""
    logging_setup.configure()
    with open_services(Settings(follow=False)) as services:
        started = time.perf_counter()
        events = rebuild(services.engine, PROJECTIONS["assets"])
        seconds = time.perf_counter() - started
    print(json.dumps({"events": events, "seconds": seconds, "megabytes": peak_megabytes(os.getpid())}))  # noqa: T201


if __name__ == "__main__":
    main()
