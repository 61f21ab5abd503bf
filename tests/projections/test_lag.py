"""How far projections are behind, for how long, and where they have stopped: shown, and logged now and then."""

import re
from datetime import timedelta
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql
from structlog.testing import capture_logs
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from infra.databases import Databases
from projections.assets.fold import ASSETS
from projections.checkpoints import lags
from projections.engine import progress
from projections.engine.lag_log import INTERVAL, LATE_SECONDS, LagLog
from projections.served_builds import EVERYBODY
from tests.conftest import context, empty_log, new_tenant
from tests.projections.tables import catch_up
from tests.projections.test_engine import IMAGE, poisoned, record
from tests.projections.test_query_plans import nodes

__all__ = ["poisoned"]

TENANTS = 10_000
AGO = timedelta(hours=1)


def late_tenant(services: Services) -> UUID:
    """A tenant whose only event is an hour old, and not folded yet."""
    tenant_id = empty_log(services)
    circumstances = context()
    earlier = circumstances.model_copy(update={"recorded_at": circumstances.recorded_at - AGO})
    services.log.of(tenant_id).record(creation.create(earlier, tenant_id, uuid7(), IMAGE))
    services.engine.progress.enrol()
    return tenant_id


def test_the_age_of_the_oldest_event_that_is_not_folded_is_shown(quiet: Services) -> None:
    late, other = late_tenant(quiet), new_tenant(quiet)
    record(quiet, late)
    quiet.engine.progress.enrol()
    for lag in quiet.engine.progress.lag():
        assert lag.seconds is not None
        assert (lag.seconds >= AGO.total_seconds()) == (lag.tenant_id == late)
    for lag in lags(quiet.database, late, [ASSETS]):
        assert (lag.position, lag.head, lag.tenant_id) == (0, 2, late)
        assert lag.seconds is not None
        assert AGO.total_seconds() <= lag.seconds < AGO.total_seconds() + 600
    catch_up(quiet)
    assert {lag.seconds for lag in quiet.engine.progress.lag()} == {None}
    assert {(lag.behind, lag.seconds) for lag in lags(quiet.database, other, [ASSETS])} == {(0, None)}


def test_before_a_first_batch_all_events_are_to_be_folded(quiet: Services) -> None:
    tenant_id = new_tenant(quiet)

    (lag,) = lags(quiet.database, tenant_id, [ASSETS])

    assert (lag.position, lag.head, lag.behind, lag.failure) == (0, 1, 1, None)


def test_each_tenant_s_own_lag_is_shown_to_it(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, healthy = poisoned

    (of_sick,), (of_healthy,) = lags(quiet.database, sick, [ASSETS]), lags(quiet.database, healthy, [ASSETS])

    assert (of_sick.tenant_id, of_sick.position, of_sick.head, of_sick.failed_position) == (sick, 2, 4, 3)
    assert of_sick.failure is not None
    assert (of_healthy.tenant_id, of_healthy.behind, of_healthy.failed_position) == (healthy, 0, None)


def test_who_has_stopped_or_is_late_is_logged_once_a_minute(quiet: Services, poisoned: tuple[UUID, UUID]) -> None:
    sick, _ = poisoned
    late = late_tenant(quiet)
    new_tenant(quiet)
    projections, now = len(quiet.engine.projections), 0.0
    log = LagLog(quiet.engine.progress, lambda: now)

    with capture_logs() as entries:
        for failures in (projections, projections, 0, projections):
            log.look(failures)
    assert len(entries) == 2 * projections
    assert {(entry["tenant_id"], entry["stopped_at"]) for entry in entries} == {(str(sick), 3), (str(late), None)}
    (stopped,) = (entry for entry in entries if (entry["tenant_id"], entry["projection"]) == (str(sick), "assets"))
    assert (stopped["position"], stopped["head"], stopped["version"]) == (2, 4, ASSETS.version)
    assert "asset.exploded" in stopped["failure"]

    now = INTERVAL - 1
    with capture_logs() as entries:
        log.look(0)
    assert entries == []
    now = INTERVAL
    with capture_logs() as entries:
        log.look(projections)
    assert len(entries) == 2 * projections


def test_only_the_first_line_of_a_failure_is_logged(quiet: Services) -> None:
    late_tenant(quiet)
    with quiet.projector.connection() as connection:
        connection.execute("UPDATE read_models.progress SET failure = E'DataError: no\\nDETAIL: a whole row'")
    with capture_logs() as entries:
        LagLog(quiet.engine.progress).look(1)
    assert {entry["failure"] for entry in entries} == {"DataError: no"}


def test_a_read_model_that_is_rebuilt_is_not_late(quiet: Services) -> None:
    late_tenant(quiet)
    for projection in quiet.engine.projections:
        quiet.engine.tables.reset(projection)

    assert quiet.engine.progress.late(LATE_SECONDS, 100) == []


FILL = """
WITH numbers AS (SELECT md5(n::text)::uuid AS id, n FROM generate_series(1, %(tenants)s) AS n), heads AS (
    INSERT INTO ledger.log_heads (tenant_id, position, effective_at) SELECT id, 3, now() FROM numbers
), tenants AS (
    INSERT INTO ledger.tenants (tenant_id, name, created_at) SELECT id, 'crowd-' || n, now() FROM numbers
)
INSERT INTO ledger.events (tenant_id, position, originator_id, originator_version, topic, effective_at, entry)
SELECT id, position, id, position, 'asset.exploded', now() - interval '1 hour', ''
  FROM numbers CROSS JOIN generate_series(1, 3) AS position
"""


def test_the_age_is_looked_up_by_position_with_ten_thousand_tenants(quiet: Services, databases: Databases) -> None:
    assert databases.owner is not None
    with psycopg.connect(databases.owner, autocommit=True) as owner:
        owner.execute(FILL, {"tenants": TENANTS})
        for table in ("events", "log_heads", "tenants"):
            owner.execute(sql.SQL("ANALYZE {}").format(sql.Identifier("ledger", table)))
    quiet.engine.progress.enrol()
    with quiet.projector.connection() as connection:
        connection.execute("ANALYZE read_models.progress")
    versions = {p.name: p.version for p in quiet.engine.projections}
    every: dict[str, Any] = {
        "projections": list(versions),
        "versions": list(versions.values()),
        "read_models": list(versions),
        "everybody": EVERYBODY,
    }
    with quiet.projector.connection() as connection:
        for name in ("lag", "late"):
            look_up_by_position(connection, progress._SQL[name], every | {"seconds": 10.0, "most": 100})
    assert len(quiet.engine.progress.late(LATE_SECONDS, 100)) == 100


def look_up_by_position(
    connection: psycopg.Connection[Any], statement: LiteralString, parameters: dict[str, Any]
) -> None:
    """The statement finds the events by the columns of their primary key."""
    explain = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(sql.SQL(statement))
    ((explained,),) = connection.execute(explain, parameters).fetchall()
    reads = [node for node in nodes(explained[0]["Plan"]) if node.get("Relation Name") == "events"]
    conditions = [str(node.get("Index Cond") or node.get("Recheck Cond")) for node in reads]
    assert reads
    assert all({"tenant_id", "position"} <= set(pieces(condition)) for condition in conditions), reads


def pieces(condition: str) -> list[str]:
    """The words of a condition."""
    return re.findall(r"\w+", condition)
