"""An older version of a read model, kept up to date by another release, is compared in the columns that both have."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import sql

from api.application.switches import compare_versions
from api.composition import Services
from projections.assets.fold import ASSETS
from projections.engine.build_comparison import BuildBehindError, unmatched_columns
from projections.engine.old_versions import NoVersionError, older_version
from projections.projection import Projection
from tests.conftest import new_tenant
from tests.projections.tables import catch_up
from tests.projections.test_engine import record

OLD = ASSETS.version - 1
TABLE = """
CREATE TABLE read_models.{old} AS SELECT *, name AS title FROM read_models.{new};
ALTER TABLE read_models.{old} DROP COLUMN name;
INSERT INTO read_models.progress (projection, version, tenant_id, position)
SELECT projection, version - 1, tenant_id, position FROM read_models.progress WHERE projection = 'assets';
"""
SPOILED = """
UPDATE read_models.{old} SET revision = 7, title = 'Fortress'
 WHERE asset_id = (SELECT asset_id FROM read_models.{old} LIMIT 1)
"""
STOPPED = "UPDATE read_models.progress SET position = 1, failed_position = 2, failure = 'worn out' WHERE version = %s"


def execute(services: Services, statement: Any, *parameters: Any) -> None:
    """Carry a statement out on the tables of both versions."""
    names = {"old": sql.Identifier(f"assets_v{OLD}"), "new": sql.Identifier(ASSETS.table.name)}
    with services.projector.connection() as connection:
        connection.execute(sql.SQL(statement).format(**names), parameters or None)


@pytest.fixture
def tenant_id(quiet: Services) -> UUID:
    """A tenant with three assets, which an older version shows as well: with titles instead of names."""
    tenant_id = new_tenant(quiet)
    record(quiet, tenant_id, 3)
    catch_up(quiet)
    execute(quiet, TABLE)
    return tenant_id


def older(services: Services) -> Projection[Any]:
    return older_version(services.projector, ASSETS, OLD)


def test_columns_of_one_version_are_named_and_the_others_compared(quiet: Services, tenant_id: UUID) -> None:
    assert unmatched_columns(older(quiet), ASSETS) == {f"assets_v{OLD}": ["title"], ASSETS.table.name: ["name"]}
    (comparison,) = compare_versions(quiet.engine, quiet.projector, older(quiet), ASSETS)
    assert (comparison.tenant_id, comparison.position, comparison.rows, comparison.differing) == (tenant_id, 4, 3, 0)


def test_rows_that_differ_are_shown_in_the_columns_of_both(quiet: Services, tenant_id: UUID) -> None:
    execute(quiet, SPOILED)
    (comparison,) = compare_versions(quiet.engine, quiet.projector, older(quiet), ASSETS)
    assert (comparison.tenant_id, comparison.differing) == (tenant_id, 1)
    assert comparison.examples[0].columns == {"revision": (7, 1)}
    (expected,) = compare_versions(quiet.engine, quiet.projector, older(quiet), ASSETS, ["revision"])
    assert expected.differing == 0


def test_what_serves_is_brought_to_the_position_of_the_older_version(quiet: Services, tenant_id: UUID) -> None:
    quiet.engine.tables.reset(ASSETS)
    (comparison,) = compare_versions(quiet.engine, quiet.projector, older(quiet), ASSETS)
    assert (comparison.tenant_id, comparison.position, comparison.differing) == (tenant_id, 4, 0)


def test_a_version_without_tables_is_refused(quiet: Services) -> None:
    with pytest.raises(NoVersionError, match=f"There is no table assets_v{OLD}"):
        older(quiet)


def test_what_serves_and_has_stopped_cannot_be_compared(quiet: Services, tenant_id: UUID) -> None:
    execute(quiet, STOPPED, ASSETS.version)
    with pytest.raises(BuildBehindError, match=f"position 2 of tenant {tenant_id}: worn out"):
        compare_versions(quiet.engine, quiet.projector, older(quiet), ASSETS)
