"""A claim whose answer was lost can be asked for again under its key: the same jobs, and never others."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx

from api.composition import Services
from tests.conftest import Client
from tests.http.job_requests import Json, act, asked, body, done, end_lease, read, topics

ANN = "worker:ann"


def claim(client: Client, key: str, actor: str = ANN, **fields: object) -> httpx.Response:
    """Claim jobs under a key."""
    return client.call("POST", "/v1/jobs/claim", json=fields, headers={"Idempotency-Key": key, "X-Actor": actor})


def claimed(client: Client, key: str, actor: str = ANN, **fields: object) -> list[Json]:
    """The same, where it must work; returns the jobs."""
    response = claim(client, key, actor, **fields)
    assert response.status_code == 200, response.text
    items: list[Json] = response.json()["items"]
    return items


def ids(jobs: list[Json]) -> list[str]:
    return [job["id"] for job in jobs]


def lease_seconds(services: Services, client: Client, job: Json) -> float:
    """How long the job is leased for, from now on."""
    asked_for = "SELECT extract(epoch FROM lease_until - clock_timestamp()) FROM ledger.job_queue WHERE job_id = %s"
    with services.database.transaction(client.tenant_id) as connection:
        row = connection.execute(asked_for, (job["id"],)).fetchone()
    assert row is not None
    return float(row[0])


def test_a_repeated_claim_gets_the_same_jobs_once_and_their_leases_extended(client: Client, services: Services) -> None:
    jobs = [asked(client, run=str(number)) for number in range(4)]
    first = claimed(client, "k1", max=2, lease_seconds=30)
    again = claimed(client, "k1", max=2, lease_seconds=600)
    assert again == first
    assert ids(first) == ids(jobs[:2])
    assert [topics(client, job) for job in jobs] == [["requested", "started"]] * 2 + [["requested"]] * 2
    assert min(lease_seconds(services, client, job) for job in first) > 500


def test_a_key_is_one_actors_and_one_tenants(clients: Callable[..., Client]) -> None:
    client, other = clients(), clients()
    for each in (client, other):
        for number in range(2):
            asked(each, run=str(number))
    answers = [claimed(client, "k1"), claimed(client, "k1", "worker:bob"), claimed(other, "k1")]
    assert len({ids(jobs)[0] for jobs in answers}) == 3


def test_what_is_no_longer_leased_by_the_claim_is_left_out_and_nothing_comes_in_its_place(
    client: Client, services: Services
) -> None:
    for number in range(6):
        asked(client, run=str(number))
    finished, lost, expired, kept = claimed(client, "k1", max=4)
    done(client, finished, "fail", attempt=1, code="broken")
    end_lease(services, client.tenant_id, lost)
    end_lease(services, client.tenant_id, expired)
    others = claimed(client, "k2", "worker:bob", max=10)
    assert {expired["id"], lost["id"]} < set(ids(others))
    assert ids(claimed(client, "k1", max=4)) == [kept["id"]]
    done(client, kept, "fail", attempt=1, code="broken")
    asked(client, run="another")
    assert claimed(client, "k1", max=4) == []
    assert read(client, expired)["attempt"] == 2


def test_another_claim_under_the_same_key_is_refused(client: Client) -> None:
    asked(client)
    claimed(client, "k1")
    refused = claim(client, "k1", max=2)
    assert refused.status_code == 409
    assert body(refused)["type"].endswith(":other-request")


def test_a_claim_that_found_nothing_may_be_made_again_under_its_key(client: Client) -> None:
    assert claimed(client, "k1") == []
    job = asked(client)
    assert ids(claimed(client, "k1")) == [job["id"]]


def test_the_same_claim_made_many_times_at_once_hands_out_its_jobs_once(client: Client) -> None:
    for number in range(20):
        asked(client, run=str(number))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: ids(claimed(client, "k1", max=3)), range(8)))
    assert len(answers[0]) == 3
    assert all(answer == answers[0] for answer in answers)


def test_a_key_is_forgotten_after_a_day(client: Client, services: Services) -> None:
    first, second = asked(client, run="1"), asked(client, run="2")
    assert ids(claimed(client, "k1")) == [first["id"]]
    act(client, first, "fail", attempt=1, code="broken")
    with services.database.transaction(client.tenant_id) as connection:
        connection.execute("UPDATE ledger.job_claims SET claimed_at = claimed_at - interval '25 hours'")
    assert ids(claimed(client, "k1")) == [second["id"]]
