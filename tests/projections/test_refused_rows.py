"""An event whose row the database refuses for good stops its own tenant there, and nobody else."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.asset.events import AssetCreated
from domain.asset.inputs import NewAsset
from domain.event import Event, Recorded
from projections.engine.engine import Engine
from projections.engine.rebuild import ProjectionStoppedError, rebuild
from projections.projection import Changes, Key, Projection, Sums
from tests.conftest import context, new_tenant

TABLES = """
CREATE TABLE read_models.names_v1 (
    tenant_id uuid NOT NULL, position bigint NOT NULL, name text NOT NULL, size integer NOT NULL,
    PRIMARY KEY (tenant_id, position)
);
CREATE VIEW queries.names_v1 AS SELECT * FROM read_models.names_v1;
"""
INDEXES = "CREATE INDEX ON read_models.names_v1 (tenant_id, name);"


class NameRow(NamedTuple):
    """The description of an asset under an index, and its name's length, if it is no more than a short integer."""

    tenant_id: UUID
    position: int
    name: str
    size: int


def keys(_event: Event) -> Iterable[Key]:
    return ()


def fold(_rows: Mapping[Key, NameRow], recorded: Recorded) -> Changes[NameRow]:
    event, position = recorded.event, recorded.position
    if not isinstance(event, AssetCreated):
        return {}
    tenant_id = event.envelope.tenant_id
    size = 2**40 if event.name == "too large" else 1
    return {(tenant_id, position): NameRow(tenant_id, position, event.description or "", size)}


@pytest.fixture(params=[None, "position"], ids=["in order", "in slices"])
def names(tmp_path: Path, request: pytest.FixtureRequest) -> Projection[NameRow]:
    """A read model that has no room for some assets."""
    (tmp_path / "tables.sql").write_text(TABLES)
    (tmp_path / "indexes.sql").write_text(INDEXES)
    key = {"tenant_id": "uuid", "position": "bigint"}
    return Projection("names", 1, NameRow, key, fold, tmp_path, keys, sliced_by=request.param)


def record(services: Services, tenant_id: UUID, *members: dict[str, str]) -> None:
    """Record assets in one append."""
    inputs = [NewAsset.model_validate({"media": {"media_kind": "file"}, **each}) for each in members]
    events = [creation.create(context(), tenant_id, uuid7(), new) for new in inputs]
    services.log.of(tenant_id).record(*events)


LARGE = {"name": "too large"}
LONG = {"description": "".join(chr(0x4E00 + n * 7 % 20_000) for n in range(9_000))}
"""It does not compress to what fits in an index."""


@pytest.fixture(params=[LARGE, LONG], ids=["a column", "an index"])
def poison(request: pytest.FixtureRequest) -> dict[str, str]:
    """An asset whose row is refused."""
    members: dict[str, str] = request.param
    return members


@pytest.fixture
def engine(quiet: Services, names: Projection[NameRow]) -> Engine:
    """An engine with that read model alone."""
    engine = Engine(quiet.projector, quiet.log.of(uuid7()).mapper, [names])
    engine.slices.events_per_slice = 5
    engine.tables.install()
    return engine


def test_a_row_that_is_refused_stops_its_tenant_before_it_and_the_others_go_on(
    quiet: Services, engine: Engine, names: Projection[NameRow], poison: dict[str, str]
) -> None:
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    record(quiet, sick, *[{}] * 10, poison, *[{}] * 5)
    record(quiet, healthy, *[{}] * 10)
    engine.progress.enrol()
    while engine.step(names):
        pass
    assert {lag.tenant_id: lag.position for lag in engine.progress.lag()} == {sick: 11, healthy: 11}
    (failure,) = engine.progress.failures()
    assert (failure.tenant_id, failure.position) == (sick, 11)
    assert ("out of range" in failure.failure) or ("index row" in failure.failure)
    assert sum(work.events for work in engine.progress.pending()) == 0


def test_a_rebuild_finds_the_row_that_is_refused_also_when_only_an_index_refuses_it(
    quiet: Services, engine: Engine, names: Projection[NameRow], poison: dict[str, str]
) -> None:
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    record(quiet, sick, *[{}] * 10, poison, *[{}] * 5)
    record(quiet, healthy, *[{}] * 10)
    with pytest.raises(ProjectionStoppedError, match="position 12"):
        rebuild(engine, names)
    assert {lag.tenant_id: lag.position for lag in engine.progress.lag()} == {sick: 11, healthy: 11}
    assert not engine.tables.rebuilding(names)


def test_an_event_that_cannot_be_added_to_a_sum_stops_its_tenant_before_it(
    quiet: Services, names: Projection[NameRow]
) -> None:
    sick, healthy = new_tenant(quiet), new_tenant(quiet)
    record(quiet, sick, *[{}] * 10, {"description": "uncountable"}, *[{}] * 5)
    record(quiet, healthy, *[{}] * 10)

    def additions(rows: Iterable[NameRow]) -> dict[Key, int]:
        if any(row.name == "uncountable" for row in rows):
            raise ArithmeticError("no number")
        return {}

    sums = Sums(additions, lambda _rows, _added: {}, lambda _tenant_id, _answer: iter(()), dict)
    summed = replace(names, sums=sums, sliced_by=None)
    engine = Engine(quiet.projector, quiet.log.of(uuid7()).mapper, [summed])
    engine.tables.install()
    engine.progress.enrol()
    while engine.step(summed):
        pass
    assert {lag.tenant_id: lag.position for lag in engine.progress.lag()} == {sick: 11, healthy: 11}
    (failure,) = engine.progress.failures()
    assert (failure.tenant_id, failure.position, failure.failure) == (sick, 11, "ArithmeticError: no number")
