"""The uses of a data directory's PostgreSQL server: begun, shared between processes and ended."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from infra.embedded_postgres import server, watchdog
from infra.embedded_postgres.account import ENVIRONMENT, EmbeddedPostgresError, server_account


class EmbeddedCluster(AbstractContextManager["EmbeddedCluster"]):
    """One use of a running cluster; the server stops when its last use ends."""

    def __init__(self, data_dir: Path, socket_dir: str, users_lock: int) -> None:
        self._data_dir = data_dir
        self._socket_dir = socket_dir
        self._users_lock: int | None = users_lock

    def conninfo(self, dbname: str, user: str = "postgres") -> str:
        """Return the libpq connection string of a database, over the unix socket."""
        return make_conninfo(host=self._socket_dir, port=watchdog.PORT, dbname=dbname, user=user)

    def close(self) -> None:
        """End this use; the last one returns once the server has stopped. A second call does nothing.

        Raises EmbeddedPostgresError when the server does not stop.
        """
        if self._users_lock is None:
            return
        os.close(self._users_lock)
        self._users_lock = None
        with watchdog.control(self._data_dir):
            if not watchdog.unused(self._data_dir):
                return
            try:
                watchdog.stop_server(self._data_dir)
            except TimeoutError as error:
                raise EmbeddedPostgresError(f"{error}; look into {self._data_dir / 'log'}") from error

    def __exit__(self, *_: object) -> None:
        self.close()


def default_data_dir() -> Path:
    """Return /var/lib/asset-ledger for root, else asset-ledger in the user's data directory (XDG base directories)."""
    if os.geteuid() == 0:
        return Path("/var/lib/asset-ledger")
    configured = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (configured if configured.is_absolute() else Path.home() / ".local" / "share") / "asset-ledger"


def start(data_dir: Path, settings: Mapping[str, str] = {}) -> EmbeddedCluster:
    """Return a use of the data directory's cluster, which is made and started where it is not running yet.

    The settings are the server's, and apply when this call starts it. Raises EmbeddedPostgresError.
    """
    data_dir = data_dir.resolve()
    account = server_account()
    try:
        server.prepare(data_dir, account)
        with watchdog.control(data_dir) as control_lock:
            users_lock = watchdog.open_lock(data_dir, "users")
            try:
                fcntl.flock(users_lock, fcntl.LOCK_SH)
                _ensure_watchdog(data_dir)
                if not server.joined(data_dir):
                    server.launch(data_dir, account, settings, control_lock)
                return EmbeddedCluster(data_dir, watchdog.postmaster_record(data_dir)[4], users_lock)
            except BaseException:
                os.close(users_lock)
                raise
    except OSError as error:
        raise EmbeddedPostgresError(
            f"cannot keep a database in {data_dir}: {error}; choose a directory that can be written and has space"
        ) from error


def _ensure_watchdog(data_dir: Path) -> None:
    """Start a watchdog unless one lives; it inherits its lock, so that it holds it from its first instant."""
    lock = watchdog.open_lock(data_dir, "watchdog")
    try:
        if not watchdog.try_lock(lock):
            return
        command = [sys.executable, "-I", "-S", watchdog.__file__, str(data_dir), str(lock)]
        quiet = subprocess.DEVNULL
        started = subprocess.run(
            command,
            check=False,
            stdin=quiet,
            stdout=quiet,
            stderr=quiet,
            cwd="/",
            env=ENVIRONMENT,
            pass_fds=(lock,),
            start_new_session=True,
        )
    finally:
        os.close(lock)
    if started.returncode != 0:
        raise EmbeddedPostgresError(f"{sys.executable} cannot run {watchdog.__file__}; reinstall the two")
