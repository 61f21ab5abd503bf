"""Jobs whose workers are lost are taken back by a clock, and no tenant holds another back."""

from collections.abc import Callable

import psycopg
import pytest
from structlog.testing import capture_logs

from api.application.jobs import Jobs
from api.composition import Services
from api.workers.lease_watch import LeaseWatch
from api.workers.worker import own_session
from domain.job.inputs import NewJob
from infra.databases import Databases
from tests.conftest import new_tenant
from tests.http.job_requests import Json, end_lease


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
    abandoned_jobs = [abandoned() for _ in range(3)]
    with LeaseWatch(quiet):
        for jobs, job in abandoned_jobs:
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
