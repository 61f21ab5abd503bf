"""Forward-only, numbered migrations: plain SQL files, run once each, in order, by the owner."""

import hashlib
from pathlib import Path

import psycopg

from infra.connections import QUICK, Connection, connect
from infra.sql import load_statements

_SQL = load_statements(__file__, "runner.sql")
FOLDERS = Path(__file__).parent


class MigrationError(Exception):
    """The database's schema and this software do not fit each other."""


def migrate(conninfo: str, folder: str) -> list[str]:
    """Run what has not been run yet of one folder of migrations; returns the names of those that ran.

    All in one transaction: a failure leaves the database as it was. Raises MigrationError when a migration
    that ran before has been edited since, or came from a newer version of the software.
    """
    files = {path.name: path for path in sorted((FOLDERS / folder).glob("*.sql"))}
    with connect(conninfo) as connection:
        connection.execute(_SQL["one_at_a_time"])
        connection.execute(_SQL["create_history"])
        done: dict[str, str] = dict(connection.execute(_SQL["history"]).fetchall())
        _check(done, files)
        pending = [name for name in files if name not in done]
        for name in pending:
            connection.execute(files[name].read_text().encode())
            connection.execute(_SQL["remember"], (name, _digest(files[name])))
    return pending


def check(conninfo: str, folder: str) -> None:
    """Refuse a database that has not had every migration, or has had others: MigrationError says what to do."""
    with connect(conninfo, QUICK) as connection:
        check_history(connection, folder)


def check_history(connection: Connection, folder: str) -> None:
    """The same for a database that one is connected to."""
    files = {path.name: path for path in FOLDERS.joinpath(folder).glob("*.sql")}
    try:
        done: dict[str, str] = dict(connection.execute(_SQL["history"]).fetchall())
    except psycopg.errors.UndefinedTable:
        done = {}
    _check(done, files)
    if missing := sorted(files.keys() - done.keys()):
        raise MigrationError(f"the database lacks {', '.join(missing)}: run `asset-ledger migrate`")


def _check(done: dict[str, str], files: dict[str, Path]) -> None:
    for name, digest in done.items():
        if name not in files:
            raise MigrationError(f"the database has migration {name}, which this version lacks: upgrade the software")
        if _digest(files[name]) != digest:
            raise MigrationError(f"migration {name} was edited after it ran: restore it and write a new one")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
