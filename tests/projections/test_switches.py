"""A read model is built beside the one that serves, compared, switched to and rolled back; readers see whole rows."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

from api.application.switches import BuildsDifferError, NoBuildError, Switches
from api.composition import Services
from domain.event import Actor, Recorded
from domain.reference import Reference
from domain.tenant.events import ProjectionSwitched
from projections.assets.fold import ASSETS, AssetRow
from projections.catalogue import CATALOGUE
from projections.checkpoints import lags, reached
from projections.contents.fold import CONTENTS
from projections.engine.build_comparison import BuildBehindError
from projections.engine.builds import BuildInUseError, SwitchUnfinishedError, serving, serving_build
from projections.engine.old_versions import drop_old, drop_unused
from projections.engine.rebuild import fold_until, rebuild
from projections.list_transaction import require_whole
from projections.paging import Moment
from projections.projection import Changes, Key, Projection, with_values
from projections.queries.assets import ASSET_LIST
from projections.queries.audit_trail import list_trail, positions_of_topics
from projections.queries.contents import bytes_there, due_for_purge, superseded, tenants_with_old_content
from projections.queries.differences import list_differences
from projections.queries.filters import AssetFilter, AuditFilter, JobFilter, StatisticsFilter
from projections.queries.jobs import JOB_LIST
from projections.queries.lineage import lineage_of, node_of
from projections.queries.statistics import list_statistics
from projections.served_builds import EVERYBODY
from tests.conftest import new_tenant
from tests.projections.mixed_history import record_everything
from tests.projections.tables import catch_up, contents
from tests.projections.test_engine import record

ROOT = Actor(id="root", type="user")


def switches(services: Services, projection: Projection[Any] = ASSETS) -> Switches:
    """An operator's switches of a read model."""
    return Switches(
        services.engine, services.projector, lambda tenant_id: services.session(tenant_id, ROOT), projection
    )


def build_beside(services: Services, projection: Projection[Any] = ASSETS) -> None:
    """The build that does not serve, made anew."""
    rebuild(services.engine, switches(services, projection).candidate(), beside=True, restart=True)


def a_minute_later(services: Services) -> None:
    """Let the last switch be long ago: no list that began before it can still be read."""
    with services.projector.connection() as connection:
        connection.execute("UPDATE read_models.served_builds SET switched_at = switched_at - interval '61 s'")


def listed(
    services: Services,
    tenant_id: UUID,
    selected: AssetFilter = AssetFilter(),  # noqa: B008 - nobody changes it
) -> list[tuple[UUID, str | None]]:
    """The assets that the list shows, with their names."""
    return [(row.asset_id, row.name) for row in ASSET_LIST.page(services.database, tenant_id, selected, 100).items]


def faulty(rows: Mapping[Key, AssetRow], recorded: Recorded) -> Changes[AssetRow]:
    """The fold of assets with a fault: what is recorded at position 3 has a wrong name."""
    changes = ASSETS.fold(rows, recorded)
    if recorded.position != 3:
        return changes
    return {key: row and with_values(row, {"name": "Fortress"}) for key, row in changes.items()}


def forgetful(rows: Mapping[Key, AssetRow], recorded: Recorded) -> Changes[AssetRow]:
    """The fold of assets with another fault: what is recorded at position 3 is forgotten."""
    return {} if recorded.position == 3 else ASSETS.fold(rows, recorded)


@pytest.fixture
def tenants(quiet: Services) -> Iterator[list[UUID]]:
    """Three tenants with three assets each, folded."""
    tenant_ids = [new_tenant(quiet) for _ in range(3)]
    for tenant_id in tenant_ids:
        record(quiet, tenant_id, 3)
    catch_up(quiet)
    yield tenant_ids
    assert quiet.engine.progress.miscounted() == []
    assert quiet.engine.progress.failures() == []


