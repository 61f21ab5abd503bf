"""Pairs of PostgreSQL servers: a primary and its standby, to promote, to kill, and to bring back."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.databases import Databases, create_databases, databases_of
from infra.embedded_postgres import binaries, watchdog
from infra.embedded_postgres.account import server_account
from infra.embedded_postgres.cluster import EmbeddedCluster, start
from tests.infra.embedding import eventually
from tests.memory import quick_folder

SETTINGS = {"shared_buffers": "16MB", "wal_level": "replica", "full_page_writes": "off", "fsync": "off"}
STANDBY = "standby"
FIRST, SECOND = "first", "second"


class Server:
    """One server of a pair, and its data directory."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] = {}) -> None:
        self.data_dir = data_dir
        self._settings = {**SETTINGS, **settings}
        self.cluster: EmbeddedCluster | None = None

    def start(self) -> None:
        """Start the server, or start it again."""
        self.stop()
        self.cluster = start(self.data_dir, self._settings)

    def stop(self) -> None:
        """Stop the server, if it runs."""
        if self.cluster is not None:
            self.cluster.close()
            self.cluster = None

    def kill(self) -> None:
        """Kill the server as a lost machine would: without a goodbye."""
        pid = watchdog.server_pid(self.data_dir)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        eventually(lambda: not watchdog.lives(pid))

    def run(self, *statements: str) -> list[tuple[object, ...]]:
        """Run statements as an administrator; returns the rows of the last one."""
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def copy_to(self, other: "Server") -> None:
        """Make the other one a standby that streams from this one."""
        account = server_account()
        programs = binaries.reachable(binaries.find(), account, self.data_dir)
        other.data_dir.mkdir(mode=0o711)
        account.own_directory(other.data_dir / "postgresql")
        conninfo = make_conninfo(self.conninfo, application_name=STANDBY)
        command = ["pg_basebackup", "-D", str(other.data_dir / "postgresql"), "-c", "fast", "-R", "-d", conninfo]
        status, output = account.run([programs.directory / command[0], *command[1:]])
        assert status == 0, output
        other.start()

    def promote(self) -> None:
        """Make the standby a primary."""
        assert self.run("SELECT pg_promote()") == [(True,)]

    def hold_back(self) -> None:
        """From now on the standby gets nothing more."""
        self.run("ALTER SYSTEM SET primary_conninfo = ''", "SELECT pg_reload_conf()")
        eventually(lambda: self.run("SELECT count(*) FROM pg_stat_wal_receiver") == [(0,)])

    @property
    def conninfo(self) -> str:
        """The administrator's connection string."""
        assert self.cluster is not None
        return self.cluster.conninfo("postgres")


@dataclass(frozen=True)
class Pair:
    """A primary and its standby."""

    primary: Server
    standby: Server
    databases: Databases
    """The ledger's databases, on whichever of the two can be written to."""

    def fail_over(self) -> None:
        """Kill the primary and promote the standby."""
        self.primary.kill()
        self.standby.promote()


def either(primary: Server, standby: Server, conninfo: str) -> str:
    """The connection string of a database on whichever server can be written to."""
    hosts = [conninfo_to_dict(server.conninfo)["host"] for server in (primary, standby)]
    return make_conninfo(
        conninfo,
        host=",".join(map(str, hosts)),
        port=",".join([str(watchdog.PORT)] * 2),
        target_session_attrs="read-write",
        load_balance_hosts="random",
        connect_timeout=5,
    )


@contextmanager
def own_folder() -> Iterator[Path]:
    """A folder that the servers' user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="ledger-pair-", dir=quick_folder())).resolve()
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def stopped_pair() -> Iterator[Path]:
    """A folder with a primary and its standby, both stopped: to be copied by each test."""
    with own_folder() as folder:
        primary, standby = Server(folder / FIRST), Server(folder / SECOND)
        primary.start()
        try:
            assert primary.cluster is not None
            create_databases(primary.cluster).migrate()
            primary.copy_to(standby)
            eventually(lambda: primary.run("SELECT count(*) FROM pg_stat_replication") == [(1,)])
        finally:
            standby.stop()
            primary.stop()
        yield folder


@contextmanager
def pair(stopped: Path, *, synchronous: bool) -> Iterator[Pair]:
    """A primary with a standby, which every commit waits for if the two are synchronous."""
    with own_folder() as folder:
        subprocess.run(["cp", "-a", *stopped.iterdir(), folder], check=True)
        follows = folder / SECOND / "postgresql" / "postgresql.auto.conf"
        follows.write_text(follows.read_text().replace(str(stopped), str(folder)))
        primary, standby = Server(folder / FIRST), Server(folder / SECOND)
        try:
            primary.start()
            standby.start()
            if synchronous:
                primary.run(f"ALTER SYSTEM SET synchronous_standby_names = '{STANDBY}'", "SELECT pg_reload_conf()")
            state = "sync" if synchronous else "async"
            eventually(lambda: primary.run("SELECT sync_state FROM pg_stat_replication") == [(state,)])
            assert primary.cluster is not None
            single = databases_of(primary.cluster, "asset_ledger", "asset_ledger_keys")
            urls = {name: either(primary, standby, str(url)) for name, url in vars(single).items()}
            yield Pair(primary, standby, Databases(**urls))
        finally:
            standby.stop()
            primary.stop()
