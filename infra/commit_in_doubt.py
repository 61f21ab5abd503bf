"""A COMMIT whose answer was lost: the connection broke on the way, so the client cannot tell how the transaction ended.

Here it is decided. A look on another connection proves nothing while the lost COMMIT may still arrive. So who writes
says how its end is proven: by a question that waits for a lock which the transaction held until its end. Work that may
be done twice needs no proof: `Database.in_transaction` does it again. (`pg_xact_status` is no proof: a server that
crashed or was replaced may have used the transaction's number again.)

A group of appends has a way of its own, `event_log/delivery.py`: the same bytes are sent again.
"""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg
import structlog

from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra.connections import Connection, unreachable

_LOG = structlog.get_logger()

SECONDS = 20.0
"""How long the end of a transaction is asked for, or its work done again, before it is given up as unknown."""
SHORTEST_PAUSE = 0.02
LONGEST_PAUSE = 0.5

Proof = Callable[[], bool]
"""Whether a transaction was committed; asked in a new one, it waits until the other has ended."""
Reading = Callable[[UUID | None], AbstractContextManager[Connection]]
"""Begins a transaction that reads the rows of a tenant."""


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


def settle(transaction: Transaction, loss: psycopg.Error, reading: Reading, seconds: float) -> None:
    """Return if the transaction whose connection was lost is committed, or has only read.

    Else raise ServiceUnavailableError, caused by a ConnectionLostError, when nothing was committed, or
    OutcomeUnknownError when there is no proof, or it cannot be had within so many seconds.
    """
    if not transaction.committing:
        raise unreachable(loss) from ConnectionLostError(str(loss))
    if not transaction.writes:
        return
    _LOG.warning("connection lost at COMMIT", reason=str(loss), provable=transaction.proof is not None)
    if transaction.proof is None:
        raise OutcomeUnknownError from loss
    if not _is_committed(transaction.tenant_id, transaction.proof, reading, seconds):
        raise unreachable(loss) from ConnectionLostError(str(loss))


def _is_committed(tenant_id: UUID | None, proof: Proof, reading: Reading, seconds: float) -> bool:
    """What the proof says, asked until there is an answer. OutcomeUnknownError if there is none in time."""
    pauses = Pauses(seconds)
    while True:
        try:
            with reading(tenant_id) as connection:
                connection.execute("SELECT set_config('lock_timeout', %s, true)", (str(pauses.milliseconds_left),))
                return proof()
        except OutcomeUnknownError:
            raise
        except (psycopg.Error, ServiceUnavailableError):
            if not pauses.pause():
                raise OutcomeUnknownError from None
