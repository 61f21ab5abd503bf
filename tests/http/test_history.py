"""History: the state at every revision and moment is what a client saw then, and every event tells its story."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.conftest import Client
from tests.http.assertions import path, problem

Step = tuple[str, tuple[str, ...], dict[str, Any]]
LIFE: list[Step] = [
    ("PATCH", (), {"json": {"name": "Keep", "tags": ["b"]}}),
    ("POST", ("links",), {"json": {"references": ["message:m2"]}}),
    ("PUT", ("holds", "case-17"), {}),
    ("DELETE", ("links",), {"params": {"ref": "message:m1"}}),
    ("DELETE", (), {}),
    ("PUT", ("holds", "case-18"), {}),
    ("POST", ("restore",), {}),
    ("PATCH", (), {"json": {"name": None, "metadata": {"a": [1, 2.5, None, "ä"]}}}),
    ("DELETE", ("holds", "case-17"), {}),
]
NO_MOMENTS = ["yesterday", "2026-11-20", "2026-11-20T12:00:00", "", "-1", "1.5", "+1", "1700000000.5", "-5", "9" * 30]
TICK = timedelta(microseconds=1)


def seen(response: httpx.Response) -> dict[str, Any]:
    """What a client sees, but for the wording of a refusal."""
    view: dict[str, Any] = response.json()
    return view | {"status_code": response.status_code, "request_id": None, "detail": None}


def lived(client: Client) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """An asset to which everything happened, and what GET answered after each event; other events lie between."""
    asset = client.create(name="Castle", message_id="m1", model="x", metadata={"a": 1})
    views = [seen(client.get(path(asset)))]
    for method, below, options in LIFE:
        client.create()
        client.call(method, path(asset, *below), **options)
        views.append(seen(client.get(path(asset))))
    return asset, views


def test_the_state_at_a_revision_is_what_was_seen_then(client: Client) -> None:
    asset, views = lived(client)

    assert [seen(client.get(path(asset), revision=n)) for n in range(1, len(views) + 1)] == views


def test_the_state_at_a_position_is_what_was_seen_then(client: Client) -> None:
    asset, views = lived(client)
    positions = [event["position"] for event in client.history(asset["id"])]

    assert [seen(client.get(path(asset), as_of=position)) for position in positions] == views
    assert [seen(client.get(path(asset), as_of=position - 1)) for position in positions[1:]] == views[:-1]


def test_the_state_at_a_time_is_what_was_seen_then(client: Client) -> None:
    asset, views = lived(client)
    times = [datetime.fromisoformat(event["time"]) for event in client.history(asset["id"])]

    assert [seen(client.get(path(asset), as_of=time.isoformat())) for time in times] == views
    assert [seen(client.get(path(asset), as_of=(time - TICK).isoformat())) for time in times[1:]] == views[:-1]
    between = [start + (end - start) / 2 for start, end in pairwise(times)]
    assert [seen(client.get(path(asset), as_of=time.isoformat())) for time in between] == views[:-1]


def test_a_state_of_the_past_has_the_etag_of_its_revision(client: Client) -> None:
    asset = client.create(name="Castle")
    client.call("PATCH", path(asset), json={"name": "Keep"})

    assert client.get(path(asset), revision=1).headers["ETag"] == '"1"'
    assert client.get(path(asset), as_of=asset["position"]).headers["ETag"] == '"1"'
    assert client.get(path(asset)).headers["ETag"] == '"2"'


def test_before_its_first_event_there_is_no_asset(client: Client) -> None:
    client.create()
    asset = client.create()
    before = datetime.fromisoformat(asset["created_at"]) - TICK

    for moment in (asset["position"] - 1, 1, 0, before.isoformat(), "1970-01-01T00:00:00Z"):
        problem(client.get(path(asset), as_of=moment), 404, "asset-not-found")


def test_a_revision_that_is_not_there_yet_is_not_found(client: Client) -> None:
    asset = client.create()

    problem(client.get(path(asset), revision=2), 404, "asset-not-found")
    problem(client.get(path(asset), revision=2**31 - 1), 404, "asset-not-found")


@pytest.mark.parametrize("revision", [0, -1, 2**31, "x", "", 1.5])
def test_what_is_no_revision_is_refused(client: Client, revision: object) -> None:
    problem(client.get(path(client.create()), revision=revision), 422, "invalid-request")


@pytest.mark.parametrize("ahead", [1, 10**17])
def test_a_position_beyond_the_head_is_refused(client: Client, ahead: int) -> None:
    asset = client.create()

    problem(client.get(path(asset), as_of=asset["position"] + ahead), 422, "beyond-head")


@pytest.mark.parametrize("moment", NO_MOMENTS)
def test_what_is_no_moment_is_refused(client: Client, moment: str) -> None:
    problem(client.get(path(client.create()), as_of=moment), 422, "bad-moment")


def test_a_time_to_come_shows_what_is_known_now(client: Client) -> None:
    asset = client.create()

    assert client.get(path(asset), as_of="2999-01-01T00:00:00Z").json() == asset


def test_a_moment_may_be_told_in_any_zone(client: Client) -> None:
    asset = client.create(name="Castle")
    client.call("PATCH", path(asset), json={"name": "Keep"})
    moment = datetime.fromisoformat(asset["created_at"]).replace(tzinfo=None)

    for zone, shift in {"+05:30": timedelta(hours=5, minutes=30), "-08:00": -timedelta(hours=8)}.items():
        assert client.get(path(asset), as_of=(moment + shift).isoformat() + zone).json() == asset


CHANGES: list[tuple[Step, str, list[tuple[str, Any, Any]]]] = [
    (
        ("PATCH", (), {"json": {"name": "Keep", "metadata": {"a": 2}}}),
        "asset.described",
        [("name", "Castle", "Keep"), ("metadata", {"a": 1}, {"a": 2})],
    ),
    (
        ("POST", ("links",), {"json": {"references": ["message:m2"]}}),
        "asset.linked",
        [("links", ["message:m1"], ["message:m1", "message:m2"])],
    ),
    (("DELETE", ("links",), {"params": {"ref": "message:m1"}}), "asset.unlinked", [("links", ["message:m1"], [])]),
    (("DELETE", (), {}), "asset.soft_deleted", [("status", "ready", "deleted")]),
    (("PUT", ("holds", "b"), {}), "asset.held", [("holds", ["a"], ["a", "b"])]),
    (("DELETE", ("holds", "a"), {}), "asset.hold_released", [("holds", ["a"], [])]),
]


@pytest.mark.parametrize(("step", "topic", "changes"), CHANGES, ids=[topic for _, topic, _ in CHANGES])
def test_an_event_tells_who_when_what_and_on_which_request(
    client: Client, step: Step, topic: str, changes: list[tuple[str, Any, Any]]
) -> None:
    asset = client.create(name="Castle", message_id="m1", metadata={"a": 1}, subject="u_42")
    client.call("PUT", path(asset, "holds", "a"))
    before = datetime.now(UTC)
    method, below, options = step
    headers = {"X-Actor": "worker:w:1", "X-Request-ID": f"req-{topic}", "X-Causation-ID": "tool_call.7"}
    client.call(method, path(asset, *below), headers=headers, **options)
    after = datetime.now(UTC)

    event = client.history(asset["id"])[-1]

    assert before <= datetime.fromisoformat(event.pop("recorded_at")) <= after
    assert before <= datetime.fromisoformat(event.pop("time")) <= after
    assert event.pop("authenticated")["holder"] == {"type": "user", "id": "ann"}
    assert event == {
        "position": asset["position"] + 2,
        "asset_id": asset["id"],
        "job_id": None,
        "revision": 3,
        "topic": topic,
        "actor": {"type": "worker", "id": "w:1"},
        "subject": "u_42",
        "reason": None,
        "correlation_id": f"req-{topic}",
        "causation_id": "tool_call.7",
        "changes": [{"field": field, "before": old, "after": new} for field, old, new in changes],
    }


REASONED: list[Step] = [
    ("PATCH", (), {"json": {"name": "Keep", "reason": "Därum"}}),
    ("POST", ("links",), {"json": {"references": ["message:m2"], "reason": "Därum"}}),
    ("DELETE", ("links",), {"params": {"ref": "message:m1", "reason": "Därum"}}),
    ("DELETE", (), {"params": {"reason": "Därum"}}),
    ("PUT", ("holds", "b"), {"json": {"reason": "Därum"}}),
    ("DELETE", ("holds", "a"), {"params": {"reason": "Därum"}}),
]


@pytest.mark.parametrize("step", REASONED, ids=lambda step: f"{step[0]} {'/'.join(step[1])}")
def test_an_event_keeps_why_it_was_wanted(client: Client, step: Step) -> None:
    asset = client.create(message_id="m1")
    client.call("PUT", path(asset, "holds", "a"))

    method, below, options = step
    client.call(method, path(asset, *below), **options)

    assert [event["reason"] for event in client.history(asset["id"])] == [None, None, "Därum"]


def test_events_come_oldest_first_in_pages(client: Client) -> None:
    asset, views = lived(client)
    events = client.history(asset["id"])

    first = client.get(path(asset, "events"), limit=6).json()
    second = client.get(path(asset, "events"), limit=6, cursor=first["next"]).json()

    assert [event["revision"] for event in events] == list(range(1, len(views) + 1))
    assert first["items"] + second["items"] == events
    assert (len(first["items"]), second["next"]) == (6, None)


def test_times_never_run_backwards(client: Client) -> None:
    asset, _ = lived(client)

    times = [event["time"] for event in client.history(asset["id"])]
    assert times == sorted(times)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("target", ["events", "events/1", "events/asset.created"])
def test_nothing_changes_an_event(client: Client, method: str, target: str) -> None:
    asset = client.create()
    events = client.history(asset["id"])

    response = client.call(method, path(asset, target), json={"reason": "rewritten"})

    problem(response, 405 if target == "events" else 404)
    assert client.history(asset["id"]) == events
