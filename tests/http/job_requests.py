"""What tests do as those who ask for work, and as workers."""

from typing import Any
from uuid import UUID

import httpx

from api.composition import Services
from tests.conftest import Client

Json = dict[str, Any]

IMAGE: Json = {"media": {"media_kind": "image"}}
LONG_AGO = "UPDATE ledger.job_queue SET lease_until = clock_timestamp() - interval '1 second' WHERE job_id = %s"
PLACES = "SELECT job_id::text, attempt, lease_until IS NOT NULL FROM ledger.job_queue"


def ask(client: Client, key: str | None = None, **fields: Any) -> httpx.Response:
    """Ask for work: an image unless said otherwise."""
    headers = {"Idempotency-Key": key} if key else {}
    return client.call("POST", "/v1/jobs", json={"media_kind": "image"} | fields, headers=headers)


def asked(client: Client, **fields: Any) -> Json:
    """A job of its own, just asked for."""
    response = ask(client, **fields)
    assert response.status_code == 201, response.text
    return body(response)


def act(client: Client, job: Json, action: str, if_match: str | None = None, **fields: Any) -> httpx.Response:
    """Do something to a job, by its route."""
    headers = {"If-Match": if_match} if if_match else {}
    return client.call("POST", f"/v1/jobs/{job['id']}/{action}", json=fields, headers=headers)


def done(client: Client, job: Json, action: str, **fields: Any) -> Json:
    """The same, where it must work; returns the job then."""
    response = act(client, job, action, **fields)
    assert response.status_code == 200, response.text
    return body(response)


def claim(client: Client, **fields: Any) -> list[Json]:
    """Take waiting jobs, one unless said otherwise."""
    response = client.call("POST", "/v1/jobs/claim", json=fields)
    assert response.status_code == 200, response.text
    items: list[Json] = response.json()["items"]
    return items


def read(client: Client, job: Json, **params: Any) -> Json:
    """The job now, or at a moment."""
    response = client.get(f"/v1/jobs/{job['id']}", **params)
    assert response.status_code == 200, response.text
    return body(response)


def events(client: Client, job: Json) -> list[Json]:
    """What happened to a job."""
    response = client.get(f"/v1/jobs/{job['id']}/events", limit=200)
    assert response.status_code == 200, response.text
    items: list[Json] = response.json()["items"]
    return items


def topics(client: Client, job: Json) -> list[str]:
    """What happened to a job, by topic."""
    return [event["topic"].removeprefix("job.") for event in events(client, job)]


def body(response: httpx.Response) -> Json:
    """The answer, an object."""
    answered: Json = response.json()
    return answered


def head(services: Services, client: Client) -> int:
    """How many events the client's tenant has."""
    return services.log.of(client.tenant_id).head()


def end_lease(services: Services, tenant_id: UUID, *jobs: Json) -> None:
    """Let the leases of the jobs have run out, without waiting for it."""
    with services.database.transaction(tenant_id) as connection:
        for job in jobs:
            connection.execute(LONG_AGO, (job["id"],))


def queue(services: Services, tenant_id: UUID) -> dict[str, tuple[int, bool]]:
    """The tenant's jobs that wait or are leased: at which attempt, and whether leased."""
    with services.database.transaction(tenant_id) as connection:
        return {job_id: (attempt, leased) for job_id, attempt, leased in connection.execute(PLACES).fetchall()}
