"""Threads that look after something for every tenant, and act as the ledger itself."""

import threading
from abc import ABC, abstractmethod
from typing import Self
from uuid import UUID

from api.composition import Services
from api.session import LEDGER, Session


class Watch(ABC):
    """A thread that looks around again and again until it is stopped. A context manager; any number may run."""

    def __init__(self, services: Services, name: str) -> None:
        self._services = services
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self.run, name=name)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def run(self) -> None:
        """Look around until stopped."""
        while not self._stopped.is_set():
            self._stopped.wait(self.round())

    @abstractmethod
    def round(self) -> float:
        """Look around once; returns how many seconds to wait until the next time."""


def own_session(services: Services, tenant_id: UUID) -> Session:
    """A session in which the ledger itself acts."""
    return services.session(tenant_id, LEDGER)
