"""Processes that help with a rebuild: forked while this process has neither threads nor connections."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import structlog

from api.composition import connected
from domain.errors import LedgerError
from infra.databases import Databases
from infra.settings import Settings
from projections.engine.rebuild import help_rebuild
from projections.projection import Projection

_LOG = structlog.get_logger()
_FORK = multiprocessing.get_context("fork")


def processors() -> int:
    """The number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Helpers:
    """So many processes, which wait until the rebuild has begun and end with this process. A context manager."""

    def __init__(self, settings: Settings, databases: Databases, projection: Projection[Any], count: int) -> None:
        self._settings, self._databases, self._builds = settings, databases, projection.builds
        self._parent = os.getpid()
        self._reading, self._writing = os.pipe()
        """Each process reads one byte, a build's number, once it may begin; the end tells that this process is gone."""
        self._processes = [_FORK.Process(target=self._run, daemon=True) for _ in range(count)]

    def __enter__(self) -> "Helpers":
        for process in self._processes:
            process.start()
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.terminate()
            process.join()
        os.close(self._writing)
        os.close(self._reading)

    @contextmanager
    def helping(self, build: Projection[Any]) -> Iterator[None]:
        """Let the processes help to rebuild a build while the block runs. A process that ends is done without."""
        os.write(self._writing, bytes([self._builds.index(build)]) * len(self._processes))
        yield
        if ended := sum(process.exitcode not in (None, 0) for process in self._processes):
            _LOG.warning("processes that helped with a rebuild ended early", count=ended)

    def _run(self) -> None:
        os.close(self._writing)
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the parent too, which ends us
        try:
            with connected(self._settings, self._databases) as services:
                if number := os.read(self._reading, 1):
                    build = self._builds[number[0]]
                    help_rebuild(services.engine, build, lambda: os.getppid() == self._parent)
        except (LedgerError, psycopg.Error) as error:
            _LOG.warning("a process that helped with a rebuild ended", reason=str(error))
            os._exit(1)