def test_lists_are_whole_while_a_build_is_made_and_after_the_switch_and_the_rollback(
    quiet: Services, tenants: list[UUID]
) -> None:
    before = [listed(quiet, tenant_id) for tenant_id in tenants]
    quiet.engine.slices.begin_rebuild(ASSETS.beside, quiet.engine.tables, beside=True)
    require_whole(quiet.database, tenants[0], (ASSETS,))
    assert ASSET_LIST.page(quiet.database, tenants[0], AssetFilter(), 100).rebuilding == ()
    assert [listed(quiet, tenant_id) for tenant_id in tenants] == before

    build_beside(quiet)
    assert switches(quiet).switch("mended") == 3
    assert set(serving(quiet.projector, ASSETS).values()) == {"assets_b"}
    assert [listed(quiet, tenant_id) for tenant_id in tenants] == before

    assert switches(quiet).roll_back("taken back") == 3
    assert set(serving(quiet.projector, ASSETS).values()) == {"assets"}
    assert [listed(quiet, tenant_id) for tenant_id in tenants] == before


def test_each_tenant_s_log_records_who_switched_why_and_what_was_compared(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    switches(quiet).switch("mended", ["subject"])
    switches(quiet).roll_back("taken back")

    for tenant_id in tenants:
        switched, back = (recorded.event for recorded in quiet.log.of(tenant_id).page(4, 6, 2))
        assert isinstance(switched, ProjectionSwitched)
        assert isinstance(back, ProjectionSwitched)
        assert {switched.projection, back.projection} == {"assets"}
        assert {switched.version, back.version} == {ASSETS.version}
        assert [(each.build, each.previous) for each in (switched, back)] == [
            ("assets_b", "assets"),
            ("assets", "assets_b"),
        ]
        assert [each.envelope.reason for each in (switched, back)] == ["mended", "taken back"]
        assert {each.envelope.actor for each in (switched, back)} == {ROOT}
        assert (switched.compared_at, switched.rows, switched.expected) == (4, 3, ("subject",))
        assert (back.compared_at, back.rows, back.expected) == (None, None, ())


def test_every_read_of_a_tenant_reads_the_build_that_serves(quiet: Services) -> None:
    tenant_id, now = new_tenant(quiet), timedelta(0)
    record_everything(quiet, tenant_id)
    catch_up(quiet)
    log = quiet.log.of(tenant_id)
    head = log.head()

    then, claim = Moment(head, head), node_of("reference", "claim:c7")

    def answers() -> list[Any]:
        database, by_job = quiet.database, AssetFilter(ref=[Reference(kind="claim", id="c7")])
        assets = [row.asset_id for row in ASSET_LIST.page(database, tenant_id, AssetFilter(), 200).items]
        return [
            assets,
            ASSET_LIST.count(database, tenant_id, by_job),
            [row.job_id for row in JOB_LIST.page(database, tenant_id, JobFilter(), 200).items],
            [
                entry.position
                for entry in list_trail(database, quiet.log.of(tenant_id), AuditFilter(), 200, None, head).items
            ],
            positions_of_topics(database, tenant_id, ["asset.created"], 0, head, 100)[1],
            bytes_there(database, tenant_id, assets),
            due_for_purge(database, tenant_id, now, 100),
            [row.asset_id for row in ASSET_LIST.page(database, tenant_id, AssetFilter(), 200, as_of=then).items],
            [row.job_id for row in JOB_LIST.page(database, tenant_id, JobFilter(), 200, as_of=then).items],
            list_differences(database, tenant_id, AssetFilter(), 200, None, "desc", (Moment(1, 1), then)).items,
            list_statistics(database, tenant_id, StatisticsFilter(), 200).items,
            lineage_of(database, tenant_id, claim, ("down",), 5).nodes,
            tenants_with_old_content(quiet.projector, now),
            superseded(database, tenant_id, now, 100),
        ]

    before = answers()
    for projection in CATALOGUE:
        build_beside(quiet, projection)
        switches(quiet, projection).switch(None)
    catch_up(quiet)
    with quiet.projector.connection() as connection:
        for table in (table for projection in CATALOGUE for table in projection.tables):
            connection.execute(sql.SQL("TRUNCATE {}").format(sql.Identifier("read_models", table.name)))
    assert answers() == before
    assert all(before[:-1]), "only of superseded content there is none"


@pytest.mark.parametrize(
    ("fold", "difference"),
    [
        (faulty, "name 'Castle' -> 'Fortress'"),
        (forgetful, "missing in assets_b"),
    ],
)
def test_a_build_with_a_fault_is_refused_and_the_diff_names_the_rows(
    quiet: Services, tenants: list[UUID], fold: Any, difference: str
) -> None:
    wrong = {tenant_id: listed_at(quiet, tenant_id, 3) for tenant_id in tenants}
    rebuild(quiet.engine, replace(ASSETS.beside, fold=fold), beside=True)

    with pytest.raises(BuildsDifferError, match="assets, which serves, and assets_b differ") as refused:
        switches(quiet).switch("mended")

    assert {comparison.tenant_id for comparison in refused.value.comparisons} == set(tenants)
    for comparison in refused.value.comparisons:
        assert (comparison.position, comparison.rows, comparison.differing) == (4, 3, 1)
        (example,) = comparison.examples
        assert str(example) == f"asset_id={wrong[comparison.tenant_id]}: {difference}"
    assert set(serving(quiet.projector, ASSETS).values()) == {"assets"}
    assert [quiet.log.of(tenant_id).head() for tenant_id in tenants] == [4, 4, 4]


@pytest.mark.parametrize(("fold", "expected"), [(faulty, "name"), (forgetful, "rows")])
def test_a_difference_that_is_expected_is_no_reason_to_refuse(
    quiet: Services, tenants: list[UUID], fold: Any, expected: str
) -> None:
    rebuild(quiet.engine, replace(ASSETS.beside, fold=fold), beside=True)
    with pytest.raises(BuildsDifferError):
        switches(quiet).switch("mended", [{"name": "rows", "rows": "name"}[expected]])
    assert switches(quiet).switch("mended", [expected]) == len(tenants)


def test_a_row_that_only_the_new_build_has_is_a_difference(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    with quiet.projector.connection() as connection:
        table = sql.Identifier("read_models", ASSETS.table.name)
        first = sql.SQL("DELETE FROM {} WHERE tenant_id = %s AND created_position = 2").format(table)
        connection.execute(first, [tenants[0]])
    with pytest.raises(BuildsDifferError) as refused:
        switches(quiet).switch(None)
    (comparison,) = refused.value.comparisons
    assert [example.missing_in for example in comparison.examples] == ["assets"]


def test_many_rows_that_differ_are_counted_and_some_are_shown(quiet: Services, tenants: list[UUID]) -> None:
    record(quiet, tenants[0], 20)
    catch_up(quiet)
    build_beside(quiet)
    with quiet.projector.connection() as connection:
        table = sql.Identifier("read_models", ASSETS.beside.table.name)
        connection.execute(sql.SQL("UPDATE {} SET name = 'x' WHERE tenant_id = %s").format(table), [tenants[0]])
    with pytest.raises(BuildsDifferError) as refused:
        switches(quiet).switch(None)
    (comparison,) = refused.value.comparisons
    assert (comparison.differing, len(comparison.examples)) == (23, 10)


def test_builds_are_brought_to_one_position_before_they_are_compared(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    record(quiet, tenants[0], 2)
    assert quiet.engine.step(ASSETS, only=tenants[0]) == 2
    record(quiet, tenants[1], 2)
    assert quiet.engine.step(ASSETS.beside, only=tenants[1]) == 2
    assert switches(quiet).switch(None) == 3
    assert [len(listed(quiet, tenant_id)) for tenant_id in tenants] == [5, 5, 3]


def test_a_build_that_has_stopped_cannot_serve(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    record(quiet, tenants[0], 1)
    catch_up(quiet)
    with quiet.projector.connection() as connection:
        stopped = connection.execute(
            "UPDATE read_models.progress SET position = 4, applied = 4, counted_to = 4, failed_position = 5,"
            " failure = 'KeyError: 7' WHERE projection = 'assets_b' AND tenant_id = %s",
            [tenants[0]],
        )
        assert stopped.rowcount == 1
    with pytest.raises(BuildBehindError, match=r"assets_b stopped at position 5 of tenant .*: KeyError: 7"):
        switches(quiet).switch(None)
    assert set(serving(quiet.projector, ASSETS).values()) == {"assets"}
    quiet.engine.progress.retry(ASSETS.beside)


@pytest.mark.usefixtures("tenants")
def test_nothing_is_switched_to_before_it_is_built_whole(quiet: Services) -> None:
    with pytest.raises(NoBuildError, match="assets_b is not built: run `asset-ledger projections rebuild assets --b"):
        switches(quiet).switch(None)
    quiet.engine.slices.begin_rebuild(ASSETS.beside, quiet.engine.tables, beside=True)
    with pytest.raises(NoBuildError):
        switches(quiet).switch(None)
    with pytest.raises(NoBuildError, match="No build of assets has served before"):
        switches(quiet).roll_back(None)
    assert set(serving(quiet.projector, ASSETS).values()) == {"assets"}
    rebuild(quiet.engine, ASSETS.beside, beside=True)


@pytest.mark.usefixtures("tenants")
def test_there_is_no_way_back_to_a_build_that_was_made_anew_or_dropped(quiet: Services) -> None:
    for lose in (lambda: build_beside(quiet), lambda: drop_unused(quiet.projector, ASSETS)):
        build_beside(quiet)
        switches(quiet).switch(None)
        a_minute_later(quiet)
        lose()
        with pytest.raises(NoBuildError):
            switches(quiet).roll_back(None)


def test_a_build_that_serves_is_neither_made_anew_beside_nor_dropped(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    switches(quiet).switch(None)
    before = contents(quiet, ASSETS), contents(quiet, ASSETS.beside)
    for build in ASSETS.builds:  # the one serves, the other did until now
        with pytest.raises(BuildInUseError, match=f"Tenants are served from {build.name}, or were within"):
            rebuild(quiet.engine, build, beside=True)
    assert drop_unused(quiet.projector, ASSETS) == []
    assert (contents(quiet, ASSETS), contents(quiet, ASSETS.beside)) == before

    a_minute_later(quiet)
    with pytest.raises(BuildInUseError):
        rebuild(quiet.engine, ASSETS.beside, beside=True)
    assert drop_unused(quiet.projector, ASSETS) == [ASSETS.table.name]
    assert {lag.projection for lag in quiet.engine.progress.lag()} >= {"assets_b", "contents"}
    assert "assets" not in {lag.projection for lag in quiet.engine.progress.lag()}
    assert [len(listed(quiet, tenant_id)) for tenant_id in tenants] == [3, 3, 3]


def test_after_the_old_build_is_dropped_all_goes_on_with_the_new_one(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    switches(quiet).switch(None)
    a_minute_later(quiet)
    drop_unused(quiet.projector, ASSETS)

    quiet.engine.tables.install()
    assert not quiet.engine.tables.present(ASSETS)
    later = new_tenant(quiet)
    record(quiet, later, 2)
    fold_until(quiet.engine, quiet.database, later, [ASSETS], 3)
    assert len(listed(quiet, later)) == 2
    assert reached(quiet.database, later, [ASSETS]) == 3
    catch_up(quiet)
    assert [(lag.projection, lag.position) for lag in lags(quiet.database, tenants[0], [ASSETS])] == [("assets", 5)]

    rebuild(quiet.engine, serving_build(quiet.projector, ASSETS))
    assert len(listed(quiet, later)) == 2
    assert switches(quiet).candidate() == ASSETS
    build_beside(quiet)
    assert switches(quiet).switch(None) == 4


def test_a_list_says_that_the_build_which_serves_it_is_rebuilt_in_place(quiet: Services, tenants: list[UUID]) -> None:
    build_beside(quiet)
    switches(quiet).switch(None)
    quiet.engine.slices.begin_rebuild(ASSETS.beside, quiet.engine.tables)
    assert ASSET_LIST.page(quiet.database, tenants[0], AssetFilter(), 100).rebuilding == ("assets",)
    rebuild(quiet.engine, ASSETS.beside)


@pytest.mark.parametrize("stands_in", [ASSETS.beside.table.name, f"{ASSETS.table.name}_of_no_build"])
def test_a_list_does_not_trust_what_it_knows_of_the_builds_that_served_last(
    quiet: Services, tenants: list[UUID], stands_in: str
) -> None:
    build_beside(quiet)
    named = AssetFilter(name="castle")
    expected = listed(quiet, tenants[0], named)
    assert expected
    with quiet.projector.connection() as connection:
        connection.execute(sql.SQL("DELETE FROM read_models.{}").format(sql.Identifier(ASSETS.beside.table.name)))
    known = quiet.database.known_tables
    known[tenants[0], ASSETS.name] = {ASSETS.table.name: stands_in}

    assert [listed(quiet, tenants[0], named) for _ in range(3)] == [expected] * 3
    assert not known.get((tenants[0], ASSETS.name))


@pytest.mark.parametrize("back", [False, True], ids=["finished", "undone"])
def test_a_switch_that_was_cut_short_is_finished_or_undone(quiet: Services, tenants: list[UUID], *, back: bool) -> None:
    build_beside(quiet)
    with pytest.raises(KeyboardInterrupt):
        switches(quiet).switch(None, on_switched=interrupting(after=1))
    assert sorted(serving(quiet.projector, ASSETS).values()) == ["assets", "assets", "assets", "assets_b"]
    with pytest.raises(SwitchUnfinishedError, match="Some tenants are served from assets and some from assets_b"):
        serving_build(quiet.projector, ASSETS)
    with pytest.raises(BuildInUseError):
        build_beside(quiet)
    assert [len(listed(quiet, tenant_id)) for tenant_id in tenants] == [3, 3, 3]

    assert (switches(quiet).roll_back(None) if back else switches(quiet).switch(None)) == (1 if back else 2)
    assert serving_build(quiet.projector, ASSETS) == (ASSETS if back else ASSETS.beside)
    assert [len(listed(quiet, tenant_id)) for tenant_id in tenants] == [3, 3, 3]


@pytest.mark.usefixtures("tenants")
def test_a_tenant_that_comes_later_is_served_like_the_others(quiet: Services) -> None:
    build_beside(quiet)
    switches(quiet).switch(None)
    later = new_tenant(quiet)
    record(quiet, later, 1)
    catch_up(quiet)
    assert serving(quiet.projector, ASSETS)[later] == serving(quiet.projector, ASSETS)[EVERYBODY] == "assets_b"
    assert len(listed(quiet, later)) == 1
    assert switches(quiet).roll_back(None) == 4
    assert len(listed(quiet, later)) == 1


def test_the_service_s_role_cannot_see_or_switch_the_builds_of_others(quiet: Services, tenants: list[UUID]) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        quiet.database.transaction(tenants[0]) as connection,
    ):
        connection.execute("SELECT FROM read_models.served_builds")


@pytest.mark.usefixtures("tenants")
def test_tables_of_older_versions_go_with_both_their_builds(quiet: Services) -> None:
    build_beside(quiet, CONTENTS)
    newer = replace(CONTENTS, version=CONTENTS.version + 1)
    quiet.engine.tables.reset(newer)
    assert drop_old(quiet.projector, newer) == [build.table.name for build in CONTENTS.builds]


def interrupting(after: int) -> Any:
    """Reports of progress, of which the one after so many tenants is never ended."""

    def report(done: int, _total: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    return report


def listed_at(services: Services, tenant_id: UUID, position: int) -> UUID:
    """The asset that was recorded at a position."""
    (recorded,) = services.log.of(tenant_id).page(position - 1, position, 1)
    return recorded.event.originator_id
