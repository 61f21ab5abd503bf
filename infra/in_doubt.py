"""In-doubt transactions: the connection was lost while COMMIT was under way, so the client cannot tell how they ended.

A look on another connection proves nothing while the lost COMMIT may still arrive. So who writes says how its end is
proven: by a question that waits for a lock which the transaction held until its end. Work that may be done twice
needs no proof: it is done again. (`pg_xact_status` is no proof: a server that crashed or was replaced may have used
the transaction's number again.)
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

SECONDS = 20.0
"""How long the end of a transaction is asked for, or its work done again, before it is given up as unknown."""
ATTEMPTS = 5
"""How often work is begun whose connection is lost before COMMIT."""
SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 0.5

Proof = Callable[[], bool]
"""Whether a transaction was committed; asked in a new one, it waits until the other has ended."""


@dataclass(slots=True)
class Transaction:
    """A transaction under way, with the proof of its end for the case that its connection is lost."""

    tenant_id: UUID | None
    writes: bool
    committing: bool = False
    proof: Proof | None = None
    afterwards: list[Callable[[], None]] = field(default_factory=list)
    """What is called once it is committed."""


class UnreplicatedError(Exception):
    """The transaction is committed on this server alone: its wait for a standby was cancelled."""


class ConnectionLostError(Exception):
    """The connection was lost, and nothing of its transaction was committed."""


class Pauses:
    """Ever longer pauses, up to a deadline."""

    def __init__(self, seconds: float) -> None:
        self._deadline = time.monotonic() + seconds
        self._pause = SHORTEST_PAUSE

    @property
    def milliseconds_left(self) -> int:
        """How long it is to the deadline; 1 at least."""
        return max(1, int(1000 * (self._deadline - time.monotonic())))

    def pause(self) -> bool:
        """Sleep for a while; returns False, at once, when the deadline has passed."""
        if time.monotonic() > self._deadline:
            return False
        time.sleep(self._pause)
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True
