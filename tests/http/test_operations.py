"""Many operations on jobs in one request over HTTP: each stands alone."""

from collections.abc import Callable
from typing import Any

from uuid_utils.compat import uuid7

from tests.conftest import Client
from tests.http.test_batches import IMAGE, name_of


def carry_out(client: Client, *operations: object) -> dict[str, Any]:
    """What a batch of operations is answered with, which must be taken."""
    response = client.call("POST", "/v1/jobs/batch", json=operations)
    assert response.status_code == 200, response.text
    report: dict[str, Any] = response.json()
    return report


def ask(number: int, **more: object) -> dict[str, Any]:
    return {"operation": "request", "media_kind": "image", "prompt_spec": {"number": number}, **more}


def requested(client: Client, count: int) -> list[str]:
    """The ids of new jobs."""
    report = carry_out(client, *(ask(number) for number in range(count)))
    assert report["summary"] == {"total": count, "carried_out": count, "failed": 0}
    return [result["job"]["id"] for result in report["results"]]


def test_operations_on_jobs_are_carried_out_in_order_as_their_own_routes_would(client: Client) -> None:
    first, second, third = requested(client, 3)
    asset = {"media": {"media_kind": "image"}, "name": "Castle"}
    report = carry_out(
        client,
        {"operation": "start", "job_id": first, "attempt": 1},
        {"operation": "succeed", "job_id": first, "attempt": 1, "assets": [asset]},
        {"operation": "start", "job_id": second, "attempt": 1},
        {"operation": "fail", "job_id": second, "attempt": 1, "code": "oom", "message": "no memory", "reason": "seen"},
        {"operation": "requeue", "job_id": second, "attempt": 1},
        {"operation": "cancel", "job_id": third},
        ask(2),
    )

    assert [(result["index"], result["status"]) for result in report["results"]] == [(i, 200) for i in range(7)]
    statuses = ["running", "succeeded", "running", "failed", "queued", "cancelled", "queued"]
    assert [result["job"]["status"] for result in report["results"]] == statuses
    for job_id, result in ((first, 1), (second, 4), (third, 6)):
        assert client.get(f"/v1/jobs/{job_id}").json() == report["results"][result]["job"]
    assert client.ids() == report["results"][1]["job"]["assets"]
    history = client.get(f"/v1/jobs/{second}/events").json()["items"]
    topics = ["job.requested", "job.started", "job.failed", "job.requeued"]
    assert [event["topic"] for event in history] == topics
    assert history[2]["reason"] == "seen"


def test_an_operation_that_fails_fails_alone_with_the_status_of_its_own_route(
    client: Client, clients: Callable[..., Client]
) -> None:
    (job,) = requested(client, 1)
    (foreign,) = requested(clients(), 1)
    report = carry_out(
        client,
        {"operation": "start", "job_id": foreign, "attempt": 1},
        {"operation": "succeed", "job_id": job, "attempt": 1},
        {"operation": "explode", "job_id": job},
        {"operation": "start", "job_id": job, "attempt": 2},
        {"operation": "fail", "job_id": job, "attempt": 1},
        {"operation": "start", "job_id": str(uuid7()), "attempt": 1},
        {"operation": "start", "job_id": job, "attempt": 1},
    )

    assert [result["status"] for result in report["results"]] == [404, 409, 422, 409, 422, 404, 200]
    assert [name_of(result["problem"]) for result in report["results"][:6]] == [
        "job-not-found",
        "illegal-transition",
        "invalid-request",
        "wrong-attempt",
        "invalid-request",
        "job-not-found",
    ]
    assert report["results"][4]["problem"]["errors"][0]["field"] == "body.4.fail.code"
    assert report["summary"] == {"total": 7, "carried_out": 1, "failed": 6}
    history = client.get(f"/v1/jobs/{job}/events").json()["items"]
    assert [event["topic"] for event in history] == ["job.requested", "job.started"]


def test_the_same_request_twice_in_a_batch_is_one_job_and_a_key_starts_one_attempt(client: Client) -> None:
    report = carry_out(client, ask(1), ask(1), ask(2))
    assert [result["status"] for result in report["results"]] == [201, 200, 201]
    first, same, other = (result["job"] for result in report["results"])
    assert (same, first["id"] == other["id"]) == (first, False)
    carry_out(client, {"operation": "cancel", "job_id": first["id"]})
    attempts = [carry_out(client, ask(1, idempotency_key="k"))["results"][0]["job"]["attempt"] for _ in range(2)]
    assert attempts == [2, 2]
    carry_out(client, {"operation": "cancel", "job_id": first["id"]})
    (again,) = carry_out(client, ask(1, idempotency_key="k"))["results"]
    assert (again["job"]["status"], again["job"]["attempt"]) == ("cancelled", 2)


def test_a_completion_is_the_same_in_a_batch_and_alone(client: Client) -> None:
    (job,) = requested(client, 1)
    completion = {"attempt": 1, "assets": [IMAGE | {"name": "Castle"}], "cost": {"amount": "0.10", "currency": "USD"}}
    succeed = {"operation": "succeed", "job_id": job, **completion}
    report = carry_out(client, {"operation": "start", "job_id": job, "attempt": 1}, succeed, succeed)
    alone = client.call("POST", f"/v1/jobs/{job}/succeed", json=completion)
    assert [result["status"] for result in report["results"]] == [200, 200, 200]
    assert report["results"][1]["job"] == report["results"][2]["job"] == alone.json()
