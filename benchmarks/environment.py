"""What everything is measured on: a PostgreSQL of its own with durable commits, its databases, and processes."""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from api.composition import Services, connected
from infra.databases import Databases, create_databases, databases_of
from infra.embedded_postgres.cluster import EmbeddedCluster, start
from infra.settings import Settings
from infra.sql import load_statements

_SQL = load_statements(__file__, "environment.sql")
_URL = re.compile(r"http://([\d.]+):(\d+)")
_STOP_SECONDS = 30
KEK = base64.b64encode(bytes(range(32))).decode()


class MeasuringError(Exception):
    """A row could not be measured. Says why."""


class Server(NamedTuple):
    """Where a process serves, and its id."""

    address: tuple[str, int]
    pid: int


class Ground:
    """One run's PostgreSQL, and the processes that are started beside it."""

    def __init__(self, cluster: EmbeddedCluster, directory: Path) -> None:
        self._cluster = cluster
        self._directory = directory
        self._numbers = count(1)
        self.owner = psycopg.connect(cluster.conninfo("postgres"), autocommit=True)
        self.run("count_statements")
        create_databases(cluster).migrate()

    def run(self, statement: str, **names: str) -> list[tuple[Any, ...]]:
        """Run one of our own statements as the server's owner; returns its rows."""
        quoted = {name: sql.Identifier(value) for name, value in names.items()}
        cursor = self.owner.execute(sql.SQL(_SQL[statement]).format(**quoted))
        return cursor.fetchall() if cursor.description else []

    @contextmanager
    def empty(self) -> Iterator[str]:
        """An empty database for as long as the block runs; gives its connection string."""
        name = f"peer_{next(self._numbers)}"
        self.run("create_empty", name=name)
        try:
            yield self._cluster.conninfo(name)
        finally:
            self.run("drop", name=name)

    @contextmanager
    def databases(self) -> Iterator[Databases]:
        """A ledger's migrated databases for as long as the block runs."""
        number = next(self._numbers)
        names = {"asset_ledger": f"log_{number}", "asset_ledger_keys": f"keys_{number}"}
        try:
            for template, name in names.items():
                self.run("create_clone", name=name, template=template)
            yield databases_of(self._cluster, *names.values())
        finally:
            for name in names.values():
                self.run("drop", name=name)

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty directory for as long as the block runs."""
        with tempfile.TemporaryDirectory(dir=self._directory) as path:
            yield Path(path)

    @contextmanager
    def ledger(self) -> Iterator[tuple[Services, Databases]]:
        """A new ledger in this process that follows nothing, and where its databases are."""
        with (
            self.databases() as servers,
            connected(Settings(key_encryption_key=KEK, follow=False), servers) as services,
        ):
            yield services, servers

    @contextmanager
    def process(
        self, module: str, *arguments: str, environment: Mapping[str, str]
    ) -> Iterator["subprocess.Popen[str]"]:
        """A Python process for as long as the block runs; its errors go to a file."""
        with (self._directory / f"{module}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, **environment},
            )
            try:
                yield process
            finally:
                _end(process)

    @contextmanager
    def server(self, module: str, *arguments: str, environment: Mapping[str, str]) -> Iterator["Server"]:
        """A process that serves HTTP and first prints where. MeasuringError."""
        with self.process(module, *arguments, environment=environment) as process:
            address = _URL.search(process.stdout.readline() if process.stdout else "")
            if address is None:
                raise MeasuringError(f"{module} does not serve: {self.last_words(module)}")
            yield Server((address[1], int(address[2])), process.pid)

    def answer(self, module: str, environment: Mapping[str, str], *arguments: str) -> str:
        """What a process printed that ran to its end. MeasuringError if it failed."""
        with self.process(module, *arguments, environment=environment) as process:
            output, _ = process.communicate()
        if process.returncode != 0:
            raise MeasuringError(f"{module} failed: {self.last_words(module)}")
        return output

    def last_words(self, module: str) -> str:
        """The end of what the process complained about."""
        return (self._directory / f"{module}.log").read_text()[-2_000:]


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout:
        process.stdout.close()


def environment(servers: Databases) -> dict[str, str]:
    """The settings of a process that uses these databases."""
    return {
        "ASSET_LEDGER_DATABASE_URL": servers.service,
        "ASSET_LEDGER_PROJECTOR_DATABASE_URL": servers.projector,
        "ASSET_LEDGER_KEYS_DATABASE_URL": servers.keys,
        "ASSET_LEDGER_KEY_ENCRYPTION_KEY": KEK,
    }


@contextmanager
def prepared(folder: str | None = None) -> Iterator[Ground]:
    """The ground for as long as the block runs, in a folder or where temporary files go.

    Everything on it is stopped and removed afterwards.
    """
    directory = Path(tempfile.mkdtemp(prefix="ledger-bench-", dir=folder))
    directory.chmod(0o755)  # as root the server runs as another user, who must get there
    try:
        with start(directory / "data", {"shared_preload_libraries": "pg_stat_statements"}) as cluster:
            ground = Ground(cluster, directory)
            with ground.owner:
                yield ground
    finally:
        shutil.rmtree(directory)


def forget_settings(variables: Sequence[str]) -> None:
    """Let no setting of the caller's own ledger reach the ones measured here."""
    for name in variables:
        if name.startswith("ASSET_LEDGER_"):
            del os.environ[name]
