"""Connections that say nothing, or half of something, or do not listen: whoever has a key is answered all the same."""

import os
import resource
import socket
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest
from structlog.testing import capture_logs

from api.cli import stop_deadline
from api.composition import Services, connected
from api.http.app import MOST_PAGES, create_app
from api.http.connections import Bounds
from api.http.server import STOP_SECONDS, listening, serving
from domain.event import Actor
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import Client, cloned, context, new_tenant
from tests.http.content_requests import with_content
from tests.http.raw_connections import SOON, address, drip, next_answer, opened, to_the_end, until
from tests.program import ServedProcess, environment_of, serve

SILENT = 10_000
HEAD = b"GET /v1/events HTTP/1.1\r\nHost: x\r\n"


@contextmanager
def soon(services: Services, bounds: Bounds = SOON) -> Iterator[str]:
    """The ledger behind a server with little patience."""
    with serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0), bounds) as url:
        yield url


class Ground(NamedTuple):
    """Databases, a key of a tenant in them, and the environment of a server on them."""

    key: str
    environment: dict[str, str]


@pytest.fixture(scope="module")
def ground(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[Ground]:
    """Where the servers of this module stand."""
    with cloned(cluster, template) as databases:
        with connected(settings.model_copy(update={"follow": False}), databases) as services:
            key = services.api_keys.issue(context(), new_tenant(services), Actor(id="ann", type="user"))
        yield Ground(key, environment_of(settings, databases))


@pytest.fixture
def key(ground: Ground) -> str:
    """A key for the servers in processes of their own."""
    return ground.key


@pytest.fixture(scope="module")
def short(ground: Ground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedProcess]:
    """The service with 1,024 descriptors, where a loop and a protocol are installed that do not work."""
    folder = tmp_path_factory.mktemp("installed")
    (folder / "uvloop.py").write_text("def new_event_loop():\n    raise AssertionError('another loop')\n")
    (folder / "websockets.py").write_text("raise AssertionError('another protocol')\n")
    paths = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    with serve(ground.environment | {"PYTHONPATH": paths}, folder / "log", descriptors=1_024) as process:
        yield process


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Enough descriptors for this process to open as many connections."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(SILENT + 2_000, hard)), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def silent(url: str, count: int, sent: bytes) -> list[socket.socket]:
    """So many connections, opened as fast as they can be."""
    connections = []
    for _ in range(count):
        connection = socket.socket()
        connection.settimeout(10)
        connection.connect(address(url))
        with suppress(ConnectionError):
            connection.sendall(sent)
        connections.append(connection)
    return connections


def answer_seconds(served: ServedProcess, key: str) -> float:
    """How long whoever has a key waits for an answer, on a connection of its own."""
    asked = time.monotonic()
    answer = httpx.get(f"{served.url}/v1/assets", headers={"Authorization": f"Bearer {key}"}, timeout=30)
    assert answer.status_code == 200
    return time.monotonic() - asked


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("sent", [b"", HEAD], ids=["nothing", "half a header"])
def test_who_has_a_key_is_answered_within_a_second_beside_10_000_silent_connections(
    short: ServedProcess, key: str, sent: bytes
) -> None:
    alone = max(answer_seconds(short, key) for _ in range(10))
    started, logged = time.monotonic(), len(short.log.read_text())
    waits = []
    with ExitStack() as stack:
        for _ in range(10):
            for connection in silent(short.url, SILENT // 10, sent):
                stack.enter_context(closing(connection))
            waits.append(answer_seconds(short, key))
        idle = short.processor_seconds()
        with httpx.Client(base_url=short.url, headers={"Authorization": f"Bearer {key}"}) as http:
            until = time.monotonic() + 3
            while time.monotonic() < until:
                asked = time.monotonic()
                assert http.get("/v1/assets").status_code == 200
                waits.append(time.monotonic() - asked)
                time.sleep(0.1)
        assert short.processor_seconds() - idle < 1.5
    assert sorted(waits)[len(waits) * 9 // 10] < 1 + alone  # whatever else this machine does
    log = short.log.read_text()[logged:]
    about_it = [line for line in log.splitlines() if '"request"' not in line]
    assert 0 < len(about_it) <= time.monotonic() - started + 1
    assert len(log) < 100_000


def test_a_stop_waits_for_no_silent_connection_and_for_no_half_request(ground: Ground, tmp_path: Path) -> None:
    head = f"Host: x\r\nAuthorization: Bearer {ground.key}\r\n".encode()
    requests = [
        b"",
        HEAD,
        b"POST /v1/assets HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9\r\n" + head + b"\r\n{",
        b"GET /v1/events HTTP/1.1\r\nAccept: text/event-stream\r\n" + head + b"\r\n",
        b"GET /v1/events?wait=30&after=2 HTTP/1.1\r\n" + head + b"\r\n",
    ]
    with serve(ground.environment, tmp_path / "log") as process, ExitStack() as stack:
        for sent in requests:
            stack.enter_context(closing(opened(process.url, sent)))
        assert httpx.get(f"{process.url}/health").status_code == 200
        asked = time.monotonic()
        process.stop()
        assert time.monotonic() - asked < stop_deadline.STOP_SECONDS
    assert process.process.returncode == 0  # in order, not at its deadline


def test_a_stop_waits_for_no_reader_and_for_no_upload_that_stalls(client: Client, services: Services) -> None:
    asset_id, key = with_content(client, bytes(32 << 20)), client.http.headers["Authorization"]
    target = f"/v1/assets/{asset_id}/content"
    upload = f"PUT {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Length: 9\r\n\r\n1".encode()
    with ExitStack() as stack:
        app = create_app(lambda: nullcontext(services))
        with serving(app, listening("127.0.0.1", 0)) as url:
            stack.enter_context(closing(stops_reading(client, url, f"{target}?stream=1")))
            stack.enter_context(closing(opened(url, upload)))
            until(lambda: app.state.asking.present == 2)
            asked = time.monotonic()
        assert time.monotonic() - asked < STOP_SECONDS
        assert app.state.asking.present == 0


@pytest.mark.parametrize("sent", [b"", b"G", HEAD], ids=["nothing", "a letter", "half a header"])
def test_a_connection_that_asks_for_nothing_is_closed(services: Services, sent: bytes) -> None:
    with soon(services) as url, closing(opened(url, sent)) as connection:
        assert to_the_end(connection) == b""


def test_a_header_that_drips_is_given_up(services: Services) -> None:
    with soon(services) as url, closing(opened(url, HEAD + b"X: ")) as connection:
        assert drip(connection, b"x") < 5


def test_the_rest_of_a_body_that_was_refused_is_given_up(services: Services) -> None:
    head = b"POST /v1/assets HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    with soon(services) as url, closing(opened(url, head)) as connection:
        assert next_answer(connection).startswith(b"HTTP/1.1 401 ")
        assert drip(connection, b"x") < 5


BODIES = {
    "json": b"POST /v1/assets",
    "batch": b"POST /v1/assets/batch",
    "form": b"POST /v1/assets/upload",
    "content": b"PUT /v1/assets/0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1/content",
    "claim": b"POST /v1/jobs/claim",
}


@pytest.mark.parametrize("asked", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("key", [b"", b"Authorization: Bearer alk_wrong\r\n"], ids=["no key", "a wrong key"])
def test_without_a_key_no_body_is_read(url: str, asked: bytes, key: bytes) -> None:
    head = b" HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\nExpect: 100-continue\r\n"
    with closing(opened(url, asked + head + key + b"\r\n")) as connection:
        assert next_answer(connection).startswith(b"HTTP/1.1 401 ")


def stops_reading(client: Client, url: str, target: str) -> socket.socket:
    """A connection that asks for something, and takes only the beginning of the answer."""
    key = client.http.headers["Authorization"]
    connection = opened(url, f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n\r\n".encode())
    assert connection.recv(12) == b"HTTP/1.1 200"
    return connection


def test_an_answer_that_nobody_takes_is_given_up(client: Client, services: Services) -> None:
    asset_id = with_content(client, bytes(32 << 20))
    app = create_app(lambda: nullcontext(services))
    with serving(app, listening("127.0.0.1", 0), SOON) as url, ExitStack() as stack:
        for _ in range(5):
            stalled = stops_reading(client, url, f"/v1/assets/{asset_id}/content?stream=1")
            stack.enter_context(closing(stalled))
        assert app.state.asking.present == 5
        until(lambda: app.state.asking.present == 0)


def test_pages_that_nobody_reads_leave_descriptors_to_others(client: Client, url: str) -> None:
    asked = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n"
    with ExitStack() as stack:
        unread = [stack.enter_context(closing(opened(url, asked))) for _ in range(MOST_PAGES + 8)]
        began = Counter(connection.recv(12)[9:] for connection in unread)
        assert client.get("/v1/assets").status_code == 200
    assert began == {b"200": MOST_PAGES, b"503": 8}


def test_an_answer_that_is_taken_slowly_is_not_given_up(client: Client, services: Services) -> None:
    size = 16 << 20
    asset_id = with_content(client, bytes(size))
    with soon(services) as url, closing(stops_reading(client, url, f"/v1/assets/{asset_id}/content?stream=1")) as slow:
        received, deadline = 0, time.monotonic() + 4 * SOON.unread
        while time.monotonic() < deadline:
            received += len(slow.recv(16_384))
            time.sleep(0.02)
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        while received < size:
            block = slow.recv(1 << 20)
            assert block
            received += len(block)


HEADERS = b"".join(b"X-%d: y\r\n" % number for number in range(101))
LARGE = b"X: " + b"y" * 100_000 + b"\r\n"
VERY_MANY = b"".join(b"X-%d: y\r\n" % number for number in range(30_000))


@pytest.mark.parametrize("more", [HEADERS, LARGE, VERY_MANY], ids=["fields", "bytes", "both"])
def test_a_header_has_a_size(url: str, more: bytes) -> None:
    with closing(opened(url)) as connection:
        with suppress(ConnectionError):
            connection.sendall(HEAD + more + b"\r\n")
        refusal = next_answer(connection)
        assert refusal.startswith(b"HTTP/1.1 431 ")
        assert b"application/problem+json" in refusal


def test_a_query_may_have_as_many_ids_as_a_list_takes(client: Client) -> None:
    asset_id = with_content(client)
    answer = client.get("/v1/assets/zip", id=[asset_id] * 1_000)
    assert answer.status_code == 200


def test_requests_are_answered_one_after_the_other_however_they_are_put(url: str) -> None:
    asked = [
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://elsewhere.example:99/health HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"GET http://elsewhere.example HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /health HTTP/1.0\r\n\r\n",
    ]
    with closing(opened(url, b"".join(asked))) as connection:
        answers = to_the_end(connection).split(b"HTTP/1.1 ")
    assert [answer[:3] for answer in answers[1:]] == [b"200", b"200", b"405", b"404", b"200"]


WRONG = [
    b"\x16\x03\x01\x02\x00\x01",
    b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    b"POST /v1/assets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /v1/assets HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    b"GET /health HTTP/1.1\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
    b"GET /health HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
    b"GET /h\xc3\xa4lth HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /v1/assets HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"\r\n" * 50_000,
]


@pytest.mark.parametrize("sent", WRONG)
def test_what_is_no_request_is_refused_and_the_connection_closed(services: Services, sent: bytes) -> None:
    with capture_logs() as logged, soon(services) as url, closing(opened(url, sent + b"\r\n" * 8)) as connection:
        answer = to_the_end(connection)
        assert answer[9:12] in {b"400", b"401", b"431"}
    assert "error" not in {entry["log_level"] for entry in logged}


@pytest.mark.parametrize("rest", [b"\x16\x03\x01\r\n", b"GET / HTTP/1.1\r\n\r\n"], ids=["no request", "no host"])
def test_what_is_wrong_after_a_request_is_no_answer_to_it(services: Services, rest: bytes) -> None:
    tenant_id = new_tenant(services)
    key = services.api_keys.issue(context(), tenant_id, Actor(id="ann", type="user"))
    body = b'{"media":{"media_kind":"image"}}'
    head = f"POST /v1/assets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Length: {len(body)}\r\n"
    asked = head.encode() + b"Content-Type: application/json\r\n\r\n" + body
    with soon(services) as url, closing(opened(url, asked + asked + rest)) as connection:
        answers = to_the_end(connection).split(b"HTTP/1.1 ")[1:]
    assert [answer[:3] for answer in answers] == [b"201", b"201", b"400"]


@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["at once", "later"])
@pytest.mark.parametrize("target", ["", "/holds/case-1", "/links?ref=message:m1"])
def test_a_body_that_breaks_changes_no_answer_to_what_is_recorded(
    client: Client, services: Services, target: str, pause: float
) -> None:
    asset_id = client.create(message_id="m1")["id"]
    if "holds" in target:
        client.call("PUT", f"/v1/assets/{asset_id}/holds/case-1")
    head, authorization = client.head(), client.http.headers["Authorization"]
    asked = f"DELETE /v1/assets/{asset_id}{target} HTTP/1.1\r\nHost: x\r\nAuthorization: {authorization}\r\n"
    with soon(services) as url, closing(opened(url)) as connection:
        begun = asked.encode() + b"Transfer-Encoding: chunked\r\n\r\n"
        connection.sendall(begun if pause else begun + b"zz\r\n")
        if pause:
            assert connection.recv(12).startswith(b"HTTP/1.1 20")
            connection.sendall(b"zz\r\n")
        answers = to_the_end(connection)
    assert client.head() == head + 1
    assert answers.count(b"HTTP/1.1 ") == (0 if pause else 1)
    assert pause or answers.startswith(b"HTTP/1.1 20")


def test_an_offer_of_another_protocol_is_declined(client: Client, services: Services) -> None:
    body = b'{"media":{"media_kind":"image"}}'
    offered = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAMAAABkAAQAAP__"}
    with soon(services) as url, httpx.Client(base_url=url, headers=client.http.headers) as http:
        for _ in range(2):
            answer = http.post("/v1/assets", content=body, headers=offered | {"Content-Type": "application/json"})
            assert answer.status_code == 201
            assert http.get("/v1/assets", headers=offered).status_code == 200


def test_mistakes_of_callers_are_logged_once_a_second(short: ServedProcess) -> None:
    started, lines = time.monotonic(), len(short.log.read_text().splitlines())
    for _ in range(300):
        with closing(opened(short.url, b"\x16\x03\x01\r\n\r\n")) as connection:
            assert to_the_end(connection)
    logged = len(short.log.read_text().splitlines()) - lines
    assert 0 < logged <= time.monotonic() - started + 1


def test_another_loop_that_is_installed_changes_nothing(short: ServedProcess, key: str) -> None:
    answer = httpx.get(f"{short.url}/v1/assets", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 200
