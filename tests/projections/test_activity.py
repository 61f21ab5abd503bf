"""A follower of many quiet tenants asks next to nothing, and misses nothing."""

import time
from collections.abc import Callable

import psycopg
import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.asset.inputs import NewAsset
from infra.databases import Databases
from infra.event_log.mapper import SealingMapper
from projections.assets.fold import ASSETS
from projections.engine.engine import Engine
from projections.engine.follower import FULL_CHECK_INTERVAL, Follower
from projections.engine.progress import Activity, Pending, Progress
from tests.conftest import context, new_tenant
from tests.projections.tables import catch_up

TENANTS = 10_000


class CountedProgress(Progress):
    """Checkpoints that count how often they are asked for the activity, and for all pending work."""

    counts = looks = 0

    def activity(self) -> Activity:
        self.counts += 1
        return super().activity()

    def pending(self, *, waiting: bool = True) -> list[Pending]:
        self.looks += 1
        return super().pending(waiting=waiting)


def counted(services: Services) -> tuple[Engine, CountedProgress]:
    """An engine whose progress is counted."""
    engine = Engine(services.projector, SealingMapper(services.encryption_keys), services.engine.projections)
    engine.progress = progress = CountedProgress(services.projector, engine.projections)
    return engine, progress


def until(condition: Callable[[], bool], seconds: float = FULL_CHECK_INTERVAL / 2) -> None:
    """Wait for what must come sooner than a follower looks anyway."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def record(services: Services) -> None:
    """Something for the projections to fold."""
    tenant = new_tenant(services)
    new = NewAsset.model_validate({"media": {"media_kind": "file"}})
    services.log.of(tenant).record(creation.create(context(), tenant, uuid7(), new))


def test_an_idle_follower_looks_once_and_then_asks_for_activity_only(quiet: Services) -> None:
    record(quiet)
    catch_up(quiet)
    engine, progress = counted(quiet)
    with Follower(engine):
        until(lambda: progress.counts >= 8)
        assert progress.looks == 1


def test_every_change_is_noticed_by_a_follower_that_nobody_wakes(quiet: Services) -> None:
    record(quiet)
    catch_up(quiet)
    engine, progress = counted(quiet)
    with Follower(engine):
        until(lambda: progress.counts >= 3)
        changes: list[Callable[[], None]] = [
            lambda: record(quiet),
            lambda: enter(quiet),
            lambda: quiet.engine.tables.reset(ASSETS),
            lambda: stop(quiet),
            lambda: quiet.engine.progress.retry(ASSETS),
        ]
        for change in changes:
            looks, counts = progress.looks, progress.counts
            change()
            until(lambda looks=looks: progress.looks > looks)  # type: ignore[misc]
            until(lambda: not any(quiet.engine.progress.backlog(p) for p in quiet.engine.projections))
            until(lambda counts=counts: progress.counts > counts + 3)  # type: ignore[misc]
        assert not quiet.engine.tables.rebuilding(ASSETS)


def enter(services: Services) -> None:
    """A new tenant."""
    new_tenant(services)


def stop(services: Services) -> None:
    """Stop a projection for all its tenants."""
    with services.projector.connection() as connection:
        connection.execute(
            "UPDATE read_models.progress SET failed_position = 1, failure = 'test' WHERE projection = 'assets'"
        )


def test_the_activity_of_many_tenants_reads_no_page_of_their_progress(quiet: Services, databases: Databases) -> None:
    assert databases.owner is not None
    with psycopg.connect(databases.owner, autocommit=True) as owner:
        owner.execute(
            "INSERT INTO ledger.log_heads (tenant_id, position, effective_at)"
            " SELECT md5(n::text)::uuid, 17, now() FROM generate_series(1, %s) AS n",
            (TENANTS,),
        )
    quiet.engine.progress.enrol()
    with quiet.projector.connection() as connection:
        connection.execute("UPDATE read_models.progress SET position = 17")
        for table in (("read_models", "progress"), ("ledger", "log_heads")):
            if table[0] == "read_models":
                connection.execute(sql.SQL("VACUUM ANALYZE {}").format(sql.Identifier(*table)))
    activity = quiet.engine.progress.activity()
    assert (activity.positions, activity.tenants, activity.waiting) == (17 * TENANTS, TENANTS, False)
    with quiet.projector.transaction() as connection:
        connection.execute("SELECT 1")
        before = pages(connection)
        quiet.engine.progress.activity()
        assert pages(connection) - before <= TENANTS / 50


def pages(connection: psycopg.Connection[tuple[object, ...]]) -> int:
    """How many pages the transaction has read of heads and progress."""
    statement = (
        "SELECT coalesce(sum(pg_stat_get_xact_blocks_fetched(c.oid)), 0)::bigint FROM pg_class AS c"
        " WHERE c.relnamespace IN ('read_models'::regnamespace, 'ledger'::regnamespace) AND c.relkind IN ('r', 'i')"
    )
    ((fetched,),) = connection.execute(statement).fetchall()
    assert isinstance(fetched, int)
    return fetched


@pytest.mark.parametrize("waiting", [True, False])
def test_the_activity_shows_tenants_that_wait_for_a_key(quiet: Services, *, waiting: bool) -> None:
    record(quiet)
    catch_up(quiet)
    with quiet.projector.connection() as connection:
        connection.execute(
            "UPDATE read_models.progress SET failure = 'test', failed_position = CASE WHEN %s THEN NULL ELSE 1 END"
            " WHERE projection = 'assets'",
            (waiting,),
        )
    activity = quiet.engine.progress.activity()
    assert (activity.waiting, activity.failures) == (waiting, 1)
