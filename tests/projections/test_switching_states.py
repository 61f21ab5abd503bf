"""Builds are made, followed, switched to, rolled back and dropped while assets change: lists stay right."""

from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test

from api.application.switches import NoBuildError
from api.composition import Services
from domain.tenant.events import ProjectionSwitched
from projections.assets.fold import ASSETS
from projections.catalogue import BUILDS
from projections.checkpoints import reached
from projections.engine.builds import previous_build, serving
from projections.engine.old_versions import drop_unused
from projections.engine.rebuild import rebuild
from projections.queries.assets import ASSET_LIST
from projections.queries.filters import AssetFilter
from projections.served_builds import EVERYBODY
from tests.conftest import new_tenant
from tests.projections.tables import catch_up, fold_all
from tests.projections.test_rebuild import Commands, moments
from tests.projections.test_switches import a_minute_later, switches


class SwitchedCommands(Commands):
    """Random commands on assets, and on the builds of their read model."""

    @initialize()
    def open(self) -> None:
        self.tenants = [new_tenant(self.services) for _ in range(2)]
        self.present = {build.name for build in ASSETS.builds if self.services.engine.tables.present(build)}
        self.previous = previous_build(self.services.projector, ASSETS)
        """The build to roll back to."""
        self.switched: list[tuple[str, str]] = []
        """Each switch: the build that serves from then on, and the one before."""

    @property
    def served(self) -> str:
        """The build that serves, which is the same for everybody."""
        (name,) = set(serving(self.services.projector, ASSETS).values())
        return name

    @rule()
    def build(self) -> None:
        candidate = switches(self.services).candidate()
        a_minute_later(self.services)
        rebuild(self.services.engine, candidate, beside=True, restart=True)
        self.present.add(candidate.name)
        self.previous = None

    @rule()
    def switch(self) -> None:
        candidate, before = switches(self.services).candidate().name, self.served
        if candidate not in self.present:
            with pytest.raises(NoBuildError):
                switches(self.services).switch("mended")
            return
        assert switches(self.services).switch("mended") >= len(self.tenants)
        self.now_serves(candidate, before)

    @rule()
    def roll_back(self) -> None:
        before = self.served
        if self.previous is None:
            with pytest.raises(NoBuildError):
                switches(self.services).roll_back("taken back")
            return
        assert switches(self.services).roll_back("taken back") >= len(self.tenants)
        self.now_serves(self.previous, before)

    @rule(later=st.booleans())
    def drop(self, later: bool) -> None:
        if later:
            a_minute_later(self.services)
        for table in drop_unused(self.services.projector, ASSETS):
            self.present -= {build.name for build in ASSETS.builds if build.table.name == table}
            self.previous = None
        assert not later or self.present == {self.served}

    @rule(limit=moments)
    def follow_builds(self, limit: int) -> None:
        self.services.engine.progress.enrol()
        for build in BUILDS.values():
            self.services.engine.step(build, limit)

    @invariant()
    def lists_are_right(self) -> None:
        for tenant_id in getattr(self, "tenants", []):
            self.check_list(tenant_id)

    def now_serves(self, build: str, before: str) -> None:
        """Note a switch that went well."""
        assert self.served == build == serving(self.services.projector, ASSETS)[EVERYBODY]
        self.previous = before
        self.switched.append((build, before))

    def check_list(self, tenant_id: UUID) -> None:
        """The list shows what the log says up to the checkpoint of the build that serves."""
        position = reached(self.services.database, tenant_id, [ASSETS])
        history = self.services.log.of(tenant_id).page(0, position, position) if position else []
        expected = {row.asset_id: row for row in fold_all(ASSETS, history).values() if row.status != "deleted"}
        page = ASSET_LIST.page(self.services.database, tenant_id, AssetFilter(), 100)
        assert page.rebuilding == ()
        assert {row.asset_id: row.revision for row in page.items} == {
            asset_id: row.revision for asset_id, row in expected.items()
        }

    def teardown(self) -> None:
        catch_up(self.services)
        self.lists_are_right()
        for tenant_id in getattr(self, "tenants", []):
            log = self.services.log.of(tenant_id)
            events = [recorded.event for recorded in log.page(0, log.head(), log.head())]
            switched = [(e.build, e.previous) for e in events if isinstance(e, ProjectionSwitched)]
            assert switched == self.switched
        assert self.services.engine.progress.miscounted() == []
        assert self.services.engine.progress.failures() == []


def test_lists_are_right_and_switches_on_the_record_whatever_is_done_with_builds(quiet: Services) -> None:
    class OnThisLedger(SwitchedCommands):
        services = quiet

    profile = settings(max_examples=10, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(OnThisLedger, settings=profile)
