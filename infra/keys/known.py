"""What a process knows of the key database: keys and secrets, and on which server it has seen them."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from infra.forking import after_fork
from infra.server_identity import ServerIdentity

K = TypeVar("K")
V = TypeVar("V")

NOWHERE = object()
"""The server that something was seen on when no server was in sight."""


@dataclass(slots=True)
class Known(Generic[V]):
    """A key or a secret as this process has seen it in the database."""

    value: V
    wrapped: bytes
    digest: bytes
    seen_on: object
    """The server of the key database that it was last seen on."""
    claimed: bool = False
    """Whether the log's database has ever said that it is the subject's key."""
    claimed_on: object = NOWHERE
    """The server of the log that said so."""


class KnownKeys(Generic[K, V]):
    """What is known, up to a number; beyond, what came first goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[K, Known[V]] = {}
        self.get = self._known.get
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def put(self, key: K, known: Known[V]) -> None:
        """Know it from now on."""
        with self._lock:
            self._known[key] = known
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def drop(self, key: K) -> None:
        """Forget it."""
        with self._lock:
            self._known.pop(key, None)

    def not_seen_on(self, server: ServerIdentity) -> list[K]:
        """Whose keys were last seen on another server."""
        with self._lock:
            return [key for key, known in self._known.items() if known.seen_on is not server]
