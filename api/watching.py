"""Threads that look after something for every tenant, and act as the ledger itself."""

import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from uuid import UUID

import structlog

from api.composition import Services
from api.session import Session
from domain.event import LEDGER

PAUSE_AFTER_FAILURE = 2.0
FAILURES = 3
FAILING_SECONDS = 300.0
"""A watch that failed so often within so long does not work."""

_LOG = structlog.get_logger()


class Watch(ABC):
    """A thread that looks around again and again until it is stopped. A context manager; any number may run."""

    def __init__(self, services: Services, name: str) -> None:
        self.name = name
        self._services = services
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name)
        self._failures = deque[float](maxlen=FAILURES)

    def __enter__(self) -> Self:
        self._thread.start()
        self._services.watches.append(self)
        return self

    def __exit__(self, *_: object) -> None:
        self._services.watches.remove(self)
        self._stopped.set()
        self._thread.join()

    @property
    def works(self) -> bool:
        """Whether the thread runs, and has not failed again and again within the last minutes."""
        often = len(self._failures) == FAILURES
        return self._thread.is_alive() and not (often and time.monotonic() - self._failures[0] < FAILING_SECONDS)

    def run(self) -> None:
        """Look around until stopped."""
        while not self._stopped.is_set():
            pause = PAUSE_AFTER_FAILURE
            with self.surviving():
                pause = self.round()
            self._stopped.wait(pause)

    @contextmanager
    def surviving(self, **whose: str) -> Iterator[None]:
        """What nobody expected ends the block, but neither the thread nor what it does for others; it is logged."""
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it was, the other tenants are still to be looked after
            self._failures.append(time.monotonic())
            _LOG.exception("watch failed", watch=self.name, **whose)

    @abstractmethod
    def round(self) -> float:
        """Look around once; returns how many seconds to wait until the next time."""


def own_session(services: Services, tenant_id: UUID) -> Session:
    """A session in which the ledger itself acts."""
    return services.session(tenant_id, LEDGER)
