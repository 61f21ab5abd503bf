"""Lists may be behind what was recorded: what a purge finds by them, the log decides."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from psycopg import sql

from api.application.assets import Assets
from api.application.content.bulk_purge import BulkPurge
from api.application.content.intake import Intake
from api.application.content.purges import Purges
from api.application.content.retention import Retention
from api.composition import Services, utc_now
from api.workers.worker import own_session
from domain.asset.asset import Asset
from domain.asset.events import Content
from projections.assets.fold import ASSETS
from projections.queries.filters import AssetFilter, PurgeFilter
from tests.conftest import new_tenant

DAY = timedelta(days=1)


class Tenant(NamedTuple):
    """A tenant whose lists move only when they are told to."""

    services: Services
    id: UUID

    def at(self, clock: Callable[[], datetime]) -> Assets:
        """Its ledger, at a time."""
        return Assets(replace(own_session(self.services, self.id), clock=clock))

    def asset(self) -> UUID:
        """A new asset with content."""
        intake = Intake(own_session(self.services, self.id), self.services.rules)
        return intake.create(None, [b"x"], Content(), "a.txt", None)[0].asset_id

    def delete(self, asset_id: UUID, clock: Callable[[], datetime] = utc_now) -> None:
        self.at(clock).change(asset_id, Asset.soft_delete, None, None)

    def restore(self, asset_id: UUID) -> None:
        self.at(utc_now).change(asset_id, Asset.restore, None, None)

    def fold(self) -> None:
        """Bring the lists up to date."""
        self.services.engine.progress.enrol()
        for projection in self.services.engine.projections:
            self.services.engine.step(projection)

    def topics(self, asset_id: UUID) -> list[str]:
        return [recorded.event.TOPIC for recorded in self.services.log.of(self.id).history(asset_id)]

    @property
    def purging(self) -> Purges:
        return Purges(own_session(self.services, self.id))


@pytest.fixture
def tenant(quiet: Services) -> Tenant:
    """A tenant of a ledger that nobody follows."""
    return Tenant(quiet, new_tenant(quiet))


@pytest.fixture
def restored(tenant: Tenant) -> UUID:
    """An asset that was restored, while the list still says that it is deleted."""
    asset_id = tenant.asset()
    tenant.delete(asset_id)
    tenant.fold()
    tenant.restore(asset_id)
    return asset_id


def test_retention_leaves_alone_what_was_restored(tenant: Tenant, restored: UUID) -> None:
    assert Retention(tenant.purging.session).request_due(timedelta(0)) == 0
    assert tenant.purging.carry_out() == 0
    assert tenant.topics(restored)[-1] == "asset.restored"
    assert len(list(tenant.services.store.objects(f"{tenant.id}/"))) == 1


def test_retention_begins_anew_where_what_was_restored_is_deleted_again(tenant: Tenant) -> None:
    asset_id = tenant.asset()
    tenant.delete(asset_id)
    tenant.fold()
    with tenant.services.projector.connection() as connection:
        table = sql.Identifier("read_models", ASSETS.table.name)
        connection.execute(sql.SQL("UPDATE {} SET deleted_at = deleted_at - interval '2 days'").format(table))
    tenant.restore(asset_id)
    tenant.delete(asset_id)
    assert Retention(tenant.purging.session).request_due(DAY) == 0
    assert Retention(tenant.purging.session).request_due(timedelta(0)) == 1


def test_a_purge_of_deleted_assets_never_deletes_one(tenant: Tenant, restored: UUID) -> None:
    deleted = tenant.asset()
    tenant.delete(deleted)
    tenant.fold()
    tenant.delete(restored)
    tenant.fold()
    tenant.restore(restored)
    report = BulkPurge(tenant.purging.session).request(AssetFilter(status="deleted"), "the client asked", dry_run=False)
    assert (report.assets, tenant.topics(restored)[-1]) == (1, "asset.restored")
    assert tenant.purging.carry_out() == 1
    assert tenant.topics(deleted)[-1] == "asset.content_purged"


def test_a_purge_of_what_was_deleted_before_a_time_goes_by_the_deletion(tenant: Tenant, restored: UUID) -> None:
    changed = tenant.asset()
    tenant.delete(changed)
    before = utc_now()
    tenant.at(utc_now).change(changed, lambda a, context: a.put_hold(context, "case-17"), None, None)
    tenant.at(utc_now).change(changed, lambda a, context: a.release_hold(context, "case-17"), None, None)
    tenant.delete(restored)
    tenant.fold()
    filters = PurgeFilter(deleted_before=before)
    assert BulkPurge(tenant.purging.session).request(filters, None, dry_run=True).assets == 1
    tenant.restore(changed)
    assert BulkPurge(tenant.purging.session).request(filters, None, dry_run=False).assets == 0
    tenant.delete(changed)
    assert BulkPurge(tenant.purging.session).request(filters, None, dry_run=False).assets == 0
    assert tenant.purging.queue.count() == (0, None)


def test_a_purge_that_does_not_ask_for_deleted_assets_deletes_live_ones(tenant: Tenant, restored: UUID) -> None:
    filters = AssetFilter(created_before=utc_now())
    behind = BulkPurge(tenant.purging.session).request(filters, "the client asked", dry_run=False)
    assert (behind.assets, behind.changed, tenant.topics(restored)[-1]) == (0, [restored], "asset.restored")
    tenant.fold()
    report = BulkPurge(tenant.purging.session).request(filters, "the client asked", dry_run=False)
    assert report.assets == 1
    assert tenant.topics(restored)[-2:] == ["asset.soft_deleted", "asset.purge_requested"]
