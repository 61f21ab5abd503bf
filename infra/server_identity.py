"""Which server a database is on: another one may have lost what the one before had committed.

A connection is to one server for all its life, except behind a pooler. So the server is asked for who it is whenever a
connection is made, and again and again on one that stays (`infra.server_watch`).
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

import psycopg

from infra.after_fork import after_fork
from infra.sql import load_statements

_SQL = load_statements(__file__, "server_identity.sql")
STALE_SECONDS = 60.0
Connection = psycopg.Connection[tuple[object, ...]]


class ServerIdentity(NamedTuple):
    """One run of one server on one timeline (PostgreSQL, 25.3.6)."""

    system: int
    """The system identifier, which a primary and its standbys share."""
    timeline: int
    """Counted up by every promotion."""
    started_at: datetime


class StandbyError(psycopg.OperationalError):
    """The server is a standby, which cannot be written to."""


class StaleServerError(psycopg.OperationalError):
    """The server is a primary of before: another one was promoted in its place."""


NOT_WRITABLE = (psycopg.errors.ReadOnlySqlTransaction, StandbyError, StaleServerError)


class Lineage:
    """The servers that one database was on, as this process has seen them."""

    def __init__(self, accept: Callable[[Connection, ServerIdentity], None] = lambda *_: None) -> None:
        self.current: ServerIdentity | None = None
        """The server as last seen, and accepted: the same object for as long as it is the same. None out of sight."""
        self._stale: tuple[str, float] | None = None
        """What a server of before was refused with, and when."""
        self._accept = accept
        self._last: ServerIdentity | None = None
        self._timelines: dict[int, int] = {}
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self.lose_sight()

    def enter(self, connection: Connection) -> ServerIdentity:
        """Find out which server the connection is to; another one than before is first accepted.

        Raises StandbyError, StaleServerError, and any other error of psycopg; then the connection must not be used.
        """
        row = connection.execute(_SQL["identity"]).fetchone()
        if row is None or row[1] is None:
            raise StandbyError("the server is a standby, which cannot be written to: it waits to be promoted")
        identity = ServerIdentity._make(row)
        if identity == self.current:
            return identity
        with self._lock:
            if identity.timeline < self._timelines.get(identity.system, 0):
                refusal = (
                    f"the server of timeline {identity.timeline} is stale: timeline "
                    f"{self._timelines[identity.system]} was begun elsewhere; stop it, and make it a standby"
                )
                self._stale = refusal, time.monotonic()
                raise StaleServerError(refusal)
            if identity != self._last:
                self._accept(connection, identity)
                self._last = identity
                self._timelines[identity.system] = identity.timeline
            self.current = self._last
            return identity

    @property
    def problem(self) -> str | None:
        """That a server of before is still there, with the remedy; None if none was met within the last minute."""
        stale = self._stale
        return stale[0] if stale and time.monotonic() - stale[1] < STALE_SECONDS else None

    def seen(self, connection: Connection) -> ServerIdentity:
        """The server as last seen, else the one that the connection is to. Raises what `enter` does."""
        return self.current or self.enter(connection)

    def lose_sight(self) -> None:
        """Forget the current server: it may be another one by now."""
        self.current = None


def unwatched() -> Lineage:
    """A lineage of one server that never changes, for a database that is not watched."""
    lineage = Lineage()
    lineage.current = ServerIdentity(0, 0, datetime.min)  # noqa: DTZ901 - no time, a place holder
    return lineage
