"""Switches of read models from one build to the other, and back: tenant by tenant, and on the record."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from api.application.session import Session
from domain.errors import LedgerError
from domain.tenant.tenant import Compared
from infra.database import Database
from infra.event_log.conflicts import retry_on_conflict
from infra.tenants import TENANT
from projections.checkpoints import switch_build
from projections.engine.build_comparison import ATTEMPTS, PAUSE, ROWS, BuildBehindError, BuildComparison, compare
from projections.engine.builds import previous_build, serve_everybody, serving
from projections.engine.engine import FOLLOW_BATCH, Engine
from projections.projection import Projection
from projections.served_builds import EVERYBODY

Report = Callable[[int, int], None]
MOST_TENANTS = 10
"""So many tenants with differences are named; the comparison ends with them."""


class BuildsDifferError(LedgerError):
    """The builds differ in rows, or in columns, that nobody expected to differ. Nothing was switched."""

    def __init__(self, message: str, comparisons: Sequence[BuildComparison]) -> None:
        super().__init__(message)
        self.comparisons = comparisons


class NoBuildError(LedgerError):
    """There is no build to switch to."""


def compare_versions(
    engine: Engine,
    projector: Database,
    old: Projection[Any],
    projection: Projection[Any],
    expected: Sequence[str] = (),
    on_compared: Report = lambda *_: None,
) -> list[BuildComparison]:
    """Compare the build that serves each tenant with an older version's. BuildBehindError; ServiceUnavailableError."""
    served = serving(projector, projection)
    del served[EVERYBODY]
    builds = {build.name: build for build in projection.builds}
    comparisons = []
    for number, (tenant_id, name) in enumerate(served.items(), 1):
        comparisons.append(compare(engine, projector, old, builds[name], tenant_id, expected))
        on_compared(number, len(served))
    return comparisons


@dataclass(frozen=True)
class Switches:
    """Switches one read model for every tenant. Interrupted, it goes on where it was."""

    engine: Engine
    projector: Database
    session: Callable[[UUID], Session]
    projection: Projection[Any]
    """The read model, by its first build."""

    def candidate(self) -> Projection[Any]:
        """The build that does not serve: the one to build, and to switch to."""
        served = serving(self.projector, self.projection)[EVERYBODY]
        return next(build for build in self.projection.builds if build.name != served)

    def switch(
        self,
        reason: str | None,
        expected: Sequence[str] = (),
        on_compared: Report = lambda *_: None,
        on_switched: Report = lambda *_: None,
    ) -> int:
        """Compare the builds of every tenant, then serve all from the other one; returns the number switched.

        `expected` are the columns that may differ; `rows` among them lets one build have rows that the other lacks.
        BuildsDifferError before anything is switched; NoBuildError; BuildBehindError; OutcomeUnknownError.
        """
        build = self.candidate()
        self._require_whole(build)
        self.engine.progress.enrol()
        waiting = self._waiting(build)
        comparisons = self._compare(build, waiting, expected, on_compared)
        compared = {c.tenant_id: Compared(c.position, c.rows, tuple(expected)) for c in comparisons}
        return self._switch_all(build, waiting, reason, compared, on_switched)

    def roll_back(self, reason: str | None, on_switched: Report = lambda *_: None) -> int:
        """Serve every tenant from the build that served before; returns the number switched.

        NoBuildError if there is none, or it was made anew since; BuildBehindError; OutcomeUnknownError.
        """
        served = serving(self.projector, self.projection)
        default = served.pop(EVERYBODY)
        name = default if set(served.values()) - {default} else previous_build(self.projector, self.projection)
        if name is None:
            raise NoBuildError(
                f"No build of {self.projection.name} has served before, or it was made anew or dropped since."
            )
        build = next(build for build in self.projection.builds if build.name == name)
        self.engine.progress.enrol()
        return self._switch_all(build, self._waiting(build), reason, {}, on_switched)

    def _require_whole(self, build: Projection[Any]) -> None:
        if self.engine.tables.rebuilding(build) or not self.engine.tables.present(build):
            raise NoBuildError(
                f"{build.name} is not built: run `asset-ledger projections rebuild {self.projection.name} --beside`."
            )

    def _waiting(self, build: Projection[Any]) -> list[UUID]:
        served = serving(self.projector, self.projection)
        return [tenant_id for tenant_id, name in served.items() if name != build.name and tenant_id != EVERYBODY]

    def _compare(
        self, build: Projection[Any], tenants: Sequence[UUID], expected: Sequence[str], report: Report
    ) -> list[BuildComparison]:
        old = next(other for other in self.projection.builds if other is not build)
        comparisons: list[BuildComparison] = []
        differing: list[BuildComparison] = []
        for number, tenant_id in enumerate(tenants):
            report(number, len(tenants))
            comparison = compare(self.engine, self.projector, old, build, tenant_id, expected)
            (differing if comparison.differing else comparisons).append(comparison)
            if len(differing) == MOST_TENANTS:
                break
        report(len(tenants), len(tenants))
        if differing:
            raise BuildsDifferError(
                f"{old.name}, which serves, and {build.name} differ, so nothing was switched. Mend the fold and build "
                f"again; or name the explained differences: --expect COLUMN, or --expect {ROWS} for missing rows.",
                differing,
            )
        return comparisons

    def _switch_all(
        self,
        build: Projection[Any],
        tenants: Sequence[UUID],
        reason: str | None,
        compared: dict[UUID, Compared],
        report: Report,
    ) -> int:
        before = serving(self.projector, self.projection)[EVERYBODY]
        for number, tenant_id in enumerate(tenants):
            report(number, len(tenants))
            self._switch_tenant(build, tenant_id, reason, compared.get(tenant_id))
        report(len(tenants), len(tenants))
        if before != build.name:
            serve_everybody(self.projector, self.projection, build.name, before)
        return len(tenants)

    def _switch_tenant(
        self, build: Projection[Any], tenant_id: UUID, reason: str | None, compared: Compared | None
    ) -> None:
        """Switch one tenant, as soon as the build is as far as the one that serves, unless it is switched already."""
        for _ in range(ATTEMPTS):
            if (
                self._record(build, tenant_id, reason, compared)
                or serving(self.projector, self.projection).get(tenant_id) == build.name
            ):
                return
            if not self.engine.step(build, FOLLOW_BATCH, only=tenant_id):
                time.sleep(PAUSE)
        raise BuildBehindError(
            f"{build.name} does not come as far as the build that serves tenant {tenant_id}. "
            "See `asset-ledger projections lag`."
        )

    def _record(self, build: Projection[Any], tenant_id: UUID, reason: str | None, compared: Compared | None) -> bool:
        """Switch and record it in one transaction; False, and nothing is changed, if the database refuses."""
        session, projection = self.session(tenant_id), self.projection
        context, database = session.context(reason), session.database

        def work() -> bool:
            previous = switch_build(database, tenant_id, projection, build.name)
            if previous is None:
                return False
            tenant = session.log.state(tenant_id, TENANT)
            events = tenant.switch_projection(
                context, projection.name, projection.version, build.name, previous, compared
            )
            session.record(*events)
            return True

        return retry_on_conflict(lambda: database.in_transaction(tenant_id, work))
