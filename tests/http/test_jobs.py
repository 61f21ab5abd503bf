"""Jobs over HTTP: asked for, read as they are and as they were, listed, told."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.composition import Services
from tests.conftest import Client
from tests.http.job_requests import IMAGE, Json, act, ask, asked, body, claim, done, events, head, read, topics

SNAPSHOT: Json = {"claims": [{"id": "c7", "text": "on a cliff"}], "entities": ["e1"], "chunks": [1, 1.5], "source": {}}


def test_a_job_is_requested_once_claimed_ended_and_found_by_its_references(client: Client) -> None:
    fields: Json = {"prompt_spec": {"p": 1}, "workflow_id": "w7", "claim_id": "c7", "scope": "world:w1"}
    first = ask(client, **fields)
    again = ask(client, **fields | {"prompt_spec": {"p": 1.0}, "priority": 5})
    assert (first.status_code, again.status_code) == (201, 200)
    job = first.json()
    assert again.json() == job
    (claimed,) = claim(client)
    assert (claimed["id"], claimed["status"], claimed["attempt"]) == (job["id"], "running", 1)
    ended = done(client, job, "succeed", attempt=1, assets=[IMAGE])
    (asset_id,) = ended["assets"]
    for filters in ({"job_id": job["id"]}, {"claim_id": "c7"}, {"workflow_id": "w7"}, {"world_id": "w1"}):
        assert client.ids(**filters) == [asset_id]
        assert [j["id"] for j in client.page("/v1/jobs", **filters)["items"]] == [job["id"]]


def test_a_requested_job_is_answered_with_its_place_and_reads_back_the_same(client: Client) -> None:
    response = ask(client, provider="stability", model="sdxl", run="r9", priority=5, subject="u_ann", snapshot=SNAPSHOT)
    job = body(response)
    assert response.headers["Location"] == f"/v1/jobs/{job['id']}"
    assert response.headers["ETag"] == '"1"'
    assert int(response.headers["Ledger-Position"]) == job["position"]
    assert body(client.get(response.headers["Location"])) == job
    assert client.page("/v1/jobs")["items"] == [job]
    assert (job["provider"], job["model"], job["run"], job["priority"]) == ("stability", "sdxl", "r9", 5)
    assert (job["status"], job["attempt"], job["subject"]) == ("queued", 1, "u_ann")


def test_what_a_job_was_derived_from_comes_back_unchanged_whatever_happens(client: Client) -> None:
    source = client.create(name="before")
    job = asked(client, snapshot=SNAPSHOT, source_id=source["id"], claim_id="c7", entity_id="e1", source_chunk_id="k1")
    client.call("PATCH", f"/v1/assets/{source['id']}", json={"name": "after"})
    client.call("DELETE", f"/v1/assets/{source['id']}")
    claim(client)
    done(client, job, "fail", attempt=1, code="x")
    ask(client, snapshot=SNAPSHOT, source_id=source["id"], claim_id="c7", entity_id="e1", source_chunk_id="k1")
    claim(client)
    ended = done(client, job, "succeed", attempt=2, assets=[IMAGE])
    for seen in (ended, read(client, job), *client.page("/v1/jobs")["items"]):
        assert seen["snapshot"] == SNAPSHOT
        assert seen["references"] == ["claim:c7", "entity:e1", "source_chunk:k1", f"source:{source['id']}"]


@pytest.mark.parametrize(("runs", "jobs"), [(False, 1), (True, 50)])
def test_fifty_requests_at_once_make_one_job_or_as_many_as_there_are_runs(
    client: Client, services: Services, runs: bool, jobs: int
) -> None:
    def request(number: int) -> Any:
        response = ask(client, prompt_spec={"p": "castle"}, **({"run": f"r{number}"} if runs else {}))
        return response.status_code, response.json()["id"]

    before = head(services, client)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(request, range(50)))
    assert sorted(status for status, _ in answers) == [200] * (50 - jobs) + [201] * jobs
    ids = {id_ for _, id_ in answers}
    assert len(ids) == jobs
    assert head(services, client) == before + jobs
    for id_ in ids:
        assert topics(client, {"id": id_}) == ["requested"]
    assert client.page("/v1/jobs", total=True, limit=1)["total"] == jobs


def test_another_tenant_that_asks_for_the_same_gets_a_job_of_its_own(clients: Callable[..., Client]) -> None:
    ours, theirs = asked(clients(), run="r"), asked(clients(), run="r")
    assert ours["id"] != theirs["id"]


def test_a_job_as_it_was_at_each_revision_and_position(client: Client) -> None:
    seen = [asked(client, claim_id="c7")]
    job = seen[0]
    seen += claim(client)
    seen.append(done(client, job, "fail", attempt=1, code="out_of_memory", cost={"amount": "0.1", "currency": "EUR"}))
    seen.append(body(ask(client, claim_id="c7")))
    seen.append(done(client, job, "start", attempt=2))
    seen.append(done(client, job, "succeed", attempt=2, assets=[IMAGE]))
    assert [state["status"] for state in seen] == ["queued", "running", "failed", "queued", "running", "succeeded"]
    for revision, state in enumerate(seen, start=1):
        assert state["revision"] == revision
        assert read(client, job, revision=revision) == state
        assert read(client, job, as_of=state["position"]) == state
        assert read(client, job, as_of=state["updated_at"])["revision"] >= revision
    assert client.get(f"/v1/jobs/{job['id']}", as_of=job["position"] - 1).status_code == 404
    assert client.get(f"/v1/jobs/{job['id']}", revision=7).status_code == 404


def test_a_failed_attempt_keeps_its_code_and_message_and_a_new_one_begins_without_them(client: Client) -> None:
    job = asked(client)
    claim(client)
    failed = done(client, job, "fail", attempt=1, code="out_of_memory", message="The GPU ran FULL (50 %)")
    assert (failed["error_code"], failed["error_message"]) == ("out_of_memory", "The GPU ran FULL (50 %)")
    assert failed["finished_at"] == failed["updated_at"]
    assert failed["assets"] == client.ids(job_id=job["id"]) == []
    for part in ("ran full", "50 %"):
        assert [j["id"] for j in client.page("/v1/jobs", error=part)["items"]] == [job["id"]]
    assert client.page("/v1/jobs", error="50 _")["items"] == []
    again = body(ask(client))
    assert (again["status"], again["attempt"], again["error_code"], again["finished_at"]) == ("queued", 2, None, None)
    assert client.page("/v1/jobs", error="ran full")["items"] == []


def test_costs_add_up_over_attempts_exactly(client: Client) -> None:
    job = asked(client)
    for attempt, amount in enumerate(["0.1", "0.000000002"], start=1):
        done(client, job, "start", attempt=attempt)
        done(client, job, "fail", attempt=attempt, code="x", cost={"amount": amount, "currency": "EUR"})
        ask(client)
    done(client, job, "start", attempt=3)
    done(client, job, "succeed", attempt=3, cost={"amount": 12345678901, "currency": "JPY"})
    costs = [(cost["attempt"], cost["amount"], cost["currency"]) for cost in read(client, job)["costs"]]
    assert costs == [(1, "0.1", "EUR"), (2, "0.000000002", "EUR"), (3, "12345678901", "JPY")]
    assert client.page("/v1/jobs")["items"][0]["costs"] == read(client, job)["costs"]


@pytest.mark.parametrize(
    "cost",
    [
        {"amount": -1, "currency": "EUR"},
        {"amount": "NaN", "currency": "EUR"},
        {"amount": "0.0000000001", "currency": "EUR"},
        {"amount": 1, "currency": "eur"},
    ],
)
def test_a_cost_that_is_none_is_refused(client: Client, cost: Json) -> None:
    job = asked(client)
    claim(client)
    refused = act(client, job, "succeed", attempt=1, cost=cost)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["field"].startswith("body.cost.")


def test_events_say_who_when_what_before_and_after_and_why(client: Client) -> None:
    job = asked(client, prompt_spec={"p": 1}, reason="for the cover")
    worker = {"X-Actor": "worker:comfy-1", "X-Request-ID": "req-7", "X-Causation-ID": "msg-1"}
    client.call("POST", f"/v1/jobs/{job['id']}/start", json={"attempt": 1}, headers=worker)
    done(client, job, "fail", attempt=1, code="oom", message="full", reason="gave up")
    requested, started, failed = events(client, job)
    assert (requested["reason"], failed["reason"]) == ("for the cover", "gave up")
    assert (started["actor"], started["correlation_id"], started["causation_id"]) == (
        {"id": "comfy-1", "type": "worker"},
        "req-7",
        "msg-1",
    )
    assert {"field": "prompt_spec", "before": None, "after": {"p": 1}} in requested["changes"]
    assert started["changes"] == [{"field": "status", "before": "queued", "after": "running"}]
    assert failed["changes"] == [
        {"field": "status", "before": "running", "after": "failed"},
        {"field": "error_code", "before": None, "after": "oom"},
        {"field": "error_message", "before": None, "after": "full"},
    ]
    assert all(event["job_id"] == job["id"] and event["asset_id"] is None for event in (requested, started, failed))


def test_the_events_of_a_job_come_in_pages(client: Client) -> None:
    job = asked(client)
    claim(client)
    done(client, job, "cancel")
    first = body(client.get(f"/v1/jobs/{job['id']}/events", limit=2))
    rest = body(client.get(f"/v1/jobs/{job['id']}/events", limit=2, cursor=first["next"]))
    assert first["items"] + rest["items"] == events(client, job)
    assert rest["next"] is None


@pytest.mark.parametrize(
    "prompt",
    [
        {"prompt_kind": "video", "description": "a flight", "duration": 5, "aspect_ratio": "16:9", "quality": "high"},
        {"prompt_kind": "audio", "lyrics": "la", "style": "waltz", "duration": 30.5, "tempo": 90},
        {"prompt_kind": "sculpture", "duration": -1},
        {"prompt_kind": 7},
    ],
)
def test_a_prompt_that_fits_its_kind_or_has_none_of_ours_is_kept_as_given(client: Client, prompt: Json) -> None:
    assert asked(client, prompt_spec=prompt)["prompt_spec"] == prompt


@pytest.mark.parametrize(
    ("prompt", "field"),
    [
        ({"prompt_kind": "video"}, "description"),
        ({"prompt_kind": "video", "description": "x", "duration": 0}, "duration"),
        ({"prompt_kind": "video", "description": "x", "duration": "5"}, "duration"),
        ({"prompt_kind": "video", "description": "x", "aspect_ratio": "wide"}, "aspect_ratio"),
        ({"prompt_kind": "video", "description": "x", "fps": 24}, "fps"),
        ({"prompt_kind": "audio", "tempo": -1}, "tempo"),
        ({"prompt_kind": "audio", "style": 7}, "style"),
    ],
)
def test_a_prompt_that_does_not_fit_its_kind_is_refused_and_the_field_named(
    client: Client, services: Services, prompt: Json, field: str
) -> None:
    before = head(services, client)
    refused = ask(client, prompt_spec=prompt)
    assert refused.status_code == 422
    assert [error["field"] for error in refused.json()["errors"]] == [f"body.prompt_spec.{field}"]
    assert head(services, client) == before
