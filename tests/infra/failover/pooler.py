"""A PgBouncer in transaction mode before a server, on a socket of its own."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.databases import Databases
from infra.embedded_postgres.account import server_account
from tests.infra.embedding import eventually
from tests.infra.failover.servers import own_folder

PORT = 6432
ROLES = ("asset_ledger_owner", "asset_ledger_service", "asset_ledger_projector")
INI = """
[databases]
* = host={host} port={port}
[pgbouncer]
pool_mode = transaction
default_pool_size = 3
unix_socket_dir = {folder}
listen_port = {own_port}
auth_type = trust
auth_file = {folder}/users
server_login_retry = 0.1
server_check_query = select 1
server_check_delay = 0
"""


def program() -> str | None:
    """Where PgBouncer is; None if it is not installed."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin:/usr/local/sbin")


@dataclass(frozen=True)
class Pooler:
    """A pooler that runs, and the databases through it."""

    process: subprocess.Popen[bytes]
    folder: Path
    databases: Databases

    def move_to(self, conninfo: str) -> None:
        """From now on pass everything on to another server, on the connections that callers have."""
        write_ini(self.folder, conninfo)
        self.process.send_signal(signal.SIGHUP)


@contextmanager
def pooled(databases: Databases) -> Iterator[Pooler]:
    """The same databases through a pooler that has few connections for each role."""
    with own_folder() as folder:
        account = server_account()
        (folder / "users").write_text("".join(f'"{role}" ""\n' for role in ROLES))
        write_ini(folder, databases.service)
        folder.chmod(0o777)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [str(program()), folder / "pgbouncer.ini"],
                stdout=log,
                stderr=log,
                cwd="/",
                user=account.uid if account.switched else None,
                group=account.gid if account.switched else None,
                extra_groups=[] if account.switched else None,
            )
        try:
            through = {name: _through(str(url), folder) for name, url in vars(databases).items()}
            eventually(lambda: _answers(str(through["service"])))
            yield Pooler(process, folder, Databases(**through))
        finally:
            process.terminate()
            process.wait()


def write_ini(folder: Path, conninfo: str) -> None:
    """Have the pooler pass on to this server."""
    parameters = conninfo_to_dict(conninfo)
    text = INI.format(host=parameters["host"], port=parameters["port"], folder=folder, own_port=PORT)
    (folder / "pgbouncer.ini").write_text(text)


def _through(conninfo: str, folder: Path) -> str:
    parameters = conninfo_to_dict(conninfo)
    return make_conninfo(host=str(folder), port=PORT, dbname=parameters["dbname"], user=parameters["user"])


def _answers(conninfo: str) -> bool:
    try:
        with psycopg.connect(conninfo):
            return True
    except psycopg.OperationalError:
        return False
