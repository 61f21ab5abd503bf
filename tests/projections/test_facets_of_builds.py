"""Sets of facets belong to a build: they are made, followed, compared, switched to and dropped with its rows."""

import re
from collections.abc import Iterator
from typing import Any, LiteralString
from uuid import UUID

import pytest
from psycopg import sql

from api.application.switches import BuildsDifferError
from api.composition import Services
from projections.assets.fold import ASSETS
from projections.engine.engine import REBUILD_BATCH
from projections.engine.old_versions import drop_unused
from projections.engine.rebuild import rebuild
from projections.projection import Table
from projections.queries.assets import ASSET_LIST
from projections.queries.filters import AssetFilter
from tests.conftest import new_tenant
from tests.projections.mixed_history import record_everything
from tests.projections.tables import catch_up, rows_of
from tests.projections.test_engine import record
from tests.projections.test_switches import a_minute_later, build_beside, switches

READY = AssetFilter(status="ready")


def sets(services: Services) -> list[list[bytes]]:
    """The places and the sets of both builds."""
    return [[rows_of(services, table) for table in build.tables[1:]] for build in ASSETS.builds]


def change(services: Services, table: Table[Any], statement: LiteralString) -> None:
    """Change rows of a table behind the engine's back."""
    with services.projector.connection() as connection:
        named = sql.SQL(statement).format(sql.Identifier("read_models", table.name))
        assert connection.execute(named).rowcount == 1


@pytest.fixture
def tenant(quiet: Services) -> Iterator[UUID]:
    """A tenant with assets of every kind, folded, and a second build of them."""
    tenant_id = new_tenant(quiet)
    record_everything(quiet, tenant_id)
    catch_up(quiet)
    build_beside(quiet)
    yield tenant_id
    assert quiet.engine.progress.failures() == []


def test_the_sets_of_both_builds_are_the_same_and_are_followed_alike(quiet: Services, tenant: UUID) -> None:
    first, second = sets(quiet)
    assert first == second
    record(quiet, tenant, 3)
    catch_up(quiet, 2)
    later, beside = sets(quiet)
    assert later == beside != first
    rebuild(quiet.engine, ASSETS.beside, beside=True, restart=True)
    assert sets(quiet)[0] == sets(quiet)[1]


@pytest.mark.parametrize(
    ("number", "statement", "difference"),
    [
        (
            2,
            "DELETE FROM {} WHERE facet = 'status' AND value = 'ready'",
            "facet=status, value=ready, chunk=0: missing in",
        ),
        (2, "UPDATE {} SET members = 9 WHERE facet = 'status' AND value = 'ready'", "members [0-9]+ -> 9"),
        (1, "UPDATE {} SET positions[1] = 1", "block=0: positions"),
    ],
    ids=["a set is missing", "a set is another", "a place is another"],
)
@pytest.mark.usefixtures("tenant")
def test_a_build_whose_sets_differ_is_refused(
    quiet: Services, number: int, statement: LiteralString, difference: str
) -> None:
    change(quiet, ASSETS.beside.tables[number], statement)
    with pytest.raises(BuildsDifferError) as refused:
        switches(quiet).switch(None)
    (comparison,) = refused.value.comparisons
    (example,) = comparison.examples
    assert comparison.differing == 1
    assert re.search(difference, str(example))
    assert switches(quiet).switch(None, ["status"]) == 1, "sets follow from what may differ"


def test_lists_and_totals_by_facets_come_from_the_build_that_serves(quiet: Services, tenant: UUID) -> None:
    ready = ASSET_LIST.page(quiet.database, tenant, READY, 100).items
    count = ASSET_LIST.count(quiet.database, tenant, READY)
    assert count == len(ready) > 0
    switches(quiet).switch(None)
    change(quiet, ASSETS.facet_table, "DELETE FROM {} WHERE facet = 'status' AND value = 'ready'")
    assert ASSET_LIST.page(quiet.database, tenant, READY, 100).items == ready
    assert ASSET_LIST.count(quiet.database, tenant, READY) == count
    switches(quiet).roll_back(None)
    assert ASSET_LIST.page(quiet.database, tenant, READY, 100).items == []
    assert ASSET_LIST.count(quiet.database, tenant, READY) == 0


@pytest.mark.usefixtures("tenant")
def test_sets_are_dropped_with_their_build(quiet: Services) -> None:
    switches(quiet).switch(None)
    a_minute_later(quiet)
    assert drop_unused(quiet.projector, ASSETS) == [ASSETS.table.name]
    with quiet.projector.connection() as connection:
        names = [table.name for table in ASSETS.tables]
        query = "SELECT count(*) FROM unnest(%s::text[]) AS t WHERE to_regclass('read_models.' || t) IS NOT NULL"
        assert connection.execute(query, [names]).fetchall() == [(0,)]


def test_while_a_read_model_is_rebuilt_its_lists_are_read_from_the_rows(quiet: Services, tenant: UUID) -> None:
    count = ASSET_LIST.count(quiet.database, tenant, READY)
    quiet.engine.tables.reset(ASSETS)
    while quiet.engine.step(ASSETS, REBUILD_BATCH):
        pass
    assert sets(quiet)[0] == [b"", b""]
    assert ASSET_LIST.count(quiet.database, tenant, READY) == count
    assert quiet.engine.tables.finish(ASSETS)
    assert sets(quiet)[0] == sets(quiet)[1]
    assert ASSET_LIST.count(quiet.database, tenant, READY) == count
