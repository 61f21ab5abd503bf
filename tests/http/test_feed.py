"""The feed tells every event of a tenant once, in order, whichever way it is read."""

import asyncio
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.composition import Services
from api.http.feed import Feed, FeedPage, KeyWatch, Listeners, attribute
from tests.conftest import Client, new_tenant
from tests.domain import strategies as some
from tests.http.streams import batch, everything, next_events, streaming

TOPICS = ["asset.created", "asset.described", "asset.soft_deleted", "job.requested", "tenant.created", "asset.held"]
STREAM = {"Accept": "text/event-stream"}


def live_a_little(client: Client) -> None:
    """Events of several topics about several assets and a job."""
    for number in range(4):
        asset = client.create(name=f"Asset {number}")["id"]
        client.call("PATCH", f"/v1/assets/{asset}", json={"tags": [str(number)]})
        client.call("DELETE", f"/v1/assets/{asset}")
        client.call("POST", "/v1/jobs", json={"media_kind": "image", "run": str(number)})


def positions(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["position"]) for event in events]


def test_an_event_is_a_cloud_event_with_everything_the_log_says(client: Client) -> None:
    answer = client.call(
        "POST",
        "/v1/assets",
        json={
            "media": {"media_kind": "image", "width": 4},
            "name": "Castle",
            "metadata": {"seed": None, "deep": [{"a": None}]},
            "subject": "u_ann",
            "scope": "world:w1",
            "reason": "the client\nasked",
        },
        headers={"X-Actor": "worker:w 1%", "X-Request-ID": "req-1", "X-Causation-ID": "cause-1"},
    )
    asset = answer.json()
    ((event,), position) = batch(client, after=asset["position"] - 1)
    recorded = client.history(asset["id"])[0]
    assert position == asset["position"]
    assert event == {
        "specversion": "1.0",
        "id": str(position),
        "source": f"urn:asset-ledger:tenant:{client.tenant_id}",
        "type": "asset.created",
        "subject": f"asset:{asset['id']}",
        "time": recorded["time"],
        "datacontenttype": "application/json",
        "data": {
            "media": {"media_kind": "image", "format": None, "width": 4, "height": None},
            "status": "ready",
            "scope": {"kind": "world", "id": "w1"},
            "origin": [],
            "references": [],
            "name": "Castle",
            "metadata": {"seed": None, "deep": [{"a": None}]},
            "reason": "the client\nasked",
        },
        "position": str(position),
        "revision": 1,
        "schemaversion": 2,
        "recordedtime": recorded["recorded_at"],
        "actor": "worker:w 1%25",
        "authenticatedkey": recorded["authenticated"]["key"],
        "authenticatedholder": "user:ann",
        "datasubject": "u_ann",
        "correlationid": "req-1",
        "causationid": "cause-1",
    }


def test_names_of_attributes_are_what_cloud_events_allow(client: Client) -> None:
    client.create(subject="u_ann")
    for event in everything(client):
        assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in event)


@given(some.text | st.text(st.characters(max_codepoint=0xA0, exclude_characters="\x00")))
def test_an_attribute_holds_any_text_without_the_characters_that_cloud_events_forbid(text: str) -> None:
    held = attribute(text)
    assert unquote(held, errors="strict") == text
    assert not re.search("[\x00-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]", held)


