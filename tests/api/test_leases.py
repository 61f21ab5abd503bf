"""Work is handed to one worker at a time, under a lease; a worker that is lost costs an attempt, not the job."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import psycopg
import pytest
from structlog.testing import capture_logs

from api.application.jobs import Jobs
from api.composition import Services
from api.workers.lease_watch import LeaseWatch
from api.workers.worker import own_session
from domain.job.inputs import NewJob
from infra.databases import Databases
from tests.api.workers import (
    IMAGE,
    Json,
    act,
    ask,
    asked,
    body,
    claim,
    done,
    end_lease,
    events,
    head,
    queue,
    read,
    topics,
)
from tests.conftest import Client, new_tenant


def lost(client: Client, services: Services, attempt: int = 1) -> Json:
    """A job whose worker has not been heard of in time."""
    job = body(ask(client))
    (claimed,) = claim(client)
    assert claimed["attempt"] == attempt
    end_lease(services, client.tenant_id, job)
    return job


def until(client: Client, job: Json, **said: Any) -> datetime:
    """Until when a heartbeat extends the lease."""
    response = act(client, job, "heartbeat", **said)
    assert response.status_code == 200, response.text
    return datetime.fromisoformat(response.json()["lease_until"])


def test_a_claimed_job_runs_and_is_answered_as_it_reads(client: Client, services: Services) -> None:
    job = asked(client, prompt_spec={"p": 1}, snapshot={"s": 2})
    response = client.call("POST", "/v1/jobs/claim", json={"lease_seconds": 60})
    (claimed,) = response.json()["items"]
    assert claimed == read(client, job)
    assert (claimed["status"], claimed["prompt_spec"], claimed["snapshot"]) == ("running", {"p": 1}, {"s": 2})
    assert int(response.headers["Ledger-Position"]) == claimed["position"]
    assert queue(services, client.tenant_id) == {job["id"]: (1, True)}
    assert topics(client, job) == ["requested", "started"]


def test_where_nothing_waits_nothing_is_claimed_or_written(client: Client, services: Services) -> None:
    asked(client)
    claim(client)
    before = head(services, client)
    assert claim(client, max=100) == []
    assert head(services, client) == before


@pytest.mark.parametrize("wrong", [{"max": 0}, {"max": 101}, {"lease_seconds": 0}, {"media_kind": "song"}, {"who": 1}])
def test_a_claim_that_does_not_fit_is_422(client: Client, wrong: Json) -> None:
    assert client.call("POST", "/v1/jobs/claim", json=wrong).status_code == 422


def test_the_most_urgent_are_handed_out_first_and_then_the_oldest(client: Client) -> None:
    priorities = [0, 5, -5, 5, 0, 1000]
    jobs = [asked(client, run=f"r{number}", priority=priority) for number, priority in enumerate(priorities)]
    expected = [jobs[number]["id"] for number in (5, 1, 3, 0, 4, 2)]
    assert [job["id"] for job in (*claim(client, max=2), *claim(client), *claim(client, max=100))] == expected


def test_a_worker_takes_only_the_kind_and_the_provider_it_asks_for(client: Client) -> None:
    image = asked(client, provider="stability")
    video = asked(client, media_kind="video", provider="runway")
    plain = asked(client, media_kind="video")
    other = asked(client, provider="openai")
    assert claim(client, media_kind="audio") == claim(client, provider="suno") == []
    assert claim(client, media_kind="image", provider="runway") == []
    assert [job["id"] for job in claim(client, provider="runway", max=9)] == [video["id"]]
    assert [job["id"] for job in claim(client, media_kind="video", max=9)] == [plain["id"]]
    assert [job["id"] for job in claim(client, media_kind="image", provider="stability", max=9)] == [image["id"]]
    assert [job["id"] for job in claim(client, max=9)] == [other["id"]]


def test_every_job_is_handed_to_exactly_one_of_many_workers(client: Client) -> None:
    jobs = {asked(client, run=f"r{number}")["id"] for number in range(40)}
    with ThreadPoolExecutor(20) as pool:
        claims = list(pool.map(lambda _: claim(client, max=3), range(20)))
    handed = [job["id"] for claimed in claims for job in claimed]
    assert len(handed) == 40
    assert set(handed) == jobs


def test_a_claim_answers_what_it_handed_out_whatever_happens_meanwhile(client: Client) -> None:
    jobs = [asked(client, run=f"r{number}") for number in range(30)]
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(act, client, job, "cancel") for job in jobs]
        claims = [pool.submit(claim, client, max=5) for _ in range(8)]
        claimed = [job for waiting in claims for job in waiting.result()]
        assert {call.result().status_code for call in calls} == {200}
    assert {(job["status"], job["attempt"], job["revision"]) for job in claimed} <= {("running", 1, 2)}


def test_a_heartbeat_extends_the_lease_of_its_attempt_and_writes_nothing(client: Client, services: Services) -> None:
    job = asked(client)
    claim(client, lease_seconds=5)
    before = head(services, client)
    short, long = until(client, job, attempt=1, lease_seconds=10), until(client, job, attempt=1, lease_seconds=3600)
    assert 3500 < (long - short).total_seconds() < 3700
    assert act(client, job, "heartbeat", attempt=2).status_code == 409
    assert head(services, client) == before


@pytest.mark.parametrize("end", [None, "start", "cancel"])
def test_a_heartbeat_without_a_lease_is_409(client: Client, end: str | None) -> None:
    job = asked(client)
    if end:
        done(client, job, end, attempt=1)
    refused = act(client, job, "heartbeat", attempt=1)
    assert (refused.status_code, refused.json()["type"]) == (409, "urn:asset-ledger:problem:lease-lost")


def test_a_lost_job_waits_again_at_its_next_attempt_and_says_why(client: Client, services: Services) -> None:
    job = lost(client, services)
    (claimed,) = claim(client)
    assert (claimed["id"], claimed["status"], claimed["attempt"]) == (job["id"], "running", 2)
    assert topics(client, job) == ["requested", "started", "requeued", "started"]
    requeued = events(client, job)[2]
    assert (requeued["actor"], requeued["reason"]) == ({"id": "ledger", "type": "system"}, "the lease ran out")
    assert {"field": "attempt", "before": 1, "after": 2} in requeued["changes"]
    assert queue(services, client.tenant_id) == {job["id"]: (2, True)}


def test_a_worker_that_lost_its_lease_cannot_end_the_next_attempt(client: Client, services: Services) -> None:
    job = lost(client, services)
    assert act(client, job, "heartbeat", attempt=1).status_code == 409
    claim(client)
    before = head(services, client)
    late: list[tuple[str, Json]] = [
        ("succeed", {"assets": [IMAGE]}),
        ("fail", {"code": "x"}),
        ("cancel", {}),
        ("heartbeat", {}),
        ("requeue", {}),
    ]
    for action, said in late:
        assert act(client, job, action, **said | {"attempt": 1}).status_code == 409
    assert (head(services, client), client.ids()) == (before, [])
    assert len(done(client, job, "succeed", attempt=2, assets=[IMAGE])["assets"]) == 1


def test_a_worker_whose_lease_ran_out_may_still_end_what_nobody_took_back(client: Client, services: Services) -> None:
    job = lost(client, services)
    done(client, job, "succeed", attempt=1, assets=[IMAGE])
    assert claim(client) == []
    assert queue(services, client.tenant_id) == {}
    assert topics(client, job) == ["requested", "started", "succeeded"]


@pytest.mark.parametrize("end", ["succeed", "fail", "cancel"])
def test_what_has_ended_holds_no_lease_and_is_not_taken_back(client: Client, services: Services, end: str) -> None:
    job = asked(client)
    claim(client)
    done(client, job, end, attempt=1, **({"code": "x"} if end == "fail" else {}))
    assert queue(services, client.tenant_id) == {}
    assert claim(client) == []


def test_claims_heartbeats_endings_and_losses_at_once_neither_deadlock_nor_fail(
    client: Client, services: Services
) -> None:
    jobs = [asked(client, run=f"r{number}") for number in range(20)]

    def worker(number: int) -> set[int]:
        answers = set()
        for turn in range(5):
            for job in claim(client, max=4):
                at: Json = {"attempt": job["attempt"]}
                answers.add(act(client, job, "heartbeat", **at).status_code)
                if (number + turn) % 3 == 0:
                    end_lease(services, client.tenant_id, job)
                answers.add(act(client, job, ("requeue", "fail", "cancel")[turn % 3], **at, **_code(turn)).status_code)
                ask(client, run=job["run"])
        return answers

    with ThreadPoolExecutor(12) as pool:
        answers = set().union(*pool.map(worker, range(12)))
    assert answers <= {200, 409}
    status = {job["id"]: read(client, job)["status"] for job in jobs}
    waiting = {job_id: leased for job_id, (_, leased) in queue(services, client.tenant_id).items()}
    assert {id_ for id_, s in status.items() if s in ("queued", "running")} == set(waiting)


def _code(turn: int) -> Json:
    return {"code": "x"} if turn % 3 == 1 else {}


@pytest.fixture
def abandoned(quiet: Services) -> Callable[[], tuple[Jobs, Json]]:
    """Makes tenants whose only job was claimed and abandoned."""

    def make() -> tuple[Jobs, Json]:
        tenant = new_tenant(quiet)
        jobs = Jobs(own_session(quiet, tenant))
        jobs.request(NewJob(media_kind="image"), None)
        (row,) = jobs.claim(None, None, 1, 3600)
        job = {"id": row.job_id}
        end_lease(quiet, tenant, job)
        return jobs, job

    return make


def test_lost_jobs_are_taken_back_where_nobody_claims(
    quiet: Services, abandoned: Callable[[], tuple[Jobs, Json]]
) -> None:
    made = [abandoned() for _ in range(3)]
    with LeaseWatch(quiet):
        for jobs, job in made:
            while (row := jobs.job(job["id"])).status != "queued":
                pass
            assert (row.attempt, row.updated_by) == (2, "system:ledger")
    assert LeaseWatch(quiet).take_back() == 0


def test_a_tenant_that_cannot_be_served_holds_no_other_back(
    quiet: Services, databases: Databases, abandoned: Callable[[], tuple[Jobs, Json]]
) -> None:
    (sick, unknown), (healthy, job) = abandoned(), abandoned()
    with psycopg.connect(str(databases.owner), autocommit=True) as owner:
        owner.execute("ALTER TABLE ledger.job_queue NO FORCE ROW LEVEL SECURITY")
        owner.execute("UPDATE ledger.job_queue SET job_id = gen_random_uuid() WHERE job_id = %s", (unknown["id"],))
        with capture_logs() as logged:
            assert LeaseWatch(quiet).take_back() == 1
        assert [(entry["event"], entry["tenant_id"]) for entry in logged] == [
            ("lost jobs not taken back", str(sick.session.tenant_id))
        ]
        assert healthy.job(job["id"]).status == "queued"
        owner.execute("REVOKE SELECT ON ledger.job_queue FROM asset_ledger_projector")
        with capture_logs() as logged:
            assert LeaseWatch(quiet).take_back() == 0
        assert [entry["event"] for entry in logged] == ["lost jobs not looked for"]
