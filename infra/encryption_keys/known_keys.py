"""The keys and secrets that a process has read, and the server of the key database where it saw them."""

import threading
from dataclasses import dataclass
from typing import Generic, TypeVar

from infra.after_fork import after_fork
from infra.server_identity import ServerIdentity

K = TypeVar("K")
V = TypeVar("V")

NOWHERE = object()
"""The server that something was seen on when no server was in sight."""


@dataclass(slots=True)
class KnownKey(Generic[V]):
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
    """Keys or secrets up to a number; beyond, the oldest are dropped first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[K, KnownKey[V]] = {}
        self.get = self._entries.get
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        self._lock = threading.Lock()

    def put(self, key: K, entry: KnownKey[V]) -> None:
        """Keep the entry."""
        with self._lock:
            self._entries[key] = entry
            if len(self._entries) > self._most:
                del self._entries[next(iter(self._entries))]

    def drop(self, key: K) -> None:
        """Drop the entry."""
        with self._lock:
            self._entries.pop(key, None)

    def not_seen_on(self, server: ServerIdentity) -> list[K]:
        """Whose keys were last seen on another server."""
        with self._lock:
            return [key for key, entry in self._entries.items() if entry.seen_on is not server]
