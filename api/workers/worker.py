"""Threads that look after something for every tenant, and act as the ledger itself."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self
from uuid import UUID

import psycopg
import structlog

from api.application.session import Session
from api.composition import Services
from domain.errors import LedgerError
from domain.event import LEDGER
from infra.supervision import PAUSE_AFTER_FAILURE, SupervisedThread

OVERDUE_SECONDS = 3_600.0
"""A round may look through a store."""

_LOG = structlog.get_logger()


class Worker(ABC):
    """A thread that looks around again and again until it is stopped. A context manager; any number may run."""

    def __init__(self, services: Services, name: str) -> None:
        self.name = name
        self._services = services
        self._stopped = threading.Event()
        self._thread = SupervisedThread(name, self.run, overdue=OVERDUE_SECONDS, pause=self._stopped.wait)

    def __enter__(self) -> Self:
        self._thread.start()
        self._services.watches.append(self._thread)
        return self

    def __exit__(self, *_: object) -> None:
        self._services.watches.remove(self._thread)
        self._stopped.set()
        self._thread.join()

    def run(self) -> None:
        """Look around until stopped."""
        while not self._stopped.is_set():
            self._thread.beat()
            pause = PAUSE_AFTER_FAILURE
            with self.surviving():
                pause = self.round()
            self._stopped.wait(pause)

    @contextmanager
    def surviving(self, **whose: str) -> Iterator[None]:
        """What nobody expected ends the block, but neither the thread nor what it does for others; it is logged."""
        self._thread.beat()
        try:
            yield
        except Exception:  # noqa: BLE001 - whatever it was, the other tenants are still to be looked after
            self._thread.failed()
            _LOG.exception("watch failed", watch=self.name, **whose)

    @abstractmethod
    def round(self) -> float:
        """Look around once; returns how many seconds to wait until the next time."""


@contextmanager
def logged(failure: str, **ids: str) -> Iterator[None]:
    """A failure of the ledger or a database is logged and ends the block, but stops nothing else."""
    try:
        yield
    except (LedgerError, psycopg.Error) as error:
        _LOG.warning(failure, **ids, reason=str(error))


def own_session(services: Services, tenant_id: UUID) -> Session:
    """A session in which the ledger itself acts."""
    return services.session(tenant_id, LEDGER)
