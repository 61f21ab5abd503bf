"""JSON that stalls, drips, is cut short or is too large: refused in time, and nothing of it is kept."""

from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI

from api.composition import Services
from api.http.app import create_app
from api.http.server import listening, serving
from tests.conftest import Client
from tests.http.assertions import nothing_written
from tests.http.raw_connections import drip, next_answer, opened, to_the_end, until

ROUTES = ["POST /v1/assets", "POST /v1/assets/batch", "POST /v1/jobs", "POST /v1/references/batch", "POST /v1/links"]


@pytest.fixture(scope="module")
def hasty(services: Services) -> Iterator[tuple[FastAPI, str]]:
    """The ledger with little patience for bodies."""
    rules = replace(services.rules, idle_time=timedelta(seconds=0.2))
    app = create_app(lambda: nullcontext(replace(services, rules=rules)))
    with serving(app, listening("127.0.0.1", 0)) as url:
        yield app, url


def head(client: Client, asked: str, length: int) -> bytes:
    key = client.http.headers["Authorization"]
    return (
        f"{asked} HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


@pytest.mark.parametrize("asked", ROUTES)
@pytest.mark.parametrize("sent", [b"", b'{"media":'])
def test_a_body_that_stalls_is_given_up(client: Client, hasty: tuple[FastAPI, str], asked: str, sent: bytes) -> None:
    app, url = hasty
    with nothing_written(client), closing(opened(url, head(client, asked, 100) + sent)) as connection:
        answer = to_the_end(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"urn:asset-ledger:problem:body-stalled" in answer
    assert app.state.memory.present == 0


def test_a_body_that_drips_is_given_up(client: Client, hasty: tuple[FastAPI, str]) -> None:
    with closing(opened(hasty[1], head(client, "POST /v1/assets", 1_000_000))) as connection:
        assert drip(connection, b" ") < 10


def test_a_body_that_is_cut_short_is_not_kept(client: Client, hasty: tuple[FastAPI, str]) -> None:
    app, url = hasty
    with closing(opened(url, head(client, "POST /v1/assets", 100) + b"{" * 50)):
        until(lambda: app.state.memory.present == 50)
    until(lambda: app.state.memory.present == 0)


@pytest.mark.parametrize("asked", ROUTES)
def test_a_body_that_says_it_is_too_large_is_refused_unread(
    client: Client, hasty: tuple[FastAPI, str], asked: str
) -> None:
    with closing(opened(hasty[1], head(client, asked, 16 * 2**20 + 1))) as connection:
        assert next_answer(connection).startswith(b"HTTP/1.1 413 ")
