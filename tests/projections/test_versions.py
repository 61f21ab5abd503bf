"""A list as of a moment is the list of a catalogue that was made from the log up to that moment, and no further."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from uuid_utils.compat import uuid7

from api.application.assets import Assets
from api.application.session import Session
from api.composition import Services
from api.workers.worker import own_session
from domain.asset import creation
from domain.asset.inputs import NewAsset
from domain.errors import ReadModelRebuildingError
from domain.reference import Reference
from infra.databases import Databases
from projections import row_versions
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_terms.fold import ASSET_TERMS
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.catalogue import PROJECTIONS
from projections.engine.rebuild import rebuild
from projections.job_references.fold import JOB_REFERENCES
from projections.job_versions.fold import JOB_VERSIONS
from projections.jobs.fold import JOBS
from projections.lineage.fold import LINEAGE
from projections.paging import Moment
from projections.projection import Projection
from projections.queries.filters import AssetFilter
from projections.states import ASSET
from projections.statistics import rows as statistics_rows
from projections.statistics.fold import STATISTICS
from tests.conftest import context, new_tenant
from tests.projections.questions import answers, asked_for
from tests.projections.tables import catch_up, contents, fold_all
from tests.projections.test_everything import Everything

NOW = (ASSETS, ASSET_REFERENCES, ASSET_TERMS, JOBS, JOB_REFERENCES, LINEAGE, STATISTICS)
CUT = "UPDATE ledger.log_heads SET position = %s WHERE tenant_id = %s"
MOMENTS = 10
"""So many positions of a log are compared at the most."""


def as_of(position: int) -> Moment:
    return Moment(position, position)


class LookingBack(Everything):
    """The same commands, after which the logs are cut at some positions, and the lists there compared."""

    owner: str

    def teardown(self) -> None:
        sessions: list[Session] = getattr(self, "sessions", [])
        filters = [asked_for(self.services, session.tenant_id) for session in sessions]
        heads = [session.log.head() for session in sessions]
        for projection in NOW:
            self.services.engine.tables.reset(projection)
        then = []
        for share in range(MOMENTS + 1):
            for session, head in zip(sessions, heads, strict=True):
                self.cut(session.tenant_id, head * share // MOMENTS)
            for projection in NOW:
                while self.services.engine.step(projection):
                    pass
            then.append([answers(*each) for each in zip(sessions, filters, strict=True)])
        for session, head in zip(sessions, heads, strict=True):
            self.cut(session.tenant_id, head)
        for projection in NOW:
            rebuild(self.services.engine, projection)
        catch_up(self.services)
        for share in range(MOMENTS + 1):
            for number, (session, head) in enumerate(zip(sessions, heads, strict=True)):
                assert answers(session, filters[number], as_of(head * share // MOMENTS)) == then[share][number]
        assert not self.services.engine.progress.failures()

    def cut(self, tenant_id: UUID, position: int) -> None:
        """Let the log end at the position."""
        with psycopg.connect(self.owner) as connection:
            connection.execute(CUT, (position, tenant_id))


@pytest.mark.parametrize("most_held", [1, 200])
def test_a_list_of_the_past_is_that_of_a_catalogue_made_from_the_log_as_it_was(
    quiet: Services, databases: Databases, monkeypatch: pytest.MonkeyPatch, most_held: int
) -> None:
    class OnThisLedger(LookingBack):
        services = quiet
        owner = str(databases.owner)

    monkeypatch.setattr(row_versions, "MOST_HELD", most_held)
    monkeypatch.setattr(statistics_rows, "SPAN", 1 + most_held % 7)
    profile = settings(max_examples=5, stateful_step_count=20, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(OnThisLedger, settings=profile)


@pytest.fixture
def linked(quiet: Services) -> tuple[Session, UUID]:
    """An asset that was linked to one message, then to others one by one, and then to none of them."""
    session = own_session(quiet, new_tenant(quiet))
    new = NewAsset.model_validate({"media": {"media_kind": "image"}, "references": ["message:m0"]})
    (recorded,) = session.log.record(creation.create(context(), session.tenant_id, uuid7(), new))
    asset_id = recorded.event.originator_id
    messages = [Reference(kind="message", id=f"m{number}") for number in range(row_versions.MOST_HELD + 2)]
    for message in messages[1:]:
        session.log.change(asset_id, ASSET, lambda state, m=message: state.asset.link(context(), (m,)))  # type: ignore[misc]
    session.log.change(asset_id, ASSET, lambda state: state.asset.unlink(context(), tuple(messages)))
    catch_up(quiet)
    return session, asset_id


def test_versions_do_not_hold_long_lists_over_and_over_and_show_them_all_the_same(linked: tuple[Session, UUID]) -> None:
    session, asset_id = linked
    folded = fold_all(ASSET_VERSIONS, session.log.history(asset_id))
    held = [row.links for row in folded.values()]
    assert max(len(links) for links in held if links is not None) == row_versions.MOST_HELD
    assert held[-1] is None  # once they are too many, the log has them
    for recorded in [*session.log.history(asset_id)][-3:]:
        (row,) = Assets(session).find(AssetFilter(), 1, None, as_of=as_of(recorded.position)).items
        assert row == Assets(session).asset(asset_id, revision=recorded.event.originator_version)
    assert row.links == []


def test_a_version_ends_where_the_next_one_begins(linked: tuple[Session, UUID]) -> None:
    session, asset_id = linked
    rows = [*fold_all(ASSET_VERSIONS, session.log.history(asset_id)).values()]
    assert [row.next_position for row in rows] == [*(row.position for row in rows[1:]), None]


@pytest.mark.parametrize(("versions", "listed"), [(ASSET_VERSIONS, ASSETS), (JOB_VERSIONS, JOBS)])
def test_a_table_of_versions_has_the_columns_of_the_rows_and_their_end(
    quiet: Services, versions: Projection[Any], listed: Projection[Any]
) -> None:
    columns = []
    with quiet.projector.connection() as connection:
        for projection in (versions, listed):
            rows = connection.execute(
                "SELECT attname, atttypid::regtype::text FROM pg_attribute"
                " WHERE attrelid = to_regclass('read_models.' || %s) AND attnum > 0 ORDER BY attnum",
                (projection.table.name,),
            ).fetchall()
            columns.append(rows)
    assert columns[0] == [*columns[1], ("next_position", "bigint")]
    assert [name for name, _ in columns[0]] == [*versions.table.columns]


def test_a_reference_that_comes_and_goes_is_there_when_it_was(quiet: Services) -> None:
    session = own_session(quiet, new_tenant(quiet))
    message, new = Reference(kind="message", id="m1"), NewAsset.model_validate({"media": {"media_kind": "file"}})
    (recorded,) = session.log.record(creation.create(context(), session.tenant_id, uuid7(), new))
    for change in ("link", "unlink") * 3:
        session.log.change(
            recorded.event.originator_id,
            ASSET,
            lambda state, change=change: getattr(state.asset, change)(context(), (message,)),  # type: ignore[misc]
        )
    catch_up(quiet)
    positions = range(session.log.head() + 1)
    there = [Assets(session).count(AssetFilter(ref=[message]), as_of(position)) for position in positions]
    first = recorded.position
    assert there == [0] * (first + 1) + [1, 0] * 3
    assert Assets(session).count(AssetFilter(ref=[message])) == 0


def test_a_list_of_the_past_is_refused_while_it_may_miss_something(
    quiet: Services, linked: tuple[Session, UUID]
) -> None:
    assets = Assets(linked[0])
    for projection in (ASSET_VERSIONS, ASSET_REFERENCES):
        quiet.engine.tables.reset(projection)
        with pytest.raises(ReadModelRebuildingError, match=projection.name):
            assets.find(AssetFilter(), 1, None, as_of=as_of(2))
        with pytest.raises(ReadModelRebuildingError, match=projection.name):
            assets.count(AssetFilter(), as_of(2))
        rebuild(quiet.engine, projection)
    assert assets.count(AssetFilter(), as_of(2)) == 1


@pytest.mark.usefixtures("linked")
def test_versions_that_are_made_anew_are_the_same_to_the_byte(quiet: Services) -> None:
    for name in ("asset_versions", "job_versions", "asset_references"):
        live = contents(quiet, PROJECTIONS[name])
        rebuild(quiet.engine, PROJECTIONS[name])
        assert contents(quiet, PROJECTIONS[name]) == live
