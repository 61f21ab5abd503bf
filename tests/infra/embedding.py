"""What the tests of the embedded PostgreSQL share: other users of a cluster, and looks at what runs."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from infra.embedded_postgres import watchdog
from infra.embedded_postgres.cluster import EmbeddedCluster

PROJECT = Path(__file__).parents[2]
DEADLINE_SECONDS = 30
USER = """
import signal, sys
from pathlib import Path
import psycopg
from infra.embedded_postgres.cluster import start

signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's background job would ignore it
with start(Path(sys.argv[1])) as cluster:
    with psycopg.connect(cluster.conninfo("postgres")) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
        connection.commit()
        print("ready", flush=True)
        sys.stdin.read()
"""


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def nothing_runs(data_dir: Path) -> bool:
    lock = watchdog.open_lock(data_dir, "watchdog")
    try:
        return watchdog.try_lock(lock) and watchdog.server_pid(data_dir) is None and not watchdog.answers(data_dir)
    finally:
        os.close(lock)


def server_pid(data_dir: Path) -> int:
    pid = watchdog.server_pid(data_dir)
    assert pid is not None
    return pid


def value(cluster: EmbeddedCluster, query: str) -> object:
    with psycopg.connect(cluster.conninfo("postgres")) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def another_user(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, data_dir],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_ready(user: subprocess.Popen[str]) -> None:
    assert user.stdout is not None
    assert user.stdout.readline() == "ready\n"
