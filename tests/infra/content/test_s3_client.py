"""An S3 server that is frozen, not dead: whoever asks is told so in time.

To its clients a stopped server is a socket that listens: the system accepts connections, and nobody ever answers.
"""

import socket
import time
from collections.abc import Callable, Iterator

import pytest
from minio import Minio
from urllib3 import Timeout

from infra.content.s3 import S3Store
from infra.content.s3_client import ANSWER, JOINED, BoundedPool, answering, connect
from infra.content.store import StoreUnavailableError
from tests.infra.content.servers import ACCESS_KEY, SECRET_KEY

SECOND = Timeout(connect=1, read=1)
TWO = Timeout(connect=1, read=2)
MARGIN = 3
"""For a busy machine, and still less than a second try."""

QUESTIONS: dict[str, Callable[[S3Store], object]] = {
    "check": lambda store: store.check(),
    "stat": lambda store: store.stat("a/b"),
    "read": lambda store: store.open("a/b").__enter__(),
    "write": lambda store: store.write("a/c", [b"x"]),
    "delete": lambda store: store.delete("a/b"),
    "list": lambda store: list(store.objects("a/")),
}


@pytest.fixture
def frozen() -> Iterator[str]:
    """Where a server is that does not answer, as `host:port`."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


def seconds(store: S3Store, question: Callable[[S3Store], object]) -> float:
    started = time.monotonic()
    with pytest.raises(StoreUnavailableError, match="does not answer"):
        question(store)
    return time.monotonic() - started


def store(endpoint: str) -> S3Store:
    http = BoundedPool(SECOND, TWO)
    client = Minio(endpoint, ACCESS_KEY, SECRET_KEY, secure=False, region="us-east-1", http_client=http)
    return S3Store(client, "bucket")


def join(store: S3Store) -> None:
    with answering():
        store._multipart.complete("a/b", "upload", [])


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_a_server_that_is_frozen_is_waited_for_once(frozen: str, question: Callable[[S3Store], object]) -> None:
    assert 1 <= seconds(store(frozen), question) < 1 + MARGIN


def test_a_server_that_joins_parts_has_longer(frozen: str) -> None:
    assert 2 <= seconds(store(frozen), join) < 2 + MARGIN


def test_the_service_uses_these_bounds() -> None:
    http = connect("localhost:1", region="us-east-1", access_key="a", secret_key="b" * 8)._http
    assert isinstance(http, BoundedPool)
    assert http.connection_pool_kw["timeout"] is ANSWER
    assert (ANSWER.read_timeout, http._joined) == (20, JOINED)
