"""Tables of older versions are there for older releases until they are dropped on purpose."""

from dataclasses import replace
from typing import Any

import pytest
from psycopg import sql

from api.composition import Services
from projections.assets.fold import ASSETS
from projections.contents.fold import CONTENTS
from projections.engine.engine import Engine
from projections.engine.old_versions import drop_old
from projections.engine.rebuild import rebuild
from projections.projection import Projection
from tests.conftest import new_tenant
from tests.projections.tables import contents


def older(services: Services) -> Projection[Any]:
    """What an older release calls version 1 of the assets, with its table and its own place in the logs."""
    projection = replace(ASSETS, version=1)
    engine = Engine(services.projector, services.engine._decode.__self__, [projection])  # type: ignore[attr-defined]
    engine.tables.install()
    engine.progress.enrol()
    while engine.step(projection):
        pass
    return projection


def test_a_rebuild_leaves_the_tables_and_places_of_older_versions_alone(quiet: Services) -> None:
    new_tenant(quiet)
    old = older(quiet)
    before = contents(quiet, old)
    rebuild(quiet.engine, ASSETS)
    quiet.engine.tables.reset(ASSETS)
    assert contents(quiet, old) == before
    assert quiet.engine.progress.totals(old)[0] == quiet.engine.progress.totals(old)[1] == 1


def test_they_are_dropped_on_purpose_and_only_they(quiet: Services) -> None:
    new_tenant(quiet)
    old = older(quiet)
    rebuild(quiet.engine, ASSETS)
    now = contents(quiet, ASSETS)
    assert drop_old(quiet.projector, ASSETS) == ["assets_v1"]
    assert drop_old(quiet.projector, ASSETS) == drop_old(quiet.projector, CONTENTS) == []
    assert contents(quiet, ASSETS) == now
    with quiet.projector.connection() as connection, pytest.raises(Exception, match="does not exist"):
        connection.execute(sql.SQL("SELECT FROM {}").format(sql.Identifier("read_models", old.table.name)))
    assert quiet.engine.progress.totals(old)[0] == 0


def test_a_version_that_is_new_where_there_are_events_is_made_anew(quiet: Services) -> None:
    new_tenant(quiet)
    with quiet.projector.connection() as connection:
        connection.execute("DROP VIEW queries.contents_v1; DROP TABLE read_models.contents_v1")
        connection.execute("DELETE FROM read_models.progress WHERE projection = 'contents'")
    quiet.engine.tables.install()
    assert quiet.engine.tables.rebuilding(CONTENTS)
    rebuild(quiet.engine, CONTENTS)
    assert not quiet.engine.tables.rebuilding(CONTENTS)
