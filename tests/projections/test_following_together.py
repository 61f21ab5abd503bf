"""Projections that follow live fold a batch together, and none of them holds up or harms another one."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import repeat
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.event import Event, Recorded
from infra.database import Database
from infra.databases import Databases
from infra.encryption_keys.store import KeyStore
from infra.event_log.fold_reader import FoldReader
from infra.event_log.mapper import SealingMapper, Stored
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.catalogue import CATALOGUE, PROJECTIONS
from projections.engine.engine import FOLLOW_BATCH, STAGES, Engine
from projections.engine.rebuild import rebuild
from projections.jobs.fold import JOBS
from projections.projection import Changes, Key, Projection
from tests.conftest import KEK, context, new_tenant
from tests.projections.mixed_history import record_everything
from tests.projections.tables import all_contents, catch_up, contents
from tests.projections.test_engine import IMAGE, poisoned, positions, record
from tests.projections.test_quarantine import POISON, lag_of, set_aside
from tests.projections.test_refused_rows import INDEXES, LARGE, TABLES, NameRow, fold
from tests.projections.test_refused_rows import record as record_named
from tests.projections.test_resuming import CutShortError, cut_short_at

__all__ = ["poisoned"]

FOLLOWERS = 3


def follow(engine: Engine, projections: Sequence[Projection[Any]] = CATALOGUE) -> None:
    """Fold all that there is, in as many batches as that takes."""
    while engine.follow(projections):
        pass


def engine_of(services: Services, *projections: Projection[Any]) -> tuple[Engine, list[str]]:
    """An engine with projections of its own, and the stages that it has passed."""
    stages: list[str] = []
    return Engine(services.projector, SealingMapper(services.encryption_keys), projections, stages.append), stages


def standings(services: Services, tenant_id: UUID) -> dict[str, int]:
    """Where each projection stands in the tenant's log."""
    return {lag.projection: lag.position for lag in services.engine.progress.lag() if lag.tenant_id == tenant_id}


def record_at_once(services: Services, tenant_id: UUID, count: int) -> None:
    """Record so many assets in one append."""
    log = services.log.of(tenant_id)
    log.record(*(creation.create(context(), tenant_id, uuid7(), IMAGE) for _ in range(count)))


