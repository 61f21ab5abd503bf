"""A stop waits for no store that is frozen, and for no stream that is open."""

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from api.composition import connected
from domain.event import Actor
from infra.databases import Databases
from infra.settings import Settings
from tests.cli.test_stopping import MARGIN, STOP_SECONDS
from tests.conftest import context, new_tenant
from tests.http.raw_connections import opened, to_the_end
from tests.infra.content.chosen import s3
from tests.infra.content.servers import ACCESS_KEY, SECRET_KEY, new_bucket
from tests.infra.embedding import eventually
from tests.program import ServedProcess, environment_of, serve


@contextmanager
def stopped(pids: list[int]) -> Iterator[None]:
    """The processes do nothing while the block runs."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def processes_at(endpoint: str) -> list[int]:
    """Those whose command line names the endpoint."""
    lines = {path: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()}
    return [int(path.parent.name) for path, line in lines.items() if f"--addr\0{endpoint}".encode() in line]


def connections_to(endpoint: str) -> int:
    """How many connections are open to the endpoint (Linux: proc(5))."""
    port = int(endpoint.rpartition(":")[2])
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(fields[2].endswith(f":{port:04X}") and fields[3] == "01" for fields in lines)


def seconds_to_stop(served: ServedProcess) -> float:
    """How long the process takes to end once it is told to."""
    started = time.monotonic()
    served.stop()
    return time.monotonic() - started


@pytest.fixture
def key(settings: Settings, databases: Databases) -> str:
    with connected(settings.model_copy(update={"follow": False}), databases) as services:
        return services.api_keys.issue(context(), new_tenant(services), Actor(id="ann", type="user"))


def test_a_service_whose_store_is_frozen_ends_in_time(
    settings: Settings, databases: Databases, key: str, tmp_path: Path
) -> None:
    with s3(tmp_path) as store:
        of_store = {
            "ASSET_LEDGER_CONTENT_STORE": f"s3://{new_bucket(store.client())}",
            "ASSET_LEDGER_S3_ENDPOINT": store.endpoint,
            "ASSET_LEDGER_S3_ACCESS_KEY": ACCESS_KEY,
            "ASSET_LEDGER_S3_SECRET_KEY": SECRET_KEY,
            "ASSET_LEDGER_S3_TLS": "false",
        }
        with (
            serve(environment_of(settings, databases) | of_store, tmp_path / "log") as served,
            ThreadPoolExecutor(8) as callers,
            stopped(processes_at(store.endpoint)),
        ):

            def upload() -> None:
                with suppress(httpx.HTTPError):
                    files = {"file": ("a.bin", bytes(4 << 20))}
                    headers = {"Authorization": f"Bearer {key}"}
                    httpx.post(f"{served.url}/v1/assets/upload", headers=headers, files=files, timeout=60)

            for _ in range(8):
                callers.submit(upload)
            eventually(lambda: connections_to(store.endpoint) > 0)
            assert seconds_to_stop(served) < STOP_SECONDS + MARGIN


def test_a_stop_waits_for_no_stream_and_for_no_long_poll(
    settings: Settings, databases: Databases, key: str, tmp_path: Path
) -> None:
    asked = "GET {} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n{}\r\n"
    with serve(environment_of(settings, databases), tmp_path / "log") as served:
        streams = [opened(served.url, asked.format("/v1/events", key, "Accept: text/event-stream\r\n").encode())]
        streams += [opened(served.url, asked.format("/v1/events?wait=30", key, "").encode()) for _ in range(4)]
        assert streams[0].recv(12) == b"HTTP/1.1 200"
        assert seconds_to_stop(served) < STOP_SECONDS
        for stream in streams:
            with closing(stream):
                to_the_end(stream)


def test_half_a_request_is_cut_by_a_stop_without_an_answer(
    settings: Settings, databases: Databases, key: str, tmp_path: Path
) -> None:
    head = f"POST /v1/assets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: 9\r\n"
    with serve(environment_of(settings, databases), tmp_path / "log") as served:
        half = opened(served.url, head.encode() + b"Content-Type: application/json\r\n\r\n{")
        assert seconds_to_stop(served) < STOP_SECONDS
        with closing(half):
            assert to_the_end(half) == b""
        assert served.process.returncode == 0
        assert "Traceback" not in served.log.read_text()
