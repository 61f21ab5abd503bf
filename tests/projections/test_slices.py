"""A log that is folded in slices has the rows of one that is folded in order, whoever folds them and whatever ends."""

from contextlib import suppress
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.reference import Reference
from infra.database import Database
from infra.databases import Databases
from infra.encryption_keys.store import KeyStore
from infra.event_log.mapper import SealingMapper
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.catalogue import CATALOGUE
from projections.engine.engine import REBUILD_BATCH, Engine
from projections.engine.follower import Follower
from projections.engine.rebuild import ProjectionStoppedError, fold_until, help_rebuild, rebuild
from projections.jobs.fold import JOBS
from projections.projection import OF_TENANTS, Projection
from projections.states import ASSET
from projections.statistics import rows as statistics_rows
from tests.conftest import KEK, context, new_tenant
from tests.infra.grouping import document
from tests.projections.mixed_history import record_everything
from tests.projections.tables import all_contents, catch_up, contents
from tests.projections.test_engine import positions, record
from tests.projections.test_resuming import CutShortError, indexes


class Reports(list[tuple[int, int]]):
    """The events folded and their total, as a rebuild reports them."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))


def slices(services: Services) -> int:
    """The number of slices that are left of all rebuilds."""
    with services.projector.connection() as connection:
        row = connection.execute("SELECT count(*) FROM read_models.slices").fetchone()
    return int(row[0]) if row else 0


def begin(services: Services, projection: Projection[Any], events_per_slice: int) -> None:
    """Begin a rebuild in slices of that size."""
    services.engine.slices.events_per_slice = events_per_slice
    services.engine.slices.begin_rebuild(projection, services.engine.tables)
    assert (slices(services) > 1) == (projection.sliced_by is not None)


@pytest.fixture
def live(quiet: Services) -> dict[str, bytes]:
    """The rows of two tenants' mixed histories, folded as they are when one follows."""
    for _ in range(2):
        record_everything(quiet, new_tenant(quiet))
    catch_up(quiet)
    assert not quiet.engine.progress.failures()
    return all_contents(quiet)


