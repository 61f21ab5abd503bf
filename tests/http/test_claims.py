"""Many workers, some of which die at work: every job is finished, and exactly once."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import UUID

from api.composition import Services
from domain.event import Recorded
from domain.job.events import JobRequested, JobRequeued, JobStarted, JobSucceeded
from tests.conftest import Client
from tests.http.job_requests import IMAGE, Json, act, asked, body, claim, end_lease, queue

WORKERS = 32
JOBS = 1_000
DEATHS = 0.1


@dataclass
class Worker:
    """Claims and finishes until all is done; now and then it dies and is heard of no more, or only too late."""

    client: Client
    services: Services
    number: int
    finished: list[str] = field(default_factory=list)
    deaths: int = 0
    refused: int = 0

    def work(self) -> "Worker":
        """Work until nothing waits and nothing is leased."""
        chance = random.Random(self.number)  # noqa: S311 - decides who dies
        while queue(self.services, self.client.tenant_id):
            for job in claim(self.client, max=chance.choice([1, 3, 10]), lease_seconds=3600):
                if chance.random() < DEATHS:
                    self.die(job, heard_of_again=chance.random() < 0.5)
                else:
                    self.finish(job)
        return self

    def finish(self, job: Json) -> None:
        """Record what the attempt made."""
        response = act(self.client, job, "succeed", attempt=job["attempt"], assets=[IMAGE])
        assert response.status_code == 200, response.text
        self.finished += body(response)["assets"]

    def die(self, job: Json, heard_of_again: bool) -> None:
        """Stop in the middle. The lease runs out; who is heard of again finds the job taken back, or not yet."""
        self.deaths += 1
        end_lease(self.services, self.client.tenant_id, job)
        if heard_of_again:
            response = act(self.client, job, "succeed", attempt=job["attempt"], assets=[IMAGE])
            self.refused += response.status_code == 409
            self.finished += body(response)["assets"] if response.status_code == 200 else []


def log_of(services: Services, tenant_id: UUID) -> list[Recorded]:
    """The tenant's whole log."""
    log = services.log.of(tenant_id)
    entries = log.recorder.select_notifications(1, 100_000)
    return [Recorded(log.mapper.to_domain_event(entry), entry.id, entry.effective_at) for entry in entries]


def test_32_workers_finish_1000_jobs_exactly_once_though_some_die(client: Client, services: Services) -> None:
    with ThreadPoolExecutor(WORKERS) as pool:
        jobs = {job["id"] for job in pool.map(lambda number: asked(client, run=f"r{number}"), range(JOBS))}
        workers = list(pool.map(lambda number: Worker(client, services, number).work(), range(WORKERS)))

    log = log_of(services, client.tenant_id)
    assert [recorded.position for recorded in log] == list(range(1, len(log) + 1))
    happened = Counter(recorded.event.TOPIC for recorded in log)
    succeeded = [recorded.event for recorded in log if isinstance(recorded.event, JobSucceeded)]
    assert {str(event.originator_id) for event in succeeded} == jobs
    assert len(succeeded) == happened["job.requested"] == happened["asset.created"] == JOBS
    assets = [str(asset_id) for event in succeeded for asset_id in event.assets]
    assert sorted(assets) == sorted(id_ for worker in workers for id_ in worker.finished)
    assert len(set(assets)) == JOBS
    assert happened["job.started"] == JOBS + happened["job.requeued"]
    assert 0 < happened["job.requeued"] <= sum(worker.deaths for worker in workers)
    check_attempts(log)
    assert queue(services, client.tenant_id) == {}
    assert client.page("/v1/jobs", status="succeeded", total=True, limit=1)["total"] == JOBS


def check_attempts(log: list[Recorded]) -> None:
    """Each job's attempts follow each other without a gap, each started once, and the last one succeeded."""
    attempt: dict[UUID, int] = {}
    for event in (recorded.event for recorded in log):
        match event:
            case JobRequested():
                attempt[event.originator_id] = 1
            case JobRequeued():
                attempt[event.originator_id] += 1
                assert event.attempt == attempt[event.originator_id]
            case JobStarted() | JobSucceeded():
                assert event.attempt == attempt[event.originator_id]
