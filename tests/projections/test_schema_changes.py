"""An event's schema changes from release to release: each reads what the others wrote, and a build made anew agrees."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from api.application.switches import Switches
from api.composition import Services
from domain import event as events
from domain.event import Envelope, Event, Recorded
from infra.event_log.mapper import SealingMapper
from projections.engine.builds import serving
from projections.engine.engine import Engine
from projections.engine.rebuild import rebuild
from projections.projection import OF_TENANTS, Changes, Key, Projection
from tests.conftest import context, new_tenant
from tests.projections.test_switches import ROOT, a_minute_later

TOPIC = "test.measured"
TABLE = """
CREATE TABLE read_models.{table} (
    tenant_id uuid NOT NULL, measure_id uuid NOT NULL, millimetres float8 NOT NULL,
    PRIMARY KEY (tenant_id, measure_id)
);
CREATE VIEW queries.{table} AS SELECT * FROM read_models.{table} WHERE tenant_id = ledger.current_tenant();
"""


class MeasureRow(NamedTuple):
    """What was measured, as every release shows it."""

    tenant_id: UUID
    measure_id: UUID
    millimetres: float


def upcast_from(version: int) -> Callable[[dict[str, Any]], None]:
    """Version 2 says in half the unit what version 1 says, version 3 in a quarter, and so on, by names of their own."""

    def upcast(fields: dict[str, Any]) -> None:
        fields[f"length_{version + 1}"] = fields.pop(f"length_{version}") * 2

    return upcast


def event_class(version: int) -> type[Event]:
    """The event as the release with this version of it has it, which reads all versions before."""
    upcasts = {f"upcast_v{step}_v{step + 1}": staticmethod(upcast_from(step)) for step in range(1, version)}
    members = {"__doc__": "Something was measured.", "__module__": __name__, "class_version": version}
    members |= upcasts | {"__annotations__": {f"length_{version}": float}}
    return type("Measured", (Event,), members, topic=TOPIC)


@pytest.fixture
def releases(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], type[Event]]]:
    """Goes on to the release with a version of the event."""
    monkeypatch.setattr(events, "_TYPES", dict(events._TYPES))

    def release(version: int) -> type[Event]:
        events._TYPES.pop(TOPIC, None)
        events._reading.cache_clear()
        return event_class(version)

    yield release
    events._reading.cache_clear()


def projection_of(measured: type[Event], version: int, folder: Path) -> Projection[MeasureRow]:
    """The read model as that release folds it."""

    def fold(_rows: Mapping[Key, MeasureRow], recorded: Recorded) -> Changes[MeasureRow]:
        event: Any = recorded.event
        if not isinstance(event, measured):
            return {}
        key = (event.envelope.tenant_id, event.originator_id)
        return {key: MeasureRow(*key, getattr(event, f"length_{version}") / 2 ** (version - 1))}

    return Projection(
        name="measures",
        version=1,
        row=MeasureRow,
        key={"tenant_id": "uuid", "measure_id": "uuid"},
        fold=fold,
        folder=folder,
        folds=frozenset({measured}),
        leaves_out=OF_TENANTS,
        sliced_by="originator",
    )


def rows_that_serve(services: Services, tenant_id: UUID, projection: Projection[MeasureRow]) -> dict[UUID, float]:
    """The rows of the build that serves the tenant."""
    build = next(b for b in projection.builds if b.name == serving(services.projector, projection)[tenant_id])
    query = sql.SQL("SELECT measure_id, millimetres FROM {} WHERE tenant_id = %s")
    with services.projector.connection() as connection:
        rows = connection.execute(query.format(sql.Identifier("read_models", build.table.name)), [tenant_id])
        return dict(rows.fetchall())


@pytest.mark.parametrize("versions", [2, 20])
def test_each_release_answers_as_the_one_before_after_it_has_built_its_read_model_anew(
    quiet: Services, releases: Callable[[int], type[Event]], versions: int, tmp_path: Path
) -> None:
    (tmp_path / "tables.sql").write_text(TABLE)
    tenant_id = new_tenant(quiet)
    written: dict[UUID, float] = {}
    for version in range(1, versions + 1):
        measured = releases(version)
        projection = projection_of(measured, version, tmp_path)
        engine = Engine(quiet.projector, SealingMapper(quiet.encryption_keys), [projection])
        engine.tables.install()

        measure_id = uuid7()
        written[measure_id] = version + 0.5
        envelope = Envelope.of(context(), tenant_id, measure_id, 1, subject=None)
        length = {f"length_{version}": written[measure_id] * 2 ** (version - 1)}
        quiet.log.of(tenant_id).record(measured.model_validate({"envelope": envelope, **length}))

        switches = Switches(engine, quiet.projector, lambda of: quiet.session(of, ROOT), projection)
        a_minute_later(quiet)
        rebuild(engine, switches.candidate(), beside=True, restart=True)
        assert switches.switch(f"version {version}") == 1
        assert rows_that_serve(quiet, tenant_id, projection) == written
    log = quiet.log.of(tenant_id)
    stored = log.page(0, log.head(), log.head())
    assert sum(isinstance(recorded.event, measured) for recorded in stored) == versions
