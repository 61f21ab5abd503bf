"""Rebuilt read models are the live ones, to the byte, whatever happened and however it was folded."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from eventsourcing.application import AggregateNotFoundError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from psycopg import sql
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.asset.asset import Asset
from domain.asset.inputs import NewAsset, NewDescription
from domain.errors import LedgerError
from domain.reference import Reference
from projections.assets.fold import ASSETS
from projections.catalogue import PROJECTIONS
from projections.engine.rebuild import rebuild
from projections.states import ASSET
from tests.conftest import context, new_tenant
from tests.domain import strategies as some
from tests.projections.tables import all_contents, catch_up, fold_all

references = st.lists(some.references, min_size=1, max_size=3).map(tuple)
moments = st.sampled_from([1, 3, 500])


class Commands(RuleBasedStateMachine):
    """Random commands on a few assets of two tenants, folded in batches of random size."""

    services: Services
    assets = Bundle("assets")

    @initialize()
    def open(self) -> None:
        self.tenants = [new_tenant(self.services) for _ in range(2)]

    @rule(target=assets, tenant=st.integers(0, 1), new=some.new_assets)
    def create(self, tenant: int, new: NewAsset) -> tuple[UUID, UUID]:
        log = self.services.log.of(self.tenants[tenant])
        (recorded,) = log.record(creation.create(context(new.reason), log.tenant_id, uuid7(), new))
        return log.tenant_id, recorded.event.originator_id

    @rule(asset=assets, new=some.new_descriptions)
    def describe(self, asset: tuple[UUID, UUID], new: NewDescription) -> None:
        self.change(asset, lambda state: state.describe(context(), new))

    @rule(asset=assets, refs=references)
    def link(self, asset: tuple[UUID, UUID], refs: tuple[Reference, ...]) -> None:
        self.change(asset, lambda state: state.link(context(), refs))

    @rule(asset=assets, refs=references)
    def unlink(self, asset: tuple[UUID, UUID], refs: tuple[Reference, ...]) -> None:
        self.change(asset, lambda state: state.unlink(context(), refs))

    @rule(asset=assets)
    def soft_delete(self, asset: tuple[UUID, UUID]) -> None:
        self.change(asset, lambda state: state.soft_delete(context("duplicate")))

    @rule(asset=assets)
    def restore(self, asset: tuple[UUID, UUID]) -> None:
        self.change(asset, lambda state: state.restore(context()))

    @rule(asset=assets, name=st.sampled_from(["a", "b"]))
    def hold(self, asset: tuple[UUID, UUID], name: str) -> None:
        self.change(asset, lambda state: state.put_hold(context(), name))

    @rule(asset=assets, name=st.sampled_from(["a", "b"]))
    def release(self, asset: tuple[UUID, UUID], name: str) -> None:
        self.change(asset, lambda state: state.release_hold(context(), name))

    @rule(limit=moments)
    def follow(self, limit: int) -> None:
        self.services.engine.progress.enrol()
        for projection in PROJECTIONS.values():
            self.services.engine.step(projection, limit)

    @rule()
    def follow_together(self) -> None:
        self.services.engine.progress.enrol()
        self.services.engine.follow(list(PROJECTIONS.values()))

    @invariant()
    def positions_are_dense(self) -> None:
        for tenant in getattr(self, "tenants", []):
            recorder = self.services.log.of(tenant).recorder
            positions = [entry.id for entry in recorder.select_notifications(None, 10_000)]
            assert positions == list(range(1, recorder.head() + 1))

    def change(self, asset: tuple[UUID, UUID], decide: Callable[[Asset], Any]) -> None:
        with suppress(LedgerError):
            self.services.log.of(asset[0]).change(asset[1], ASSET, lambda state: decide(state.asset))

    def teardown(self) -> None:
        catch_up(self.services)
        live = all_contents(self.services)
        for projection in PROJECTIONS.values():
            rebuild(self.services.engine, projection)
        assert all_contents(self.services) == live
        assert not self.services.engine.progress.failures()


def test_rebuilt_tables_are_byte_equal_to_the_live_ones_after_any_commands(quiet: Services) -> None:
    class OnThisLedger(Commands):
        services = quiet

    profile = settings(max_examples=10, stateful_step_count=25, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(OnThisLedger, settings=profile)


@pytest.fixture
def busy(quiet: Services) -> Services:
    """A ledger with a little history in two tenants, nothing of it folded yet."""
    for number in range(2):
        tenant = new_tenant(quiet)
        log = quiet.log.of(tenant)
        for name in ("a", "b", "c"):
            new = NewAsset.model_validate(
                {"media": {"media_kind": "image"}, "name": name, "references": [f"m:{number}"]}
            )
            (recorded,) = log.record(creation.create(context(), tenant, uuid7(), new))
            log.change(recorded.event.originator_id, ASSET, lambda state: state.asset.soft_delete(context()))
    return quiet


def test_an_asset_read_by_id_is_the_row_its_list_shows(busy: Services) -> None:
    catch_up(busy)
    with busy.projector.connection() as connection:
        listed = sql.SQL("SELECT * FROM {}").format(sql.Identifier("read_models", ASSETS.table.name))
        rows = [ASSETS.table.row(*values) for values in connection.execute(listed).fetchall()]
    assert len(rows) == 6
    for row in rows:
        assert list(fold_all(ASSETS, busy.log.of(row.tenant_id).history(row.asset_id)).values()) == [row]


def test_a_rebuild_tells_how_far_it_is_and_ends_at_the_head(busy: Services) -> None:
    reports: list[tuple[int, int]] = []
    folded = rebuild(busy.engine, ASSETS, lambda done, total: reports.append((done, total)))
    assert reports[-1] == (folded, folded) == (14, 14)


def test_a_rebuild_that_was_cut_short_goes_on_where_projections_run(busy: Services) -> None:
    catch_up(busy)
    live = all_contents(busy)
    busy.engine.tables.reset(ASSETS)
    busy.engine.step(ASSETS, 3)
    assert all_contents(busy) != live
    catch_up(busy)
    assert busy.engine.tables.finish(ASSETS)
    assert all_contents(busy) == live


def test_writes_during_a_rebuild_are_included(busy: Services) -> None:
    catch_up(busy)
    tenant = new_tenant(busy)

    def write(_done: int, _total: int) -> None:
        with suppress(AggregateNotFoundError):
            new = NewAsset.model_validate({"media": {"media_kind": "file"}})
            if busy.log.of(tenant).head() < 4:
                busy.log.of(tenant).record(creation.create(context(), tenant, uuid7(), new))

    rebuild(busy.engine, ASSETS, write)
    catch_up(busy)
    rebuilt = all_contents(busy)
    rebuild(busy.engine, ASSETS)
    assert all_contents(busy) == rebuilt
    assert busy.engine.progress.totals(ASSETS) == (18, 18, 0)
