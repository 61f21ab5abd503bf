"""Exactly once with any number of workers; an event that cannot be folded stops its tenant, and says so."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.asset.events import AssetSoftDeleted
from domain.asset.inputs import NewAsset
from domain.event import Envelope, Recorded
from infra.database import Database
from infra.databases import Databases
from infra.encryption_keys.store import KeyStore
from infra.event_log.mapper import SealingMapper
from projections.assets.fold import ASSETS, AssetRow
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.engine.engine import Engine
from projections.engine.follower import Follower
from projections.engine.rebuild import ProjectionStoppedError, fold_until, rebuild
from projections.projection import Changes, Key, Projection
from projections.statistics.fold import STATISTICS
from tests.conftest import KEK, context, new_tenant
from tests.infra.grouping import document
from tests.projections.tables import all_contents, catch_up, contents

IMAGE = NewAsset.model_validate({"media": {"media_kind": "image"}, "name": "Castle", "tags": ["a"]})


def record(services: Services, tenant_id: UUID, count: int = 1) -> None:
    """Record assets in one tenant."""
    for _ in range(count):
        services.log.of(tenant_id).record(creation.create(context(), tenant_id, uuid7(), IMAGE))


def positions(services: Services, projection: Projection[Any]) -> dict[UUID, int]:
    """How far each tenant is folded."""
    return {lag.tenant_id: lag.position for lag in services.engine.progress.lag() if lag.projection == projection.name}


def test_many_workers_apply_every_event_exactly_once(quiet: Services) -> None:
    tenants = [new_tenant(quiet) for _ in range(5)]
    followers = [Follower(quiet.engine) for _ in range(4)]
    threads = [threading.Thread(target=follower.run) for follower in followers]
    for thread in threads:
        thread.start()
    for _ in range(20):
        for tenant in tenants:
            record(quiet, tenant)
    for follower, thread in zip(followers, threads, strict=True):
        follower.stop()
        thread.join()
    catch_up(quiet)
    live = all_contents(quiet)
    assert positions(quiet, AUDIT_TRAIL) == dict.fromkeys(tenants, 21)
    assert live["audit_trail"].count(b"\n") == 5 * 21
    for projection in quiet.engine.projections:
        rebuild(quiet.engine, projection)
    assert all_contents(quiet) == live


def test_one_transaction_takes_the_progress_of_many_tenants(quiet: Services) -> None:
    for _ in range(30):
        record(quiet, new_tenant(quiet))
    quiet.engine.progress.enrol()
    assert quiet.engine.step(ASSETS) == 60
    assert quiet.engine.step(ASSETS) == 0


@pytest.fixture
def poisoned(quiet: Services) -> tuple[UUID, UUID]:
    """A tenant whose third entry no version of the software ever wrote, and a healthy one."""
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    record(quiet, sick)
    id_, topic = uuid7(), "asset.exploded"
    quiet.log.of(sick).recorder.insert_events([StoredEvent(id_, 1, topic, document(sick, id_, 1, topic))])
    record(quiet, sick)
    record(quiet, healthy, 3)
    catch_up(quiet)
    return sick, healthy


def test_an_event_that_cannot_be_read_stops_its_tenant_only_and_says_where(
    quiet: Services, poisoned: tuple[UUID, UUID]
) -> None:
    sick, healthy = poisoned
    assert positions(quiet, ASSETS) == {sick: 2, healthy: 4}
    failures = {
        (failure.projection, failure.tenant_id, failure.position) for failure in quiet.engine.progress.failures()
    }
    assert failures == {(projection.name, sick, 2) for projection in quiet.engine.projections}
    assert contents(quiet, ASSETS).count(b"\n") == 4


def test_a_stopped_projection_does_not_go_on_by_itself_and_retries_when_told(
    quiet: Services, poisoned: tuple[UUID, UUID]
) -> None:
    sick, _ = poisoned
    assert quiet.engine.step(ASSETS) == 0
    quiet.engine.progress.retry(ASSETS)
    quiet.engine.step(ASSETS)
    assert positions(quiet, ASSETS)[sick] == 2
    with pytest.raises(ProjectionStoppedError, match="position 3"):
        rebuild(quiet.engine, ASSETS)


def test_a_fold_that_fails_stops_before_the_event_and_keeps_what_came_before(quiet: Services) -> None:
    def fold(rows: Mapping[Key, AssetRow], recorded: Recorded) -> Changes[AssetRow]:
        if recorded.position == 3:
            raise ZeroDivisionError("a bug in a fold")
        return ASSETS.fold(rows, recorded)

    tenant = new_tenant(quiet)
    record(quiet, tenant, 3)
    broken = replace(ASSETS, fold=fold)
    quiet.engine.progress.enrol()
    quiet.engine.step(broken)
    assert positions(quiet, ASSETS) == {tenant: 2}
    assert contents(quiet, ASSETS).count(b"\n") == 1
    assert quiet.engine.progress.failures()[0].failure == "ZeroDivisionError: a bug in a fold"
    quiet.engine.progress.retry(ASSETS)
    catch_up(quiet)
    assert contents(quiet, ASSETS).count(b"\n") == 3
    assert quiet.engine.progress.failures() == []


def test_a_key_that_cannot_be_had_holds_back_its_tenant_only_until_it_is_there(
    quiet: Services, databases: Databases
) -> None:
    tenant, other = new_tenant(quiet), new_tenant(quiet)
    record(quiet, tenant)
    record(quiet, other)
    take_away, give_back = (
        "UPDATE keys.subject_keys SET subject = 'away' WHERE tenant_id = %s AND subject = ''",
        "UPDATE keys.subject_keys SET subject = '' WHERE tenant_id = %s AND subject = 'away'",
    )
    with psycopg.connect(str(databases.keys_owner), autocommit=True) as owner, Database(databases.keys) as keys:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute(take_away, (tenant,))
        engine = Engine(quiet.projector, SealingMapper(KeyStore(keys, KEK)), [ASSETS])
        engine.progress.enrol()
        engine.step(ASSETS)
        assert positions(quiet, ASSETS) == {tenant: 1, other: 2}
        assert [(failure.tenant_id, failure.position) for failure in engine.progress.failures()] == [(tenant, 1)]
        owner.execute(give_back, (tenant,))
        engine.step(ASSETS)
    assert positions(quiet, ASSETS) == {tenant: 2, other: 2}
    assert engine.progress.failures() == []


def test_one_tenant_catches_up_with_a_position_and_no_other_one_does(quiet: Services) -> None:
    first, other = new_tenant(quiet), new_tenant(quiet)
    for tenant_id in (first, other):
        record(quiet, tenant_id, 3)
    reports: list[tuple[int, int]] = []
    fold_until(quiet.engine, quiet.database, first, [ASSETS], 4, lambda *progress: reports.append(progress))
    assert (positions(quiet, ASSETS), reports) == ({first: 4, other: 0}, [(0, 4)])


def test_a_tenant_that_has_stopped_does_not_catch_up_and_says_where(
    quiet: Services, poisoned: tuple[UUID, UUID]
) -> None:
    sick, healthy = poisoned
    with pytest.raises(ProjectionStoppedError, match=r"assets stopped at position 3 of"):
        fold_until(quiet.engine, quiet.database, sick, [ASSETS], 4)
    fold_until(quiet.engine, quiet.database, healthy, [ASSETS], 4)


def test_rows_that_follow_from_others_are_loaded_up_to_a_poison_event_and_for_everybody_else(quiet: Services) -> None:
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    record(quiet, sick)
    catch_up(quiet)
    record(quiet, sick)
    quiet.log.of(sick).record(AssetSoftDeleted(envelope=Envelope.of(context(), sick, uuid7(), 1, None)))
    record(quiet, sick)
    record(quiet, healthy, 3)
    catch_up(quiet)
    assert positions(quiet, STATISTICS) == {sick: 3, healthy: 4}
    with quiet.projector.connection() as connection:
        query = "SELECT tenant_id, assets::integer FROM read_models.statistics_v2_sums WHERE dimension = 'total'"
        assert dict(connection.execute(query).fetchall()) == {sick: 2, healthy: 3}
