"""Taking work looks at the work that is taken, however much waits or is leased."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

import infra.job_queue
from api.composition import Services
from infra.database import Database
from infra.sql import load_statements
from tests.conftest import new_tenant

FILL = """
INSERT INTO ledger.job_queue (tenant_id, job_id, attempt, media_kind, priority, lease_until)
SELECT %(tenant_id)s, gen_random_uuid(), 1, 'image', n %% 5,
       CASE WHEN n %% 2 = 0 THEN now() + n * interval '1 hour' END
  FROM generate_series(1, 4000) AS n
"""


@pytest.fixture
def busy(quiet: Services) -> UUID:
    """A tenant with thousands of jobs that wait, and as many that workers hold."""
    tenant = new_tenant(quiet)
    with quiet.database.transaction(tenant) as connection:
        connection.execute(FILL, {"tenant_id": tenant})
    return tenant


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def looked_at(database: Database, tenant: UUID, statement: str, **parameters: object) -> tuple[set[str], float]:
    """Which indexes a statement of the queue uses, and how many rows it looks at."""
    query = load_statements(infra.job_queue.__file__, "job_queue.sql")[statement]
    explain = sql.SQL("EXPLAIN (ANALYZE, FORMAT JSON) {}").format(sql.SQL(query))
    with database.transaction(tenant) as connection:
        ((explained,),) = connection.execute(explain, {"tenant_id": tenant, **parameters}).fetchall()
    scans = [node for node in nodes(explained[0]["Plan"]) if "Scan" in node["Node Type"]]
    rows = sum(node["Actual Rows"] + node.get("Rows Removed by Filter", 0) for node in scans)
    return {node["Index Name"] for node in scans if "Index Name" in node}, rows


def test_a_claim_looks_only_at_what_it_hands_out(quiet: Services, busy: UUID) -> None:
    indexes, rows = looked_at(quiet.database, busy, "available", media_kind="image", provider=None, limit=10)
    assert (indexes, rows) == ({"job_queue_waiting"}, 10)


def test_taking_back_looks_at_no_lease_that_holds(quiet: Services, busy: UUID) -> None:
    assert looked_at(quiet.database, busy, "expired") == ({"job_queue_leased"}, 0)
