"""The errors of a database that does not do its work, and what callers get in their place."""

import psycopg
from psycopg_pool import PoolTimeout

from domain.errors import LogBusyError, ServiceUnavailableError, StorageFullError

UNREACHABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.ReadOnlySqlTransaction,
    psycopg.errors.IdleInTransactionSessionTimeout,
    psycopg.errors.TransactionTimeout,
    psycopg.errors.DuplicatePreparedStatement,
    psycopg.errors.InvalidSqlStatementName,
    PoolTimeout,
)
"""The errors of a server that is down, a standby or done with a session, and of a pooler that has others' statements.

The statement itself was right."""


def unreachable(error: Exception) -> ServiceUnavailableError:
    """The error for callers when the database does not do its work."""
    if isinstance(error, psycopg.errors.LockNotAvailable):
        return LogBusyError()
    if isinstance(error, psycopg.errors.DiskFull):
        return StorageFullError()
    if isinstance(error, psycopg.errors.QueryCanceled):
        return ServiceUnavailableError("The database took too long. Try again, or ask for less.")
    if isinstance(error, (psycopg.errors.DuplicatePreparedStatement, psycopg.errors.InvalidSqlStatementName)):
        return ServiceUnavailableError(
            "There is a pooler before the database. Whoever runs the service has to set "
            "ASSET_LEDGER_PREPARED_STATEMENTS=false."
        )
    return ServiceUnavailableError(f"The database cannot be reached: {type(error).__name__}.")