def test_all_projections_take_one_transaction_and_read_each_entry_once(
    quiet: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries: list[Stored] = []
    read = FoldReader.read

    def counted(reader: FoldReader, tenant_id: UUID, stored: Stored) -> Event:
        entries.append(stored)
        return read(reader, tenant_id, stored)

    monkeypatch.setattr(FoldReader, "read", counted)
    tenants = [new_tenant(quiet) for _ in range(3)]
    for tenant in tenants:
        record(quiet, tenant, 4)
    stages: list[str] = []
    engine = Engine(quiet.projector, SealingMapper(quiet.encryption_keys), CATALOGUE, stages.append)
    engine.progress.enrol()
    assert engine.follow(CATALOGUE) == len(CATALOGUE) * 3 * 5
    assert (stages, len(entries)) == (list(STAGES), 3 * 5)
    assert engine.follow(CATALOGUE) == 0
    assert {lag.behind for lag in engine.progress.lag()} == {0}


def test_projections_that_stand_near_each_other_meet_at_the_head(quiet: Services) -> None:
    tenant = new_tenant(quiet)
    record(quiet, tenant, 10)
    quiet.engine.progress.enrol()
    for limit, projection in enumerate(PROJECTIONS.values(), 1):
        quiet.engine.step(projection, limit)
    assert len(set(standings(quiet, tenant).values())) == len(CATALOGUE)
    engine, stages = engine_of(quiet, *CATALOGUE)
    engine.follow(CATALOGUE)
    assert stages == list(STAGES)
    assert set(standings(quiet, tenant).values()) == {11}
    assert quiet.engine.progress.miscounted() == []


def test_a_projection_that_is_far_behind_holds_up_no_other_one_and_catches_up(quiet: Services) -> None:
    tenant = new_tenant(quiet)
    record_at_once(quiet, tenant, 3 * FOLLOW_BATCH)
    quiet.engine.progress.enrol()
    ahead = [projection for projection in CATALOGUE if projection is not ASSETS]
    follow(quiet.engine, ahead)
    record(quiet, tenant)
    head = 3 * FOLLOW_BATCH + 2
    quiet.engine.follow(CATALOGUE)
    assert standings(quiet, tenant) == dict.fromkeys((p.name for p in ahead), head) | {"assets": FOLLOW_BATCH}
    follow(quiet.engine)
    assert set(standings(quiet, tenant).values()) == {head}
    live = all_contents(quiet)
    rebuild(quiet.engine, ASSETS)
    assert all_contents(quiet) == live


@pytest.mark.parametrize("point", STAGES)
def test_a_batch_that_is_cut_short_anywhere_is_folded_once(quiet: Services, point: str) -> None:
    tenant = new_tenant(quiet)
    record_everything(quiet, tenant, 3)
    quiet.engine.progress.enrol()
    quiet.engine.step(ASSETS, 10)
    with suppress(CutShortError):
        cut_short_at(quiet, point).follow(CATALOGUE)
    head = quiet.log.of(tenant).head()
    untouched = dict.fromkeys((p.name for p in CATALOGUE), 0) | {"assets": 10}
    ended = dict.fromkeys(untouched, head)
    assert standings(quiet, tenant) == (ended if point == "committed" else untouched)
    follow(quiet.engine)
    assert standings(quiet, tenant) == ended
    assert quiet.engine.progress.miscounted() == []
    live = all_contents(quiet)
    for projection in CATALOGUE:
        rebuild(quiet.engine, projection)
    assert all_contents(quiet) == live


@given(
    counts=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    steps=st.lists(st.tuples(st.sampled_from(CATALOGUE), st.sampled_from([1, 3, 40])), max_size=8),
)
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_several_followers_fold_every_event_once_wherever_the_projections_stand(
    quiet: Services, counts: list[int], steps: list[tuple[Projection[Any], int]]
) -> None:
    tenants = [new_tenant(quiet) for _ in counts]
    for tenant, assets in zip(tenants, counts, strict=True):
        record_everything(quiet, tenant, assets)
    quiet.engine.progress.enrol()
    for projection, limit in steps:
        quiet.engine.step(projection, limit)
    errors: list[BaseException] = []

    def run() -> None:
        try:
            follow(quiet.engine)
        except BaseException as error:  # noqa: BLE001 - the test's own thread looks at it
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(FOLLOWERS)]
    for thread in threads:
        thread.start()
    for tenant in tenants:
        record(quiet, tenant, 5)
    for thread in threads:
        thread.join()
    follow(quiet.engine)
    assert errors == []
    assert {lag.behind for lag in quiet.engine.progress.lag()} == {0}
    assert quiet.engine.progress.miscounted() == []
    live = all_contents(quiet)
    for projection in CATALOGUE:
        rebuild(quiet.engine, projection)
    assert all_contents(quiet) == live


def test_an_event_that_one_projection_cannot_fold_stops_that_one_only(quiet: Services) -> None:
    def fold(rows: Mapping[Key, Any], recorded: Recorded) -> Changes[Any]:
        if (recorded.position, recorded.event.envelope.tenant_id) == (3, sick):
            raise ZeroDivisionError("a bug in a fold")
        return JOBS.fold(rows, recorded)

    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    for tenant in (sick, healthy):
        record(quiet, tenant, 5)
    projections = [replace(JOBS, fold=fold) if projection is JOBS else projection for projection in CATALOGUE]
    engine, stages = engine_of(quiet, *projections)
    engine.progress.enrol()
    engine.follow(projections)
    assert stages == list(STAGES)
    others = dict.fromkeys((p.name for p in CATALOGUE), 6)
    assert standings(quiet, sick) == others | {"jobs": 2}
    assert standings(quiet, healthy) == others
    assert [(f.projection, f.tenant_id, f.position) for f in engine.progress.failures()] == [("jobs", sick, 2)]
    assert engine.follow(projections) == 0
    quiet.engine.progress.retry(JOBS)
    follow(quiet.engine)
    assert standings(quiet, sick) == others
    assert quiet.engine.progress.miscounted() == []


