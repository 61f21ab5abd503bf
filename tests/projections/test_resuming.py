"""A rebuild that is cut short anywhere is resumed, by whomever, and loses and repeats nothing."""

import threading
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.asset.inputs import NewAsset
from projections.assets.fold import ASSETS
from projections.catalogue import CATALOGUE
from projections.engine.engine import FOLLOW_BATCH, STAGES, Engine
from projections.engine.follower import Follower
from projections.engine.progress import Progress
from projections.engine.rebuild import rebuild
from projections.projection import Projection
from projections.states import ASSET
from tests.conftest import context, new_tenant
from tests.projections.tables import all_contents, catch_up, contents
from tests.projections.test_engine import record


class CutShortError(Exception):
    """Stands for the end of the process."""


def indexes(services: Services) -> list[str]:
    """The indexes of the assets' table."""
    query = "SELECT indexname FROM pg_indexes WHERE schemaname = 'read_models' AND tablename = %s ORDER BY 1"
    with services.projector.connection() as connection:
        return [name for (name,) in connection.execute(query, (ASSETS.table.name,)).fetchall()]


def cut_short_at(services: Services, point: str) -> Engine:
    """An engine that does not survive a point."""

    def on_stage(stage: str) -> None:
        if stage == point:
            raise CutShortError

    return Engine(services.projector, services.log.of(uuid7()).mapper, CATALOGUE, on_stage)


@pytest.mark.parametrize("point", STAGES)
def test_a_rebuild_cut_short_at_any_point_is_resumed(quiet: Services, point: str) -> None:
    record(quiet, new_tenant(quiet), 5)
    catch_up(quiet)
    live, all_indexes = all_contents(quiet), indexes(quiet)
    with suppress(CutShortError):
        rebuild(cut_short_at(quiet, point), ASSETS)
    assert quiet.engine.tables.rebuilding(ASSETS)
    assert len(indexes(quiet)) == 1
    reports: list[tuple[int, int]] = []
    rebuild(quiet.engine, ASSETS, lambda done, total: reports.append((done, total)))
    assert reports[0] == (6 if point == "committed" else 0, 6)
    assert all_contents(quiet) == live
    assert indexes(quiet) == all_indexes


def test_a_rebuild_is_started_over_when_asked(quiet: Services) -> None:
    record(quiet, new_tenant(quiet), 5)
    quiet.engine.tables.reset(ASSETS)
    quiet.engine.step(ASSETS, 3)
    reports: list[tuple[int, int]] = []
    rebuild(quiet.engine, ASSETS, lambda done, total: reports.append((done, total)), restart=True)
    assert reports[0] == (0, 6)
    assert contents(quiet, ASSETS).count(b"\n") == 5


def test_a_follower_carries_a_rebuild_to_its_end(quiet: Services) -> None:
    record(quiet, new_tenant(quiet), 5)
    catch_up(quiet)
    live, all_indexes = all_contents(quiet), indexes(quiet)
    quiet.engine.tables.reset(ASSETS)
    quiet.engine.step(ASSETS, 3)
    with Follower(quiet.engine):
        while quiet.engine.tables.rebuilding(ASSETS):
            pass
    assert all_contents(quiet) == live
    assert indexes(quiet) == all_indexes


class Idle(Engine):
    """An engine that finds every tenant taken by others."""

    def step(
        self,
        projection: Projection[Any],  # noqa: ARG002
        limit: int = FOLLOW_BATCH,  # noqa: ARG002
        *,
        waiting: bool = True,  # noqa: ARG002
        only: UUID | None = None,  # noqa: ARG002
    ) -> int:
        return 0


class Helped(Progress):
    """The progress of a rebuild whose rest is folded by others, just before anybody looks."""

    def __init__(self, others: Engine, engine: Engine, services: Services) -> None:
        super().__init__(services.projector, engine.projections)
        self._others, self._tables = others, engine.tables

    def backlog(self, projection: Projection[Any]) -> int:
        if not self._tables.rebuilding(projection):
            self._others.step(projection)
        return super().backlog(projection)


def test_a_rebuild_that_others_bring_to_its_end_tells_how_much_was_folded(quiet: Services) -> None:
    record(quiet, new_tenant(quiet), 5)
    engine = Idle(quiet.projector, quiet.log.of(uuid7()).mapper, CATALOGUE)
    engine.progress = Helped(quiet.engine, engine, quiet)
    reports: list[tuple[int, int]] = []
    assert rebuild(engine, ASSETS, lambda done, total: reports.append((done, total))) == 6
    assert reports[-1] == (6, 6)


def test_a_rebuild_while_somebody_writes_loses_and_repeats_nothing(quiet: Services) -> None:
    tenant = new_tenant(quiet)
    log, stop = quiet.log.of(tenant), threading.Event()
    new = NewAsset.model_validate({"media": {"media_kind": "image"}, "name": "Castle"})

    def write() -> None:
        while not stop.is_set():
            (recorded,) = log.record(creation.create(context(), tenant, uuid7(), new))
            log.change(recorded.event.originator_id, ASSET, lambda state: state.asset.soft_delete(context()))

    writer = threading.Thread(target=write)
    writer.start()
    with Follower(quiet.engine):
        for _ in range(5):
            rebuild(quiet.engine, ASSETS)
        stop.set()
        writer.join()
    catch_up(quiet)
    assert quiet.engine.progress.failures() == []
    live = all_contents(quiet)
    rebuild(quiet.engine, ASSETS)
    assert all_contents(quiet) == live
    assert contents(quiet, ASSETS).count(b"\n") == log.head() // 2