@pytest.fixture
def short_span(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums are remembered every seven positions."""
    monkeypatch.setattr(statistics_rows, "SPAN", 7)


@pytest.mark.usefixtures("short_span")
@pytest.mark.parametrize("events_per_slice", [2, 30, 110])
def test_rows_are_the_same_to_the_byte_whatever_the_slices(
    request: pytest.FixtureRequest, quiet: Services, events_per_slice: int
) -> None:
    live = request.getfixturevalue("live")
    for projection in CATALOGUE:
        begin(quiet, projection, events_per_slice)
        assert contents(quiet, projection) == b""
        reports = Reports()
        folded = rebuild(quiet.engine, projection, reports)
        assert reports[-1] == (folded, folded)
        assert reports == sorted(reports)
    assert all_contents(quiet) == live
    assert slices(quiet) == 0
    assert not quiet.engine.progress.failures()


def test_rows_of_a_sliced_read_model_follow_from_no_event_of_the_tenant() -> None:
    assert all(not projection.folds & OF_TENANTS for projection in CATALOGUE if projection.sliced_by == "originator")


def test_a_log_in_slices_is_held_back_from_batches_and_is_no_failure(quiet: Services, live: dict[str, bytes]) -> None:
    begin(quiet, ASSETS, 30)
    assert quiet.engine.step(ASSETS) == 0
    quiet.engine.progress.retry(ASSETS)
    assert quiet.engine.step(ASSETS) == 0
    assert not quiet.engine.tables.finish(ASSETS)
    assert {lag.state for lag in quiet.engine.progress.lag()} == {"ok"}
    assert not quiet.engine.progress.failures()
    assert contents(quiet, ASSETS) == b""
    rebuild(quiet.engine, ASSETS)
    assert all_contents(quiet) == live


def test_writes_after_a_log_was_cut_are_included(quiet: Services, live: dict[str, bytes]) -> None:
    begin(quiet, ASSETS, 30)
    _, row, *_ = live["assets"].split(b"\n")
    tenant_id, asset_id = (UUID(column.decode()) for column in row.split(b"\t")[:2])
    log = quiet.log.of(tenant_id)
    log.change(asset_id, ASSET, lambda state: state.asset.link(context(), (Reference(kind="message", id="late"),)))
    record(quiet, tenant_id, 3)
    rebuild(quiet.engine, ASSETS)
    rebuilt = contents(quiet, ASSETS)
    assert rebuilt.count(b"\n") == live["assets"].count(b"\n") + 3
    assert b"message:late" in rebuilt
    quiet.engine.tables.reset(ASSETS)
    catch_up(quiet)
    assert contents(quiet, ASSETS) == rebuilt


@pytest.mark.parametrize("point", ["claimed", "written", "advanced", "committed"])
def test_a_rebuild_in_slices_cut_short_at_any_point_is_resumed(
    quiet: Services, live: dict[str, bytes], point: str
) -> None:
    all_indexes = indexes(quiet)
    begin(quiet, ASSETS, 30)
    stages: list[str] = []

    def on_stage(stage: str) -> None:
        stages.append(stage)
        if stages.count(point) == 2:
            raise CutShortError

    with suppress(CutShortError):
        rebuild(Engine(quiet.projector, quiet.log.of(uuid7()).mapper, CATALOGUE, on_stage), ASSETS)
    assert quiet.engine.tables.rebuilding(ASSETS)
    reports = Reports()
    rebuild(quiet.engine, ASSETS, reports)
    assert 0 < reports[0][0] < reports[0][1]
    assert all_contents(quiet) == live
    assert indexes(quiet) == all_indexes


def test_a_rebuild_is_started_over_in_the_midst_of_its_slices(quiet: Services, live: dict[str, bytes]) -> None:
    begin(quiet, ASSETS, 30)
    assert quiet.engine.step(ASSETS, REBUILD_BATCH) > 0
    reports = Reports()
    rebuild(quiet.engine, ASSETS, reports, restart=True)
    assert reports[0][0] == 0
    assert all_contents(quiet) == live


def test_a_follower_carries_slices_to_their_end(quiet: Services, live: dict[str, bytes]) -> None:
    begin(quiet, ASSETS, 30)
    with Follower(quiet.engine):
        while quiet.engine.tables.rebuilding(ASSETS):
            pass
    assert all_contents(quiet) == live


def test_whoever_helps_goes_until_the_rebuild_has_ended_or_is_not_wanted(
    quiet: Services, live: dict[str, bytes]
) -> None:
    begin(quiet, ASSETS, 30)
    help_rebuild(quiet.engine, ASSETS, lambda: slices(quiet) > 0)
    assert quiet.engine.tables.rebuilding(ASSETS)
    rebuild(quiet.engine, ASSETS)
    help_rebuild(quiet.engine, ASSETS, lambda: True)
    assert all_contents(quiet) == live


def test_one_tenant_catches_up_whose_log_is_in_slices(quiet: Services, live: dict[str, bytes]) -> None:
    begin(quiet, ASSETS, 30)
    first, other = positions(quiet, ASSETS)
    head = quiet.log.of(first).head()
    fold_until(quiet.engine, quiet.database, first, [ASSETS], head)
    assert positions(quiet, ASSETS) == {first: head, other: 0}
    rebuild(quiet.engine, ASSETS)
    assert all_contents(quiet) == live


@pytest.mark.parametrize("projection", [ASSETS, AUDIT_TRAIL], ids=lambda projection: projection.name)
def test_a_poison_event_stops_its_tenant_where_it_does_in_order(quiet: Services, projection: Projection[Any]) -> None:
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    record(quiet, sick, 30)
    id_, topic = uuid7(), "asset.exploded"
    quiet.log.of(sick).recorder.insert_events([StoredEvent(id_, 1, topic, document(sick, id_, 1, topic))])
    record(quiet, sick, 5)
    record(quiet, healthy, 30)
    catch_up(quiet)
    live = contents(quiet, projection)
    failures = [failure for failure in quiet.engine.progress.failures() if failure.projection == projection.name]
    begin(quiet, projection, 10)
    with pytest.raises(ProjectionStoppedError, match="position 32"):
        rebuild(quiet.engine, projection)
    assert positions(quiet, projection) == {sick: 31, healthy: 31}
    rebuilt_failures = [f for f in quiet.engine.progress.failures() if f.projection == projection.name]
    assert rebuilt_failures == failures
    assert contents(quiet, projection) == live
    assert slices(quiet) == 0


@pytest.mark.parametrize("projection", [ASSETS, AUDIT_TRAIL], ids=lambda projection: projection.name)
def test_a_missing_entry_stops_its_tenant_where_it_does_in_order(
    quiet: Services, databases: Databases, projection: Projection[Any]
) -> None:
    tenant = new_tenant(quiet)
    record(quiet, tenant, 30)
    superuser = make_conninfo(str(databases.owner), user="postgres")
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # no triggers
        connection.execute("DELETE FROM ledger.events WHERE tenant_id = %s AND position = 17", (tenant,))
    begin(quiet, projection, 10)
    with pytest.raises(ProjectionStoppedError, match="position 17"):
        rebuild(quiet.engine, projection)
    assert positions(quiet, projection) == {tenant: 16}


def test_a_key_that_cannot_be_had_holds_back_its_tenant_only_until_it_is_there(
    quiet: Services, databases: Databases
) -> None:
    tenant, other = new_tenant(quiet), new_tenant(quiet)
    for tenant_id in (tenant, other):
        record(quiet, tenant_id, 30)
    rename = "UPDATE keys.subject_keys SET subject = %s WHERE tenant_id = %s AND subject = %s"
    with psycopg.connect(str(databases.keys_owner), autocommit=True) as owner, Database(databases.keys) as keys:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute(rename, ("away", tenant, ""))
        engine = Engine(quiet.projector, SealingMapper(KeyStore(keys, KEK)), [ASSETS])
        engine.slices.events_per_slice = 10
        with pytest.raises(ProjectionStoppedError, match="position 2"):
            rebuild(engine, ASSETS)
        assert positions(quiet, ASSETS) == {tenant: 1, other: 31}
        owner.execute(rename, ("", tenant, "away"))
        engine.step(ASSETS)
    assert positions(quiet, ASSETS) == {tenant: 31, other: 31}
    assert contents(quiet, ASSETS).count(b"\n") == 60


def test_what_a_read_model_leaves_out_needs_no_key_but_is_where_it_was_appended(
    quiet: Services, databases: Databases
) -> None:
    tenant = new_tenant(quiet)
    record(quiet, tenant, 30)
    with psycopg.connect(str(databases.keys_owner), autocommit=True) as owner, Database(databases.keys) as keys:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute("UPDATE keys.subject_keys SET subject = 'away' WHERE tenant_id = %s", (tenant,))
        engine = Engine(quiet.projector, SealingMapper(KeyStore(keys, KEK)), CATALOGUE)
        engine.slices.events_per_slice = 10
        assert rebuild(engine, JOBS) == 31
    with psycopg.connect(make_conninfo(str(databases.owner), user="postgres"), autocommit=True) as superuser:
        superuser.execute("SET session_replication_role = replica")  # no triggers
        superuser.execute("UPDATE ledger.events SET originator_version = 2 WHERE position = 17")
    begin(quiet, JOBS, 10)
    with pytest.raises(ProjectionStoppedError, match="position 17"):
        rebuild(quiet.engine, JOBS)
