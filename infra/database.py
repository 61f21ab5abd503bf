"""Connections to PostgreSQL: pooled, one short transaction at a time, each naming the tenant it works for.

What is known of a transaction's end: before COMMIT was sent, nothing was committed. While COMMIT is under way, its
proof tells (`commit_in_doubt.py`), or the work is done again; else OutcomeUnknownError. After it, it is committed.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import orjson
import psycopg
import structlog
from psycopg import pq
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool

from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra.after_fork import after_fork
from infra.commit_in_doubt import SECONDS, ConnectionLostError, Pauses, Proof, Transaction, UnreplicatedError, settle
from infra.connection_slots import ListSlots, TransactionSlots
from infra.connections import SERVICE, UNREACHABLE, Bounds, Connection, unreachable, with_bounds
from infra.server_identity import NOT_WRITABLE, Lineage
from infra.sql import load_statements

_LOG = structlog.get_logger()
_SQL = load_statements(__file__, "connections.sql")
T = TypeVar("T")
NOT_CONFIRMED = "No standby has confirmed what was recorded. Look before you try again."
ATTEMPTS = 5
"""How often work is begun whose connection is lost before COMMIT."""
POOL_SECONDS = 4.0
"""How long a caller waits for a connection that is free."""
CLOSE_SECONDS = 1.0
LIST_SECONDS = 10.0
"""How long a list may take."""
RECONNECT_SECONDS = 5.0
"""How long the pool tries to connect, less and less often, before whoever asks next begins again: so that a server that
has taken over is found within seconds."""
MOST_OF_A_TENANT = 8
"""Transactions that one tenant has at once, of half the connections at the most: each keeps a thread of its caller."""


def check_alive(connection: Connection) -> None:
    """Refuse a connection that the server has left.

    Raises psycopg's OperationalError. The first look takes in what the server may have said in parting, the second
    finds the end. libpq looks without waiting and, unlike a poll, keeps the interpreter's lock.
    """
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


def _check_committable(connection: Connection) -> None:
    """Refuse to commit what would be rolled back without a word: psycopg's OperationalError, or its InternalError."""
    status = connection.pgconn.transaction_status
    if status == pq.TransactionStatus.INERROR:
        raise psycopg.errors.InFailedSqlTransaction("a statement failed, and nobody was told")
    if status != pq.TransactionStatus.INTRANS:
        raise psycopg.OperationalError("the connection was lost")


