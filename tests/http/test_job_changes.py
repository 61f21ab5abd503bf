"""What may happen to a job and what may not, by every route; keys that start an attempt once; other tenants."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.job_requests import IMAGE, Json, act, ask, asked, body, claim, done, events, head, queue, read, topics

START: tuple[str, Json] = ("start", {"attempt": 1})
SUCCEED: tuple[str, Json] = ("succeed", {"attempt": 1, "assets": [IMAGE]})
FAIL: tuple[str, Json] = ("fail", {"attempt": 1, "code": "x"})
CANCEL: tuple[str, Json] = ("cancel", {})
REQUEUE: tuple[str, Json] = ("requeue", {"attempt": 1})
WAYS: dict[str, list[tuple[str, Json]]] = {
    "queued": [],
    "running": [START],
    "succeeded": [START, SUCCEED],
    "failed": [START, FAIL],
    "cancelled": [CANCEL],
}
ALLOWED = {
    "queued": [START, CANCEL],
    "running": [SUCCEED, FAIL, CANCEL, REQUEUE],
    "succeeded": [SUCCEED],
    "failed": [REQUEUE],
    "cancelled": [REQUEUE],
}
EVERY = [START, SUCCEED, FAIL, CANCEL, REQUEUE]
KINDS = {"start": "started", "succeed": "succeeded", "fail": "failed", "cancel": "cancelled", "requeue": "requeued"}


def job_that_is(client: Client, status: str) -> Json:
    """A job brought into a status."""
    job = asked(client)
    for action, fields in WAYS[status]:
        job = done(client, job, action, **fields)
    assert job["status"] == status
    return job


@pytest.mark.parametrize(
    ("status", "change"), [(s, change) for s, changes in ALLOWED.items() for change in changes if s != "succeeded"]
)
def test_what_the_status_allows_is_done_and_recorded(
    client: Client, services: Services, status: str, change: tuple[str, Json]
) -> None:
    job = job_that_is(client, status)
    response = act(client, job, change[0], **change[1])
    assert response.status_code == 200, response.text
    after = body(response)
    assert response.headers["ETag"] == f'"{job["revision"] + 1}"'
    assert int(response.headers["Ledger-Position"]) == after["position"] > job["position"]
    assert topics(client, job)[-1] == KINDS[change[0]]
    assert read(client, job) == after == client.page("/v1/jobs")["items"][0]
    waits = after["status"] == "queued"
    assert queue(services, client.tenant_id) == ({job["id"]: (after["attempt"], False)} if waits else {})


@pytest.mark.parametrize(
    ("status", "change"), [(s, change) for s in WAYS for change in EVERY if change not in ALLOWED[s]]
)
def test_what_the_status_does_not_allow_is_409_with_the_status_and_nothing_is_written(
    client: Client, services: Services, status: str, change: tuple[str, Json]
) -> None:
    job = job_that_is(client, status)
    before, waiting = head(services, client), queue(services, client.tenant_id)
    refused = act(client, job, change[0], **change[1])
    assert refused.status_code == 409
    assert refused.json()["type"] == "urn:asset-ledger:problem:illegal-transition"
    assert f"A job that is {status} cannot {change[0]}" in refused.json()["detail"]
    assert (head(services, client), queue(services, client.tenant_id)) == (before, waiting)
    assert read(client, job) == job


def test_a_refusal_tells_the_status_even_if_unknown_assets_are_named(client: Client) -> None:
    job = job_that_is(client, "cancelled")
    refused = act(client, job, "succeed", attempt=1, asset_ids=[job["id"]])
    assert refused.status_code == 409
    assert "A job that is cancelled cannot succeed" in refused.json()["detail"]


@pytest.mark.parametrize(
    ("status", "change"),
    [
        ("queued", START),
        ("queued", ("cancel", {"attempt": 1})),
        ("running", SUCCEED),
        ("running", FAIL),
        ("running", ("cancel", {"attempt": 1})),
        ("running", REQUEUE),
        ("succeeded", SUCCEED),
        ("failed", REQUEUE),
    ],
)
def test_another_attempts_number_is_409_and_nothing_is_written(
    client: Client, services: Services, status: str, change: tuple[str, Json]
) -> None:
    job = job_that_is(client, status)
    before = head(services, client)
    for attempt in (2, 7):
        refused = act(client, job, change[0], **change[1] | {"attempt": attempt})
        assert refused.status_code == 409
        assert refused.json()["type"] == "urn:asset-ledger:problem:wrong-attempt"
        assert f"at attempt 1, not {attempt}" in refused.json()["detail"]
    assert head(services, client) == before
    assert read(client, job) == job


@pytest.mark.parametrize("attempt", [0, -1, 2**31, "x", None])
def test_an_attempt_that_is_no_number_of_one_is_422(client: Client, attempt: object) -> None:
    job = job_that_is(client, "queued")
    assert act(client, job, "start", attempt=attempt).status_code == 422


@pytest.mark.parametrize("change", [START, CANCEL])
def test_with_if_match_only_the_revision_that_was_seen_is_changed(
    client: Client, services: Services, change: tuple[str, Json]
) -> None:
    job = job_that_is(client, "queued")
    before = head(services, client)
    stale = act(client, job, change[0], if_match='"2"', **change[1])
    assert stale.status_code == 412
    assert stale.json()["detail"] == "If-Match names revision 2, but the current one is 1."
    assert head(services, client) == before
    assert act(client, job, change[0], if_match='"1"', **change[1]).status_code == 200
    assert act(client, job, "cancel", if_match='"1"').status_code == 412


def test_of_many_who_end_a_job_at_once_one_does(client: Client) -> None:
    job = job_that_is(client, "running")
    with ThreadPoolExecutor(20) as pool:
        ends = [SUCCEED, FAIL, ("cancel", {"attempt": 1})] * 7
        answers = list(pool.map(lambda end: (end[0], act(client, job, end[0], **end[1]).status_code), ends))
    assert {status for _, status in answers} == {200, 409}
    winners = {action for action, status in answers if status == 200}
    assert len(winners) == 1
    assert topics(client, job) == ["requested", "started", KINDS[winners.pop()]]


def test_a_key_that_started_an_attempt_never_starts_another(client: Client) -> None:
    job = body(ask(client, key="k1"))
    done(client, job, "start", attempt=1)
    failed = done(client, job, "fail", attempt=1, code="x")
    again = ask(client, key="k1")
    assert (again.status_code, body(again)) == (200, failed)
    second = ask(client, key="k2")
    assert (second.status_code, body(second)["status"], body(second)["attempt"]) == (200, "queued", 2)
    done(client, job, "cancel")
    for key in ("k1", "k2"):
        assert body(ask(client, key=key))["status"] == "cancelled"
    assert body(ask(client))["attempt"] == 3
    assert topics(client, job) == ["requested", "started", "failed", "requeued", "cancelled", "requeued"]


def test_a_key_does_not_tie_different_work_together(client: Client) -> None:
    assert body(ask(client, key="k1", run="a"))["id"] != body(ask(client, key="k1", run="b"))["id"]


def test_one_next_attempt_begins_when_many_ask_again_at_once(client: Client) -> None:
    job = job_that_is(client, "failed")
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda number: ask(client, key=f"k{number}"), range(20)))
    assert {(answer.status_code, body(answer)["attempt"]) for answer in answers} == {(200, 2)}
    assert topics(client, job) == ["requested", "started", "failed", "requeued"]


def test_asking_again_keeps_who_asked_first_and_says_who_asked_again(client: Client) -> None:
    job = asked(client, reason="first")
    done(client, job, "cancel")
    again = client.call(
        "POST", "/v1/jobs", json={"media_kind": "image", "reason": "again"}, headers={"X-Actor": "user:ben"}
    ).json()
    assert (again["created_by"], again["updated_by"]) == ("user:ann", "user:ben")
    last = events(client, job)[-1]
    assert (last["actor"]["id"], last["reason"]) == ("ben", "again")


def every_route(client: Client, job_id: str) -> list[httpx.Response]:
    """What every route of one job answers."""
    path = f"/v1/jobs/{job_id}"
    changes = [*EVERY, ("heartbeat", {"attempt": 1})]
    return [
        client.get(path),
        client.get(path, revision=1),
        client.get(path, as_of=1),
        client.get(f"{path}/events"),
        *(client.call("POST", f"{path}/{action}", json=fields) for action, fields in changes),
    ]


def test_another_tenants_job_is_nowhere_to_be_seen_or_moved(clients: Callable[..., Client], services: Services) -> None:
    ours, theirs = clients(), clients()
    job = asked(theirs, run="r9", claim_id="c7")
    before = head(services, theirs)
    assert [response.status_code for response in every_route(ours, job["id"])] == [404] * 10
    assert claim(ours, max=100) == []
    for filters in ({"job_id": job["id"]}, {"run": "r9"}, {"claim_id": "c7"}, {}):
        assert ours.page("/v1/jobs", total=True, **filters) == {"items": [], "next": None, "total": 0}
    mine = asked(ours)
    done(ours, mine, "start", attempt=1)
    foreign = theirs.create()
    assert act(ours, mine, "succeed", attempt=1, asset_ids=[foreign["id"]]).status_code == 404
    assert head(services, theirs) == before + 1
    assert read(theirs, job) == job


def test_an_assets_id_is_no_jobs_id_nor_the_other_way_round(client: Client) -> None:
    job, asset = asked(client), client.create()
    assert [response.status_code for response in every_route(client, asset["id"])] == [404] * 10
    assert client.get(f"/v1/assets/{job['id']}").status_code == 404
    assert client.call("PATCH", f"/v1/assets/{job['id']}", json={"name": "x"}).status_code == 404
