"""Snapshots keep reads and changes as cheap as on the first day."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from api.application.asset_creation import AssetCreation
from api.application.assets import Assets
from api.application.jobs import Jobs
from api.application.session import Session
from api.composition import Services
from domain.asset.inputs import NewAsset
from domain.event import Event
from domain.job.inputs import Failure, NewJob
from infra.event_log.group_commit import GroupWriter
from infra.event_log.log import EventLog
from infra.event_log.mapper import SealingMapper, Stored
from infra.event_log.replay import PAGE
from infra.event_log.snapshots import EVERY, SnapshotWriter
from infra.tenants import TENANT
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.comparison import ComparedMoment
from projections.queries.audit_trail import list_trail
from projections.queries.filters import AuditFilter
from projections.states import ASSET, JOB
from tests.conftest import context, new_tenant
from tests.infra.embedding import eventually
from tests.infra.histories import ANN, CHANGES, NEW, changed, from_the_log, named, revisions


class Counting(SealingMapper):
    """Counts the entries that are opened."""

    opened = 0

    def read(self, tenant_id: UUID, stored: Stored) -> Event:
        self.opened += 1
        return super().read(tenant_id, stored)

    @contextmanager
    def at_most(self, most: int) -> Iterator[None]:
        before = self.opened
        yield
        assert self.opened - before <= most


@pytest.fixture
def counting(services: Services) -> Iterator[tuple[Session, Counting]]:
    """A session with a tenant of its own, whose log counts what it opens; its snapshots are kept in a thread."""
    mapper = Counting(services.encryption_keys)
    with GroupWriter(services.database) as writer, SnapshotWriter(services.encryption_keys) as snapshots:
        log = EventLog(services.database, writer, mapper, snapshots)
        yield replace(services, log=log).session(new_tenant(services), ANN), mapper


@pytest.fixture
def session(services: Services) -> Session:
    return services.session(new_tenant(services), ANN)


def test_a_read_opens_few_entries_however_many_there_are(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    assets, asset_id = Assets(session), changed(session)

    with mapper.at_most(EVERY):
        assert assets.asset(asset_id).name == f"Name {CHANGES - 1}"
    with mapper.at_most(EVERY):
        assert assets.asset(asset_id, revision=200).name == "Name 198"
    with mapper.at_most(2 * EVERY):
        assert assets.asset(asset_id, as_of=assets.asset(asset_id, revision=100).position).revision == 100


def test_a_change_opens_few_entries_and_none_after_it_is_recorded(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    assets, asset_id = Assets(session), changed(session)

    with mapper.at_most(EVERY):
        row = assets.change(asset_id, named(-1), None, None)

    assert row == assets.asset(asset_id)
    assert row.revision == CHANGES + 2


def test_every_page_of_a_history_opens_about_as_many_entries(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    assets, asset_id = Assets(session), changed(session)

    names: list[str] = []
    cursor = None
    while names == [] or cursor:
        with mapper.at_most(EVERY + 21):
            page = assets.events(asset_id, 20, cursor)
        names += [change.after for entry in page.items for change in entry.changes if change.field == "name"]
        befores = [change.before for entry in page.items[1:] for change in entry.changes if change.field == "name"]
        assert befores == names[-len(page.items) : -1]
        cursor = page.next

    assert names == ["Castle", *(f"Name {number}" for number in range(CHANGES))]


def test_a_comparison_opens_few_entries_however_many_lie_between(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    assets, asset_id = Assets(session), changed(session)

    with mapper.at_most(2 * EVERY + 1):
        comparison = assets.diff(asset_id, ComparedMoment(revision=40), ComparedMoment(revision=CHANGES - 40))

    assert (comparison.before.revision, comparison.after.revision) == (40, CHANGES - 40)
    assert [(change.before, change.after) for change in comparison.changes] == [("Name 38", f"Name {CHANGES - 42}")]


def test_a_page_of_the_audit_trail_does_not_open_whole_histories(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    asset_id = changed(session)
    eventually(lambda: session.reached([AUDIT_TRAIL]) == session.reached([]))

    with mapper.at_most(EVERY + 20):
        page = list_trail(session.database, session.log, AuditFilter(asset=asset_id), 20)

    assert [entry.revision for entry in page.items] == list(range(CHANGES + 1, CHANGES - 19, -1))
    assert [entry.changes[0].before for entry in page.items] == [f"Name {CHANGES - n}" for n in range(2, 22)]


def test_jobs_and_tenants_have_snapshots_too(counting: tuple[Session, Counting], services: Services) -> None:
    session, mapper = counting
    jobs = Jobs(session)
    job_id = jobs.request(NewJob(media_kind="image"), None)[0].job_id
    for attempt in range(1, 20):
        jobs.change(job_id, lambda job, context: job.start(context, attempt), None)  # noqa: B023
        failure = Failure(attempt=attempt, code="full")
        jobs.change(job_id, lambda job, context: job.fail(context, failure), None)  # noqa: B023
        jobs.change(job_id, lambda job, context: job.requeue(context, attempt), None)  # noqa: B023
    for _ in range(40):
        services.api_keys.issue(context(), session.tenant_id, ANN)
    folds: list[tuple[UUID, Any]] = [(job_id, JOB), (session.tenant_id, TENANT)]
    for originator_id, fold in folds:
        session.log.keep_snapshots(originator_id, fold)
        whole = fold.after(None, session.log.history(originator_id))
        with mapper.at_most(EVERY):
            assert session.log.state(originator_id, fold) == whole
        assert revisions(session, originator_id)[0] == EVERY


def test_a_snapshot_of_a_subject_without_sealed_data_misses_no_key(quiet: Services) -> None:
    session = quiet.session(new_tenant(quiet), ANN)
    new = NewAsset.model_validate({"media": {"media_kind": "image"}, "subject": "u_43"})
    asset_id = AssetCreation(session).create(new)[0].asset_id
    asset = session.log.state(asset_id, ASSET).asset
    session.log.record(*(replace(asset, version=n).put_hold(context(), f"h{n}")[0] for n in range(1, EVERY + 1)))
    session.log.keep_snapshots(asset_id, ASSET)

    assert revisions(session, asset_id) == [EVERY]
    assert quiet.encryption_keys.problem() is None


def test_at_every_revision_the_nearest_snapshot_and_the_rest_make_what_the_log_makes(session: Session) -> None:
    asset_id = changed(session, 3 * EVERY)
    assert revisions(session, asset_id) == [EVERY, 2 * EVERY, 3 * EVERY]

    for revision in range(1, 3 * EVERY + 2):
        expected = from_the_log(session, asset_id, revision)
        assert session.log.state(asset_id, ASSET, revision=revision) == expected
        assert expected is not None
        assert session.log.state(asset_id, ASSET, position=expected.row.position) == expected


def test_who_reads_much_has_snapshots_kept_without_waiting_for_them(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    assets = Assets(session)
    asset_id = AssetCreation(session).create(NEW)[0].asset_id
    for number in range(3 * EVERY):
        assets.change(asset_id, named(number), None, None)

    eventually(lambda: len(revisions(session, asset_id)) >= 2)
    with mapper.at_most(2 * EVERY):
        assert assets.asset(asset_id).revision == 3 * EVERY + 1


def test_a_history_longer_than_a_page_is_read_to_its_end_without_any_snapshot(session: Session) -> None:
    asset_id = changed(session, 2 * PAGE)
    with session.database.transaction(session.tenant_id) as connection:
        connection.execute("DELETE FROM ledger.snapshots WHERE originator_id = %s", (asset_id,))

    assert session.log.state(asset_id, ASSET) == from_the_log(session, asset_id)
    assert session.log.state(asset_id, ASSET, revision=PAGE) == from_the_log(session, asset_id, PAGE)