def test_a_row_that_is_refused_stops_its_projection_only(quiet: Services, tmp_path: Path) -> None:
    (tmp_path / "tables.sql").write_text(TABLES)
    (tmp_path / "indexes.sql").write_text(INDEXES)
    names = Projection("names", 1, NameRow, {"tenant_id": "uuid", "position": "bigint"}, fold, tmp_path)
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    engine, _ = engine_of(quiet, names, *CATALOGUE)
    engine.tables.install()
    record_named(quiet, sick, *[{}] * 10, LARGE, *[{}] * 5)
    record_named(quiet, healthy, *[{}] * 10)
    engine.tables.reset(names, indexed=True)
    engine.progress.enrol()
    follow(engine, engine.projections)
    heads = {sick: 17, healthy: 11}
    assert [positions(quiet, projection) for projection in CATALOGUE] == list(repeat(heads, len(CATALOGUE)))
    assert {lag.tenant_id: lag.position for lag in engine.progress.lag() if lag.projection == "names"} == {
        sick: 11,
        healthy: 11,
    }
    assert [(f.projection, f.tenant_id, f.position) for f in engine.progress.failures()] == [("names", sick, 11)]
    assert engine.progress.miscounted() == []


def test_an_entry_that_cannot_be_read_stops_those_that_come_to_it_and_no_others(
    quiet: Services, poisoned: tuple[UUID, UUID]
) -> None:
    sick, _ = poisoned
    set_aside(quiet, sick, POISON, AUDIT_TRAIL)
    quiet.engine.progress.retry(ASSETS)
    follow(quiet.engine)
    stopped = {
        lag.projection: (lag.position, lag.failed_position)
        for lag in quiet.engine.progress.lag()
        if lag.tenant_id == sick
    }
    assert stopped == {p.name: (2, POISON) for p in CATALOGUE} | {"audit_trail": (5, None)}
    assert (lag_of(quiet, sick, AUDIT_TRAIL).state, quiet.engine.progress.miscounted()) == ("ok", [])


def test_a_key_that_is_away_holds_back_its_tenant_only_until_it_is_there(quiet: Services, databases: Databases) -> None:
    tenant, other = new_tenant(quiet), new_tenant(quiet)
    for each in (tenant, other):
        record(quiet, each)
    move = "UPDATE keys.subject_keys SET subject = %s WHERE tenant_id = %s AND subject = %s"
    with psycopg.connect(str(databases.keys_owner), autocommit=True) as owner, Database(databases.keys) as keys:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute(move, ("away", tenant, ""))
        engine = Engine(quiet.projector, SealingMapper(KeyStore(keys, KEK)), CATALOGUE)
        engine.progress.enrol()
        engine.follow(CATALOGUE)
        assert engine.follow(CATALOGUE, waiting=False) == 0
        assert set(standings(quiet, tenant).values()) == {1}
        assert set(standings(quiet, other).values()) == {2}
        assert {failure.tenant_id for failure in engine.progress.failures()} == {tenant}
        owner.execute(move, ("", tenant, "away"))
        engine.follow(CATALOGUE)
    assert set(standings(quiet, tenant).values()) == {2}
    assert engine.progress.failures() == []


def test_what_is_folded_together_is_what_each_projection_folds_alone(quiet: Services) -> None:
    for _ in range(2):
        record_everything(quiet, new_tenant(quiet))
    quiet.engine.progress.enrol()
    follow(quiet.engine)
    together = all_contents(quiet)
    for projection in CATALOGUE:
        quiet.engine.tables.reset(projection, indexed=True)
    assert contents(quiet, ASSETS) == b""
    catch_up(quiet)
    assert all_contents(quiet) == together
