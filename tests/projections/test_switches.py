"""A read model is built beside the one that serves, compared, switched to and rolled back, and readers see whole rows."""

import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from api.application.switches import BuildsDifferError, NoBuildError, Switches
from api.composition import Services
from domain.event import Actor, Recorded
from domain.tenant.events import ProjectionSwitched
from projections.assets.fold import ASSETS, AssetRow
from projections.asset_references.fold import ASSET_REFERENCES
from projections.catalogue import CATALOGUE
from projections.checkpoints import reached
from projections.engine.build_comparison import compare
from projections.engine.builds import BuildInUseError, serving
from projections.engine.old_versions import drop_unused
from projections.engine.rebuild import rebuild
from projections.projection import Changes, Key, Projection, with_values
from projections.queries.assets import list_assets
from projections.queries.filters import AssetFilter
from tests.conftest import new_tenant
from tests.projections.tables import catch_up, contents
from tests.projections.test_engine import record

ROOT = Actor(id="root", type="user")


def switches(services: Services, projection: Projection[Any] = ASSETS) -> Switches:
    return Switches(
        services.engine, services.projector, lambda tenant_id: services.session(tenant_id, ROOT), projection
    )


def listed(services: Services, tenant_id: UUID) -> list[UUID]:
    return [row.asset_id for row in list_assets(services.database, tenant_id, AssetFilter(), 100).items]


def faulty(rows: Mapping[Key, AssetRow], recorded: Recorded) -> Changes[AssetRow]:
    """The fold of assets with a fault: every second asset is named wrongly."""
    changes = ASSETS.fold(rows, recorded)
    return {
        key: with_values(row, {"name": "wrong"}) if row is not None and recorded.position % 2 else row
        for key, row in changes.items()
    }


def test_a_build_beside_serves_after_the_switch_and_the_old_one_again_after_the_rollback(quiet: Services) -> None:
    tenants = [new_tenant(quiet) for _ in range(3)]
    for tenant_id in tenants:
        record(quiet, tenant_id, 3)
    catch_up(quiet)
    before = {tenant_id: listed(quiet, tenant_id) for tenant_id in tenants}

    rebuild(quiet.engine, ASSETS.beside, beside=True)
    assert {tenant_id: listed(quiet, tenant_id) for tenant_id in tenants} == before
    assert switches(quiet).switch("mended") == 3

    assert set(serving(quiet.projector, ASSETS).values()) == {"assets_b"}
    assert {tenant_id: listed(quiet, tenant_id) for tenant_id in tenants} == before
    assert switches(quiet).roll_back("taken back") == 3
    assert set(serving(quiet.projector, ASSETS).values()) == {"assets"}
    assert {tenant_id: listed(quiet, tenant_id) for tenant_id in tenants} == before


def test_lists_read_the_build_that_serves(quiet: Services) -> None:
    tenant_id = new_tenant(quiet)
    record(quiet, tenant_id, 2)
    catch_up(quiet)
    rebuild(quiet.engine, ASSETS.beside, beside=True)
    switches(quiet).switch(None)
    with quiet.projector.connection() as connection:
        connection.execute("UPDATE read_models.assets_b_v2 SET name = 'of the new build'")

    page = list_assets(quiet.database, tenant_id, AssetFilter(), 100)
    assert {row.name for row in page.items} == {"of the new build"}
