"""Connections to PostgreSQL: pooled, one short transaction at a time, each naming the tenant it works for."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any, LiteralString, Self, TypeVar
from uuid import UUID

import orjson
import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.types.json import set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from domain.errors import LogBusyError, ServiceUnavailableError, StorageFullError
from infra.connections import SERVICE, Bounds, Connection, bounded
from infra.forking import after_fork
from infra.shares import Shares
from infra.sql import beside

_SQL = beside(__file__, "connections.sql")
Row = TypeVar("Row")
UNREACHABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    PoolTimeout,
)
POOL_SECONDS = 4.0
"""How long a caller waits for a connection that is free."""
CLOSE_SECONDS = 1.0
MOST_OF_A_TENANT = 8
"""Transactions that one tenant has at once, of half the connections at the most: each keeps a thread of its caller."""


def _check(connection: Connection) -> None:
    """Refuse a connection that the server has left.

    Raises psycopg's OperationalError. The first look takes in what the server may have said in parting, the second
    finds the end. libpq looks without waiting and, unlike a poll, keeps the interpreter's lock.
    """
    connection.pgconn.consume_input()
    connection.pgconn.consume_input()


class Database:
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
    ) -> None:
        self.disk_full: float | None = None
        """When the server said last that its disk is full, by the monotonic clock."""
        self._bounds = bounds
        self._share = max(1, min(size // 2, MOST_OF_A_TENANT))
        self._settings = prepare
        self._make_pool = partial(
            ConnectionPool,
            bounded(conninfo),
            connection_class=Connection,
            min_size=0,
            max_size=size,
            timeout=timeout,
            open=True,
            configure=self._configure,
            check=_check,
            kwargs={"autocommit": True, "prepare_threshold": 5 if prepare else None},
        )
        self._around: ContextVar[tuple[Connection, UUID | None] | None] = ContextVar("around", default=None)
        self._pools: list[ConnectionPool[Connection]] = []
        self._begin()
        after_fork(self._begin)

    def _begin(self) -> None:
        # What the parent has is kept but never touched: to close it would say goodbye in the parent's name.
        self._pool = self._make_pool()
        self._pools.append(self._pool)
        self._shares = Shares(self._share)

    def _configure(self, connection: Connection) -> None:
        set_json_loads(orjson.loads, connection)
        connection.bound(self._bounds, settings=self._settings)

    @property
    def in_transaction(self) -> bool:
        """Whether there is a transaction around."""
        return self._around.get() is not None

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection, that of the transaction around if there is one, else in autocommit.

        Raises ServiceUnavailableError if there is none to be had, or while the server does not do its work.
        """
        around = self._around.get()
        if around is not None:
            yield around[0]
            return
        try:
            with self._pool.connection() as connection:
                yield connection
        except UNREACHABLE as error:
            if isinstance(error, psycopg.errors.DiskFull):
                self.disk_full = time.monotonic()
            raise unreachable(error) from error

    @contextmanager
    def transaction(self, tenant_id: UUID | None = None) -> Iterator[Connection]:
        """A transaction that sees the rows of one tenant (of none, for the service's role, without a tenant).

        Inside another one of the same tenant it is part of that: everything between commits together, on one
        connection. A thread that held one connection and waited for a second could wait for ever.
        """
        around = self._around.get()
        if around is not None:
            if around[1] != tenant_id:
                raise ValueError("a transaction works for one tenant")
            yield around[0]
            return
        with self._shares.place(tenant_id), self.connection() as connection, connection.transaction():
            if tenant_id is not None:
                connection.execute("SELECT set_config('ledger.tenant_id', %s, true)", (str(tenant_id),))
            token = self._around.set((connection, tenant_id))
            try:
                yield connection
            finally:
                self._around.reset(token)

    def allow_idle(self) -> None:
        """Let the transaction around stay idle while a content store works. It must hold no tenant's head."""
        with self.connection() as connection:
            connection.execute(_SQL["allow_idle"])

    def close(self) -> None:
        """Close every connection."""
        self._pool.close(CLOSE_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def fetch_at_once(
    connection: Connection, statement: LiteralString, parameters: Sequence[Any], make: Callable[[Sequence[Any]], Row]
) -> list[Row]:
    """The rows of a statement with parameters `$1`, `$2` and so on, in binary.

    For many rows, read while other threads compute: it waits for the interpreter's lock once, where a cursor does at
    every block that arrives. Only its being overdue can interrupt it. Raises what a cursor raises.
    """
    transformer = Transformer(connection)
    values = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
    asked = connection.pgconn
    command = statement.encode()
    with connection.cut_when_overdue():
        result = asked.exec_params(command, values, transformer.types, transformer.formats, pq.Format.BINARY)
    if asked.status != pq.ConnStatus.OK:
        raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    transformer.set_pgresult(result, format=pq.Format.BINARY)
    return transformer.load_rows(0, result.ntuples, make)


def unreachable(error: Exception) -> ServiceUnavailableError:
    """What callers are told when the database does not do its work."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LogBusyError()
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageFullError()
    if isinstance(error, psycopg.errors.QueryCanceled):
        return ServiceUnavailableError("The database took too long. Try again, or ask for less.")
    return ServiceUnavailableError(f"The database cannot be reached: {type(error).__name__}.")
