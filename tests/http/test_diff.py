"""What changed between two moments: each field that differs before and after, and the events between."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.conftest import Client
from tests.http.assertions import UNKNOWN_ID, path, problem, refused_fields
from tests.http.job_requests import asked, claim, done

Json = dict[str, Any]
TICK = timedelta(microseconds=1)


def diff(client: Client, asset: Json, start: object, end: object = None) -> Json:
    """What changed in an asset."""
    moments = {"from": start} | ({"to": end} if end is not None else {})
    response = client.get(path(asset, "diff"), **moments)
    assert response.status_code == 200, response.text
    answer: Json = response.json()
    return answer


@pytest.fixture
def renamed(client: Client) -> tuple[Json, list[Json]]:
    """An asset that was described, linked, deleted and renamed, among others, and its events."""
    asset = client.create(name="Castle", message_id="m1", tags=["a"])
    for method, below, options in (
        ("PATCH", (), {"json": {"name": "Keep", "tags": ["a", "b"]}}),
        ("POST", ("links",), {"json": {"references": ["message:m2"]}}),
        ("DELETE", (), {}),
        ("POST", ("restore",), {}),
        ("PATCH", (), {"json": {"name": "Ruin", "tags": ["a"]}}),
    ):
        client.create()
        client.call(method, path(asset, *below), **options)
    return asset, client.history(asset["id"])


def change(field: str, before: object, after: object) -> Json:
    return {"field": field, "before": before, "after": after}


def test_fields_that_differ_are_shown_before_and_after_with_the_events_between(
    client: Client, renamed: tuple[Json, list[Json]]
) -> None:
    asset, events = renamed
    positions = [event["position"] for event in events]

    assert diff(client, asset, "revision:1", "revision:6") == {
        "asset_id": asset["id"],
        "job_id": None,
        "before": {"position": positions[0], "revision": 1},
        "after": {"position": positions[5], "revision": 6},
        "events": {"count": 5, "first": positions[1], "last": positions[5]},
        "changes": [change("name", "Castle", "Ruin"), change("links", ["message:m1"], ["message:m1", "message:m2"])],
    }


def test_a_step_of_one_event_shows_what_the_history_shows(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    for event in events:
        start = event["position"] - 1
        answer = diff(client, asset, start, event["position"])
        assert answer["changes"] == event["changes"]
        assert answer["events"] == {"count": 1, "first": event["position"], "last": event["position"]}


def test_a_moment_is_a_position_a_time_or_a_revision(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    expected = diff(client, asset, "revision:2", "revision:4")
    assert [changed["field"] for changed in expected["changes"]] == ["status", "links"]
    for start in ("revision:2", events[1]["position"], events[1]["time"]):
        for end in ("revision:4", events[3]["position"], events[3]["time"]):
            assert diff(client, asset, start, end) == expected
    between = (datetime.fromisoformat(events[4]["time"]) - TICK).isoformat()
    answer = diff(client, asset, "revision:2", between)
    assert (answer["events"], answer["changes"]) == (expected["events"], expected["changes"])
    assert events[3]["position"] <= answer["after"]["position"] < events[4]["position"]


def test_without_a_later_moment_it_is_now(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    head = client.create()["position"]

    answer = diff(client, asset, "revision:5")

    assert answer["after"] == {"position": head, "revision": 6}
    assert answer["events"]["last"] == events[-1]["position"]
    assert (
        answer == diff(client, asset, "revision:5", head) == diff(client, asset, "revision:5", "2999-01-01T00:00:00Z")
    )


def test_between_events_nothing_changed(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    start = events[2]["position"]
    for end in (start, start + 1, "revision:3"):
        answer = diff(client, asset, start, end)
        assert answer["events"] == {"count": 0, "first": None, "last": None}
        assert (answer["changes"], answer["before"]["revision"], answer["after"]["revision"]) == ([], 3, 3)


def test_before_its_first_event_every_field_was_null(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    before = (datetime.fromisoformat(events[0]["time"]) - TICK).isoformat()
    for start in (0, 1, before, events[0]["position"] - 1):
        answer = diff(client, asset, start, "revision:1")
        assert answer["before"]["revision"] is None
        assert {changed["before"] for changed in answer["changes"]} == {None}
        assert answer["changes"] == events[0]["changes"]


def test_a_later_moment_before_the_first_event_finds_nothing(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    for end in (0, events[0]["position"] - 1, "1970-01-01T00:00:00Z"):
        problem(client.get(path(asset, "diff"), **{"from": 0, "to": end}), 404, "asset-not-found")
    problem(client.get(path(asset, "diff"), **{"from": 1, "to": "revision:7"}), 404, "asset-not-found")
    problem(client.get(path(asset, "diff"), **{"from": "revision:7"}), 404, "asset-not-found")
    problem(client.get(f"/v1/assets/{UNKNOWN_ID}/diff", **{"from": 0}), 404, "asset-not-found")


def test_moments_in_the_wrong_order_are_refused(client: Client, renamed: tuple[Json, list[Json]]) -> None:
    asset, events = renamed
    fourth = events[3]["position"]
    for start, end in (
        (fourth, fourth - 1),
        ("revision:2", "revision:1"),
        ("revision:4", events[2]["time"]),
        (fourth, "revision:3"),
        (fourth + 1, "revision:4"),
        (events[3]["time"], fourth - 1),
        ("2999-01-01T00:00:01Z", "2999-01-01T00:00:00Z"),
    ):
        problem(client.get(path(asset, "diff"), **{"from": start, "to": end}), 422, "moments-reversed")


def test_a_position_beyond_the_head_is_refused(client: Client) -> None:
    asset = client.create()
    for moments in ({"from": 10**17}, {"from": 0, "to": asset["position"] + 1}):
        problem(client.get(path(asset, "diff"), **moments), 422, "beyond-head")


NO_MOMENTS = ["yesterday", "2026-11-20", "", "-1", "1.5", "9" * 30]
NO_REVISIONS = ["revision:0", "revision:-1", "revision:", "revision:x", "revision:9999999999", "Revision:1"]


@pytest.mark.parametrize("moment", [*NO_MOMENTS, *NO_REVISIONS])
def test_no_other_moments_are_understood(client: Client, moment: str) -> None:
    asset = client.create()

    start: Json = {"from": moment}
    both: Json = {"from": 0, "to": moment}
    for name, moments in (("from", start), ("to", both)):
        detail = problem(client.get(path(asset, "diff"), **moments), 422, "bad-moment")["detail"]
        assert detail.startswith(f"{name} takes a position")


def test_the_earlier_moment_is_required(client: Client) -> None:
    assert refused_fields(client.get(path(client.create(), "diff"))) == ["query.from"]


def test_a_diff_waits_for_a_position(client: Client) -> None:
    asset = client.create()

    assert client.get(path(asset, "diff"), **{"from": 0, "min_position": asset["position"]}).status_code == 200
    refused = client.get(path(asset, "diff"), **{"from": 0, "min_position": "x"})
    assert refused_fields(refused) == ["query.min_position"]


def test_deleted_assets_are_compared_too(client: Client) -> None:
    asset = client.create(name="Castle")
    client.call("DELETE", path(asset))

    assert diff(client, asset, "revision:1")["changes"] == [change("status", "ready", "deleted")]


def test_jobs_are_compared_likewise(client: Client) -> None:
    job = asked(client)
    claim(client)
    done(client, job, "fail", attempt=1, code="full")

    answer = client.get(f"/v1/jobs/{job['id']}/diff", **{"from": "revision:1"}).json()

    assert (answer["job_id"], answer["asset_id"], answer["events"]["count"]) == (job["id"], None, 2)
    assert change("status", "queued", "failed") in answer["changes"]
    assert change("error_code", None, "full") in answer["changes"]
    where = f"/v1/jobs/{job['id']}/diff"
    problem(client.get(where, **{"from": 0, "to": job["position"] - 1}), 404, "job-not-found")
    problem(client.get(where, **{"from": "revision:4"}), 404, "job-not-found")
    problem(client.get(f"/v1/assets/{job['id']}/diff", **{"from": 0}), 404, "asset-not-found")