class Database(AbstractContextManager["Database"]):
    """A pool of connections as one role. Close it, or use it as a context manager.

    Without prepared statements a pooler may stand between: a session's settings would belong to nobody there, so the
    server's own for the database hold.
    """

    def __init__(
        self,
        conninfo: str,
        *,
        size: int = 8,
        prepare: bool = True,
        timeout: float = POOL_SECONDS,
        bounds: Bounds = SERVICE,
        lineage: Lineage | None = None,
        in_doubt: float = SECONDS,
        list_seconds: float = LIST_SECONDS,
    ) -> None:
        self.list_seconds = list_seconds
        self._size = size
        self.disk_full: float | None = None
        """When the server said last that its disk is full, by the monotonic clock."""
        self._bounds = bounds
        self._settings = prepare
        self.lineage = lineage
        """The servers that the database was on; None if it is not watched."""
        self._in_doubt = in_doubt
        self._make_pool = partial(
            ConnectionPool,
            with_bounds(conninfo),
            connection_class=Connection,
            min_size=0,
            max_size=size,
            timeout=timeout,
            reconnect_timeout=RECONNECT_SECONDS,
            open=True,
            configure=self._configure,
            check=check_alive,
            kwargs={"autocommit": True, "prepare_threshold": 5 if prepare else None},
        )
        self._around: ContextVar[tuple[Connection, Transaction] | None] = ContextVar("around", default=None)
        self._pools: list[ConnectionPool[Connection]] = []
        self._unreplicated: set[int] = set()
        self._reset()
        after_fork(self._reset)

    def _reset(self) -> None:
        # What the parent has is kept but never touched: to close it would say goodbye in the parent's name.
        self._pool = self._make_pool()
        self._pools.append(self._pool)
        self.list_slots = ListSlots(self._size)
        self.known_tables: dict[tuple[UUID, str], Mapping[str, str]] = {}
        """By tenant and list: of the tables of its statements, those that others stood in for when it was read last."""
        self._transaction_slots = TransactionSlots(max(1, min(self._size // 2, MOST_OF_A_TENANT)))

    def _configure(self, connection: Connection) -> None:
        set_json_loads(orjson.loads, connection)
        connection.bound(self._bounds, settings=self._settings)
        connection.add_notice_handler(partial(self._heed, id(connection)))
        if self.lineage is not None:
            self.lineage.enter(connection)

    def _heed(self, connection_id: int, notice: psycopg.errors.Diagnostic) -> None:
        """Note that a commit was made on this server alone: its wait for a standby was cancelled."""
        if notice.sqlstate == "01000" and "synchronous replication" in (notice.message_primary or ""):
            self._unreplicated.add(connection_id)

    @property
    def is_in_transaction(self) -> bool:
        """Whether there is a transaction around."""
        return self._around.get() is not None

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection, that of the transaction around if there is one, else in autocommit.

        Raises ServiceUnavailableError if there is none to be had, or while the server does not do its work, and
        OutcomeUnknownError, which is one, if no standby has confirmed what was committed on it.
        """
        around = self._around.get()
        if around is not None:
            yield around[0]
            return
        try:
            with self._pool.connection() as connection:
                try:
                    yield connection
                except NOT_WRITABLE:
                    connection.close()  # or the pool would give it to the next caller
                    raise
                if self._unreplicated and id(connection) in self._unreplicated:
                    self._unreplicated.discard(id(connection))
                    raise OutcomeUnknownError(NOT_CONFIRMED) from UnreplicatedError()
        except UNREACHABLE as error:
            if isinstance(error, psycopg.errors.DiskFull):
                self.disk_full = time.monotonic()
            raise unreachable(error) from error

    @contextmanager
    def transaction(self, tenant_id: UUID | None = None, *, writes: bool = True) -> Iterator[Connection]:
        """A transaction that sees the rows of one tenant (of none, for the service's role, without a tenant).

        Inside another one of the same tenant it is part of that: everything between commits together, on one
        connection. A thread that held one connection and waited for a second could wait for ever.

        Raises ServiceUnavailableError when nothing was committed, OutcomeUnknownError when nobody knows.
        """
        around = self._around.get()
        if around is not None:
            connection, outer = around
            if outer.tenant_id != tenant_id:
                raise ValueError("a transaction works for one tenant")
            outer.writes |= writes
            yield connection
            return
        state, loss = Transaction(tenant_id, writes), None
        with self._transaction_slots.slot(tenant_id), self.connection() as connection:
            try:
                with connection.transaction():
                    if tenant_id is not None:
                        connection.execute("SELECT set_config('ledger.tenant_id', %s, true)", (str(tenant_id),))
                    token = self._around.set((connection, state))
                    try:
                        yield connection
                    finally:
                        self._around.reset(token)
                    _check_committable(connection)
                    state.committing = True
            except psycopg.Error as error:
                if not connection.closed:
                    raise
                loss = error
        if loss is not None:
            settle(state, loss, self.reading, self._in_doubt)
        for call in state.afterwards:
            call()

    def reading(self, tenant_id: UUID | None = None) -> AbstractContextManager[Connection]:
        """The same for reads alone: what was read stands, however the transaction ends."""
        return self.transaction(tenant_id, writes=False)

    def in_transaction(self, tenant_id: UUID, work: Callable[[], T], *, repeatable: bool = False) -> T:
        """Do the work in one transaction, and again from the start if its connection was lost and nothing committed.

        `repeatable` work may be done again even if it was committed before: that changes nothing, and gives the same
        answer. Raises what `transaction` does.
        """
        if self.is_in_transaction:
            with self.transaction(tenant_id):
                return work()
        doubt: OutcomeUnknownError | None = None
        pauses, losses = Pauses(self._in_doubt), 0
        while True:
            try:
                with self.transaction(tenant_id):
                    return work()
            except OutcomeUnknownError as error:
                if not repeatable or isinstance(error.__cause__, UnreplicatedError):
                    raise
                doubt = error
            except ServiceUnavailableError as error:
                losses += 1
                if doubt is None and (losses == ATTEMPTS or not isinstance(error.__cause__, ConnectionLostError)):
                    raise
            if not pauses.pause():
                raise doubt or OutcomeUnknownError

    def proven_by(self, proof: Proof) -> None:
        """Use the proof of the surrounding transaction's end if its connection is lost at COMMIT."""
        around = self._around.get()
        if around is not None:
            around[1].proof = proof

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call it once the transaction around is committed."""
        around = self._around.get()
        if around is not None:
            around[1].afterwards.append(call)

    def execute(self, statement: LiteralString, **parameters: object) -> list[tuple[Any, ...]]:
        """The rows of a statement, none if it returns none, on the connection that `connection` gives."""
        with self.connection() as connection:
            cursor = connection.execute(statement, parameters or None)
            return cursor.fetchall() if cursor.description else []

    def allow_idle(self) -> None:
        """Let the transaction around stay idle while a content store works. It must hold no tenant's head."""
        self.execute(_SQL["allow_idle"])

    def close(self) -> None:
        """Close every connection."""
        self._pool.close(CLOSE_SECONDS)

    def __exit__(self, *_: object) -> None:
        self.close()
