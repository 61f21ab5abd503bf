"""Looks again and again whether a database is still on the same server, so that it is noticed without any traffic."""

import os
import selectors
import threading
from collections.abc import Callable
from typing import Self

import structlog

from domain.errors import ServiceUnavailableError
from infra.connections import UNREACHABLE, Connection
from infra.database import Database, check_alive
from infra.server_identity import Lineage
from infra.supervision import SupervisedThread

_LOG = structlog.get_logger()
SECONDS = 4.0
"""How often the server is asked, while its connection stands."""
PAUSE = 0.25
"""How long after a connection was lost the next one is tried."""


class ServerWatch:
    """A thread that holds one connection. A context manager; `/health` shows its problem.

    The end of the connection wakes it at once. `accepted` is called whenever the server has been seen: it must do
    nothing if there is nothing to do.
    """

    def __init__(
        self, name: str, database: Database, lineage: Lineage, accepted: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self._database = database
        self._lineage = lineage
        self._accepted = accepted
        self._stopped = threading.Event()
        self._wakes, self._waker = os.pipe()
        self.thread = SupervisedThread(name, self._run, pause=self._stopped.wait)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        os.write(self._waker, b"!")
        self.thread.join()
        os.close(self._waker)
        os.close(self._wakes)

    def problem(self) -> str | None:
        """Why the server must not be used; None if all is well."""
        return self._lineage.problem

    def _run(self) -> None:
        while not self._stopped.is_set():
            self.thread.beat()
            try:
                self._watch()
            except (ServiceUnavailableError, *UNREACHABLE) as error:
                self._lineage.lose_sight()
                _LOG.warning("server out of sight", watch=self.name, reason=str(error))
            self._stopped.wait(PAUSE)

    def _watch(self) -> None:
        with self._database.connection() as connection:
            while not self._stopped.is_set():
                self.thread.beat()
                self._lineage.enter(connection)
                self._accepted()
                self._wait(connection)

    def _wait(self, connection: Connection) -> None:
        """Wait for the next time. Raises psycopg's OperationalError as soon as the connection ends."""
        with selectors.DefaultSelector() as selector:
            selector.register(connection.fileno(), selectors.EVENT_READ)
            selector.register(self._wakes, selectors.EVENT_READ)
            if selector.select(SECONDS):
                check_alive(connection)