def test_batches_of_any_size_and_topics_are_the_log_without_gaps(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    for caller in (other, client):
        live_a_little(caller)
    log = everything(client)
    assert positions(log) == list(range(1, client.head() + 1))
    assert {event["source"] for event in log} == {f"urn:asset-ledger:tenant:{client.tenant_id}"}

    @settings(max_examples=60)
    @given(
        st.integers(0, len(log)),
        st.integers(1, 7) | st.just(200),
        st.lists(st.sampled_from(TOPICS), max_size=3),
    )
    def reads(after: int, limit: int, topics: list[str]) -> None:
        expected = [e for e in log if int(e["position"]) > after and (not topics or e["type"] in topics)]
        assert everything(client, after, limit=limit, topics=topics) == expected
        some, reached = batch(client, after=after, limit=limit, topics=topics)
        assert some == expected[:limit]
        assert reached == (positions(some)[-1] if len(some) == limit else len(log))

    reads()


def test_a_log_longer_than_one_batch_is_read_to_the_end(client: Client, services: Services) -> None:
    live_a_little(client)
    log = everything(client)
    for topics in (("job.requested",), ("asset.held",), ()):
        feed = Feed(services.database, services.log.of(client.tenant_id), topics, 2)
        read_positions, reached, more = [], 0, True
        while more:
            part = feed.read(reached)
            assert (part.more, reached < part.reached <= len(log)) == (part.reached < len(log), True)
            read_positions += [position for position, _ in part.events]
            reached, more = part.reached, part.more
        assert read_positions == [int(event["position"]) for event in log if not topics or event["type"] in topics]


def test_a_batch_is_empty_only_at_the_end_of_the_log(client: Client, services: Services) -> None:
    live_a_little(client)
    client.call("PUT", f"/v1/assets/{client.create()['id']}/holds/case-17")
    client.create()

    async def stays() -> bool:
        return False

    feed = Feed(services.database, services.log.of(client.tenant_id), ("asset.held",), 2)
    page = asyncio.run(feed.next_page(FeedPage((), 0, more=True), 0, Listeners(), stays, KeyWatch(lambda: True)))
    assert [position for position, _ in page.events] == [client.head() - 1]
    empty = FeedPage((), page.reached, more=True)
    rest = asyncio.run(feed.next_page(empty, 0, Listeners(), stays, KeyWatch(lambda: True)))
    assert rest == FeedPage((), client.head(), more=False)


def test_large_events_come_in_smaller_batches(client: Client) -> None:
    for _ in range(40):
        client.create(metadata={"text": "x" * 39_000})
    some, reached = batch(client, limit=200)
    assert (len(some) < 40, reached) == (True, len(some))
    assert positions(everything(client, limit=200)) == list(range(1, client.head() + 1))
    with streaming(client, limit=200) as blocks:
        assert positions(next_events(blocks, client.head())) == list(range(1, client.head() + 1))


def test_waiting_ends_with_the_first_event_of_the_topics(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    asset = client.create()["id"]
    with ThreadPoolExecutor() as pool:
        started = time.monotonic()
        waiting = pool.submit(batch, client, after=client.head(), wait=30, topics=["asset.held"])
        other.call("PUT", f"/v1/assets/{other.create()['id']}/holds/case-17")
        client.create()
        client.call("PUT", f"/v1/assets/{asset}/holds/case-17")
        (held,), reached = waiting.result()
    assert time.monotonic() - started < 20
    assert (held["type"], held["subject"], held["data"]) == ("asset.held", f"asset:{asset}", {"hold": "case-17"})
    assert int(held["position"]) <= reached <= client.head()


def test_waiting_in_vain_takes_the_time_asked_for_and_tells_where_to_go_on(client: Client) -> None:
    client.create()
    started = time.monotonic()
    assert batch(client, after=1, topics=["asset.held"], wait=0.3) == ([], client.head())
    assert 0.3 <= time.monotonic() - started < 5


@pytest.mark.parametrize(
    "params",
    [
        {"topics": "asset.exploded"},
        {"topics": ["asset.created", ""]},
        {"after": -1},
        {"after": 2**63},
        {"after": "x"},
        {"after": 1_000},
        {"limit": 0},
        {"limit": 201},
        {"wait": -1},
        {"wait": 31},
        {"wait": "nan"},
        {"cursor": "x"},
    ],
)
@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
def test_what_does_not_fit_is_refused_either_way(client: Client, params: dict[str, Any], accept: str) -> None:
    response = client.call("GET", "/v1/events", params=params, headers={"Accept": accept})
    assert (response.status_code, response.headers["Content-Type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("id_", ["x", "-1", str(2**63), "1000"])
def test_a_last_event_id_that_no_stream_sent_is_refused(client: Client, id_: str) -> None:
    assert client.call("GET", "/v1/events", headers=STREAM | {"Last-Event-ID": id_}).status_code == 422


def test_a_stream_tells_what_was_and_then_what_comes(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    live_a_little(client)
    before = everything(client)
    with streaming(client, limit=3) as blocks:
        assert next_events(blocks, len(before)) == before
        live_a_little(other)
        live_a_little(client)
        after = everything(client, after=len(before))
        assert next_events(blocks, len(after)) == after


def test_a_stream_goes_on_after_what_it_sent_last(client: Client) -> None:
    live_a_little(client)
    log = everything(client)
    with streaming(client, after=2) as blocks:
        first = next_events(blocks, 3)
    with streaming(client, {"Last-Event-ID": first[-1]["id"]}, after=2) as blocks:
        rest = next_events(blocks, len(log) - 5)
    assert first + rest == log[2:]


def test_a_stream_of_some_topics_tells_only_those(client: Client) -> None:
    live_a_little(client)
    expected = everything(client, topics=["job.requested", "asset.described"])
    with streaming(client, topics=["job.requested", "asset.described"]) as blocks:
        assert next_events(blocks, len(expected)) == expected


def test_followers_of_a_busy_log_miss_nothing_and_see_nothing_twice(
    clients: Callable[..., Client], services: Services
) -> None:
    writers = [clients(tenant) for tenant in [new_tenant(services)] * 4]
    client, other = clients(writers[0].tenant_id), clients()
    start = client.head()
    total = 4 * 15

    def poll() -> list[int]:
        seen: list[int] = []
        after = start
        while len(seen) < total:
            some, after = batch(client, after=after, limit=7, wait=10)
            seen += positions(some)
        return seen

    def follow() -> list[int]:
        with streaming(client, after=start, limit=7) as blocks:
            return positions(next_events(blocks, total))

    def write(writer: Client) -> None:
        for _ in range(15):
            writer.create()
            other.create()

    with ThreadPoolExecutor(8) as pool:
        followers = [pool.submit(poll), pool.submit(follow)]
        for written in [pool.submit(write, writer) for writer in writers]:
            written.result()
        assert [follower.result() for follower in followers] == [list(range(start + 1, start + total + 1))] * 2


def test_the_last_event_id_replaces_after_in_pages_as_well(client: Client) -> None:
    live_a_little(client)
    page = client.call("GET", "/v1/events", params={"limit": 1}, headers={"Last-Event-ID": "3"})
    assert page.headers["Ledger-Position"] == "4"


@pytest.mark.parametrize("weight", ["0", "0.0", "0.000"])
def test_what_a_caller_does_not_accept_is_no_stream(client: Client, weight: str) -> None:
    answer = client.call("GET", "/v1/events", headers={"Accept": f"text/event-stream; q={weight}, */*"})
    assert answer.headers["Content-Type"] == "application/cloudevents-batch+json"
