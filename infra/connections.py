"""Connections to PostgreSQL on which nothing waits without a bound: not for the server, a lock, nor an answer.

A server that is frozen still has its packets acknowledged by the system it runs on, so no setting of TCP notices it:
the client gives up by itself, and closes the connection. That comes after every bound of the server's own, which tell
more of what has happened.
"""

import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, LiteralString, TypeVar

import psycopg
from psycopg import errors, pq
from psycopg.abc import PQGen
from psycopg.adapt import PyFormat, Transformer
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import PoolTimeout

from domain.errors import LogBusyError, ServiceUnavailableError, StorageFullError
from infra.sql import load_statements

_SQL = load_statements(__file__, "connections.sql")
_LOOK = 0.1  # seconds between two looks for a signal, as psycopg has it
T = TypeVar("T")

NETWORK: Mapping[str, str] = {
    "connect_timeout": "5",
    "keepalives": "1",
    "keepalives_idle": "10",
    "keepalives_interval": "5",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
"""libpq's parameters of the network (PostgreSQL, 34.1.2), unless the URL has others: seconds, the last in ms."""


@dataclass(frozen=True)
class Bounds:
    """How long a connection waits: for an answer in seconds, and by the server's settings, those that it has."""

    answer: float
    settings: Mapping[str, str] = field(default_factory=dict)


_ISOLATION = {"default_transaction_isolation": "read committed"}

SERVICE = Bounds(
    20,
    {
        "statement_timeout": "15s",
        "lock_timeout": "3s",
        "idle_in_transaction_session_timeout": "5s",
        "transaction_timeout": "60s",
        **_ISOLATION,
    },
)
"""Requests. A service that is frozen while it holds a tenant's head loses the head before those who wait for it have
given up."""

WRITER = Bounds(8, SERVICE.settings)
"""Appends in groups: what is overdue is sent again."""

PROJECTOR = Bounds(
    150,
    {"statement_timeout": "120s", "lock_timeout": "60s", "idle_in_transaction_session_timeout": "60s", **_ISOLATION},
)
"""Batches of a hundred thousand events, folded in a transaction."""

OWNER = Bounds(6 * 3_600)
"""Migrations, which take as long as the tables are large."""

PROBE = Bounds(0.8, {"statement_timeout": "700ms", "lock_timeout": "700ms"})
"""Checks whether the database answers within a second."""

QUICK = Bounds(5)
"""A look that takes no lock."""

UNREACHABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    errors.ReadOnlySqlTransaction,
    errors.IdleInTransactionSessionTimeout,
    errors.TransactionTimeout,
    errors.DuplicatePreparedStatement,
    errors.InvalidSqlStatementName,
    PoolTimeout,
)
"""The errors of a server that is down, a standby or done with a session, and of a pooler that has others' statements.

The statement itself was right."""


class Connection(psycopg.Connection[tuple[Any, ...]]):
    """A connection that is closed when an answer is overdue; the caller gets an OperationalError."""

    answer_seconds = QUICK.answer

    def wait(self, gen: PQGen[T], interval: float = _LOOK, timeout: float | None = None) -> T:
        """Consume a generator of psycopg's. OperationalError if the server does not answer in time."""
        if timeout is not None:
            return super().wait(gen, interval, timeout)
        try:
            return super().wait(gen, interval, self.answer_seconds)
        except errors._WaitTimeout:  # noqa: SLF001 - the library calls it internal, and has no other
            self.pgconn.finish()
            raise psycopg.OperationalError("the server did not answer in time") from None

    def bound(self, bounds: Bounds, *, settings: bool = True) -> None:
        """Wait so long from now on. Without `settings` the server is left as it is."""
        self.answer_seconds = bounds.answer
        if settings and bounds.settings:
            self.execute(_SQL["set"], {"names": list(bounds.settings), "values": list(bounds.settings.values())})

    @contextmanager
    def patient(self, seconds: float) -> Iterator[None]:
        """Wait so long for every answer while the block runs."""
        before, self.answer_seconds = self.answer_seconds, seconds
        try:
            yield
        finally:
            self.answer_seconds = before

    @contextmanager
    def cut_when_overdue(self) -> Iterator[None]:
        """Cut the connection if the block takes longer than an answer may: for calls that nothing can interrupt."""
        cutting = threading.Timer(self.answer_seconds, _cut, [self.pgconn.socket])
        cutting.daemon = True
        cutting.start()
        try:
            yield
        finally:
            cutting.cancel()


def with_bounds(conninfo: str) -> str:
    """The connection string, with bounds on what the network may take where it has none of its own."""
    parameters = {name: str(value) for name, value in conninfo_to_dict(conninfo).items() if value is not None}
    return make_conninfo("", **{**NETWORK, **parameters})


def connect(conninfo: str, bounds: Bounds = OWNER, *, autocommit: bool = False) -> Connection:
    """A connection outside of every pool. Raises psycopg's OperationalError."""
    connection = Connection.connect(with_bounds(conninfo), autocommit=autocommit)
    connection.bound(bounds)
    return connection


def _cut(descriptor: int) -> None:
    """Let both sides see the end of the connection; the descriptor stays its owner's."""
    with suppress(OSError), socket.socket(fileno=os.dup(descriptor)) as link:
        link.shutdown(socket.SHUT_RDWR)


def fetch_at_once(
    connection: Connection, statement: LiteralString, parameters: Sequence[Any], make: Callable[[Sequence[Any]], T]
) -> list[T]:
    """The rows of a statement with parameters `$1`, `$2` and so on, in binary.

    For many rows, read while other threads compute: it waits for the interpreter's lock once, where a cursor does at
    every block that arrives. Only its being overdue can interrupt it. Raises what a cursor raises.
    """
    transformer = Transformer(connection)
    values = transformer.dump_sequence(parameters, [PyFormat.AUTO] * len(parameters))
    pgconn = connection.pgconn
    command = statement.encode()
    with connection.cut_when_overdue():
        result = pgconn.exec_params(command, values, transformer.types, transformer.formats, pq.Format.BINARY)
    if pgconn.status != pq.ConnStatus.OK:
        raise psycopg.OperationalError(result.error_message.decode(errors="replace"))
    if result.status != pq.ExecStatus.TUPLES_OK:
        raise psycopg.errors.error_from_result(result)
    transformer.set_pgresult(result, format=pq.Format.BINARY)
    return transformer.load_rows(0, result.ntuples, make)


def unreachable(error: Exception) -> ServiceUnavailableError:
    """The error for callers when the database does not do its work."""
    if isinstance(error, errors.LockNotAvailable):
        return LogBusyError()
    if isinstance(error, errors.DiskFull):
        return StorageFullError()
    if isinstance(error, errors.QueryCanceled):
        return ServiceUnavailableError("The database took too long. Try again, or ask for less.")
    if isinstance(error, (errors.DuplicatePreparedStatement, errors.InvalidSqlStatementName)):
        return ServiceUnavailableError(
            "There is a pooler before the database. Whoever runs the service has to set "
            "ASSET_LEDGER_PREPARED_STATEMENTS=false."
        )
    return ServiceUnavailableError(f"The database cannot be reached: {type(error).__name__}.")
