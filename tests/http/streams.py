"""Reads the feed as a consumer would: batch by batch, or as a stream of server-sent events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import httpx

from api.composition import Services
from api.http.app import create_app
from api.http.feed import Listeners
from api.http.server import listening, serving
from tests.conftest import Client

Event = dict[str, Any]

PATH = "/v1/events"


def batch(client: Client, **params: Any) -> tuple[list[Event], int]:
    """A batch of events, and where to go on."""
    response = client.get(PATH, **params)
    assert response.status_code == 200, response.text
    assert response.headers["Content-Type"] == "application/cloudevents-batch+json"
    events: list[Event] = response.json()
    return events, int(response.headers["Ledger-Position"])


def everything(client: Client, after: int = 0, **params: Any) -> list[Event]:
    """All events after a position, batch by batch until one is empty."""
    events: list[Event] = []
    while True:
        some, after = batch(client, after=after, **params)
        if not some:
            return events
        events += some


@contextmanager
def served(services: Services, listeners: Listeners) -> Iterator[str]:
    """A server of its own over the services, for these listeners."""
    app = create_app(lambda: nullcontext(services), lambda: listeners)
    with serving(app, listening("127.0.0.1", 0)) as url:
        yield url


@contextmanager
def elsewhere(client: Client, url: str) -> Iterator[Client]:
    """The same caller at another server."""
    with httpx.Client(base_url=url, headers=client.http.headers, timeout=30) as http:
        yield Client(http, client.tenant_id)


@contextmanager
def streaming(client: Client, headers: dict[str, str] | None = None, **params: Any) -> Iterator[Iterator[Event]]:
    """The blocks of a stream as they come: their fields by name, comments under the empty one."""
    accept = {"Accept": "text/event-stream"}
    with client.http.stream("GET", PATH, params=params, headers=accept | (headers or {})) as response:
        assert response.status_code == 200, response.read()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield _blocks(response.iter_lines())


def _blocks(lines: Iterator[str]) -> Iterator[Event]:
    block: Event = {}
    for line in lines:
        if line:
            name, _, value = line.partition(": ")
            block[name] = value
        else:
            yield block
            block = {}


def next_events(blocks: Iterator[Event], count: int) -> list[Event]:
    """The next events of a stream; each block's id is its event's."""
    events: list[Event] = []
    for block in blocks:
        if "data" in block:
            event = json.loads(block["data"])
            assert block["id"] == event["id"]
            events.append(event)
            if len(events) == count:
                break
    return events
