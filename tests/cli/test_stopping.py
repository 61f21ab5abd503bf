"""A service that is told to stop ends within ten seconds whatever hangs, and takes its PostgreSQL along."""

import base64
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster, start
from tests.chaos.cutting import Cutter
from tests.conftest import KEK
from tests.infra.embedding import eventually, nothing_runs, server_pid
from tests.program import PROGRAM

STOP_SECONDS = 10
MARGIN = 3
"""For a busy machine."""
HANGING = """
import threading
from api.cli import logging_setup
from api.cli.stop_deadline import heed_stop_signals

logging_setup.configure()
threading.Thread(target=threading.Event().wait, name="stuck").start()
wait_to_be_stopped = heed_stop_signals()
print("waiting", flush=True)
wait_to_be_stopped()
"""


@contextmanager
def service(environment: dict[str, str]) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A service, and where it is."""
    command = [PROGRAM, "serve", "--port", "0"]
    with subprocess.Popen(
        command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process, re.findall(r"serving on (\S+);", process.stdout.readline())[0]
        finally:
            process.kill()


def seconds_to_stop(process: subprocess.Popen[str]) -> tuple[float, str]:
    """How long the process takes to end, and what it has logged."""
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    output, logged = process.communicate(timeout=60)
    return time.monotonic() - started, output + logged


def ask_in_vain(url: str) -> None:
    with suppress(httpx.HTTPError):
        httpx.get(f"{url}/v1/assets", headers={"Authorization": f"Bearer alk_{'A' * 107}"}, timeout=60)


@pytest.fixture(scope="module")
def cluster_dir() -> Iterator[Path]:
    """Data of a service of this module's own: made once, by whoever comes first."""
    with tempfile.TemporaryDirectory(prefix="ledger-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder).resolve() / "data"


@pytest.fixture
def data_dir(cluster_dir: Path) -> Iterator[Path]:
    yield cluster_dir
    eventually(lambda: nothing_runs(cluster_dir))


def test_a_service_whose_database_is_frozen_ends_in_time(databases: Databases) -> None:
    with tempfile.TemporaryDirectory() as directory, Cutter(databases.service, Path(directory)) as cutter:
        environment = {
            "ASSET_LEDGER_DATABASE_URL": cutter.through(databases.service),
            "ASSET_LEDGER_PROJECTOR_DATABASE_URL": cutter.through(databases.projector),
            "ASSET_LEDGER_KEYS_DATABASE_URL": cutter.through(databases.keys),
            "ASSET_LEDGER_KEY_ENCRYPTION_KEY": base64.b64encode(KEK).decode(),
            "ASSET_LEDGER_CONTENT_STORE": Path(directory, "content").as_uri(),
        }
        with service(environment) as (process, url), ThreadPoolExecutor(20) as callers:
            cutter.freeze()
            for _ in range(20):
                callers.submit(ask_in_vain, url)
            eventually(lambda: httpx.get(f"{url}/health/ready", timeout=30).status_code == 503)
            seconds, logged = seconds_to_stop(process)
    assert seconds < STOP_SECONDS + MARGIN
    if process.returncode != 0:
        assert "ended without being done" in logged


def descendants(pid: int) -> list[int]:
    """A process and those that it has started."""
    children = [
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if int(path.read_text().rpartition(")")[2].split()[1]) == pid
    ]
    return [pid, *children]


def test_a_service_whose_own_postgresql_is_stopped_ends_in_time_and_the_server_with_it(data_dir: Path) -> None:
    with service({"ASSET_LEDGER_DATA": str(data_dir)}) as (process, url):
        frozen = descendants(server_pid(data_dir))
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        try:
            eventually(lambda: httpx.get(f"{url}/health/ready", timeout=30).status_code == 503)
            seconds, _ = seconds_to_stop(process)
        finally:
            for pid in frozen:
                os.kill(pid, signal.SIGCONT)
    assert seconds < STOP_SECONDS + MARGIN
    eventually(lambda: nothing_runs(data_dir))


def test_a_process_with_a_thread_that_never_ends_says_so_and_ends() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HANGING], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        seconds, logged = seconds_to_stop(process)
    assert seconds < STOP_SECONDS + MARGIN
    assert process.returncode == 1
    assert "stuck: wait" in logged


def test_a_service_with_nothing_to_do_ends_at_once(data_dir: Path) -> None:
    with start(data_dir) as cluster, service({"ASSET_LEDGER_DATA": str(data_dir)}) as (process, url):
        assert isinstance(cluster, EmbeddedCluster)
        assert httpx.get(f"{url}/health/live").status_code == 200
        seconds, logged = seconds_to_stop(process)
    assert process.returncode == 0, logged
    assert seconds < STOP_SECONDS


def test_who_is_the_first_to_ask_for_the_description_gets_all_of_it(data_dir: Path) -> None:
    with start(data_dir):
        for _ in range(5):  # while the service makes it too
            with service({"ASSET_LEDGER_DATA": str(data_dir)}) as (_process, url):
                assert "paths" in httpx.get(f"{url}/openapi.json").json()
