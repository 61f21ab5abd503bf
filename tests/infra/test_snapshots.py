"""Snapshots keep reads and changes as cheap as on the first day, and are never believed against the log."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Event as Flag
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from api.composition import Services
from api.jobs import Jobs
from api.ledger import Ledger
from api.session import Session
from domain.asset.asset import Asset
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewAsset, NewDescription
from domain.errors import KeyUnavailableError
from domain.event import Actor, Context, Event
from domain.job.inputs import Failure, NewJob
from domain.reference import Reference
from infra.event_log.group_commit import GroupWriter
from infra.event_log.log import EventLog
from infra.event_log.mapper import SealingMapper, Stored
from infra.event_log.replay import PAGE
from infra.event_log.snapshots import EVERY, SnapshotWriter, opened
from infra.servers import Servers
from infra.tenants import TENANT
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.audit_trail.read import AuditFilter
from projections.states import ASSET, JOB, AssetState
from tests.conftest import context, new_tenant
from tests.infra.embedding import eventually

CHANGES = 300
ANN = Actor(id="ann", type="user")
NEW = NewAsset.model_validate(
    {"media": {"media_kind": "image"}, "name": "Castle", "tags": ["a"], "references": ["message:m1"], "subject": "u_42"}
)


class Counting(SealingMapper):
    """Counts the entries that are opened."""

    opened = 0

    def to_domain_event(self, stored_event: Stored) -> Event:
        self.opened += 1
        return super().to_domain_event(stored_event)

    @contextmanager
    def at_most(self, most: int) -> Iterator[None]:
        before = self.opened
        yield
        assert self.opened - before <= most


def named(number: int) -> Callable[[Asset, Context], tuple[AssetEvent, ...]]:
    return lambda asset, context: asset.describe(context, NewDescription(name=f"Name {number}"))


@pytest.fixture
def counting(services: Services) -> Iterator[tuple[Session, Counting]]:
    """A session with a tenant of its own, whose log counts what it opens; its snapshots are kept in a thread."""
    mapper = Counting(services.keys)
    with GroupWriter(services.database) as writer, SnapshotWriter(services.keys) as snapshots:
        log = EventLog(services.database, writer, mapper, snapshots)
        yield replace(services, log=log).session(new_tenant(services), ANN), mapper


@pytest.fixture
def session(services: Services) -> Session:
    return services.session(new_tenant(services), ANN)


def changed(session: Session, changes: int = CHANGES) -> UUID:
    """An asset that was changed so many times, with the snapshots of it that are due."""
    ledger = Ledger(session)
    asset_id = ledger.create_asset(NEW)[0].asset_id
    state = session.log.state(asset_id, ASSET)
    events: list[AssetEvent] = []
    asset = state.asset
    for number in range(changes):
        (event,) = named(number)(asset, context())
        events.append(event)
        asset = replace(asset, version=event.originator_version, name=f"Name {number}")
    session.log.record(*events)
    session.log.keep_snapshots(asset_id, ASSET)
    return asset_id


def revisions(session: Session, originator_id: UUID) -> list[int]:
    """The revisions of which there are snapshots."""
    with session.database.transaction(session.tenant_id) as connection:
        rows = connection.execute(
            "SELECT originator_version FROM ledger.snapshots WHERE originator_id = %s ORDER BY 1", (originator_id,)
        ).fetchall()
    return [row[0] for row in rows]


def from_the_log(session: Session, asset_id: UUID, revision: int | None = None) -> AssetState | None:
    """The asset as all its events tell it."""
    return ASSET.after(None, session.log.history(asset_id, revision))


def test_a_read_opens_few_entries_however_many_there_are(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    ledger, asset_id = Ledger(session), changed(session)

    with mapper.at_most(EVERY):
        assert ledger.asset(asset_id).name == f"Name {CHANGES - 1}"
    with mapper.at_most(EVERY):
        assert ledger.asset(asset_id, revision=200).name == "Name 198"
    with mapper.at_most(2 * EVERY):
        assert ledger.asset(asset_id, as_of=ledger.asset(asset_id, revision=100).position).revision == 100


def test_a_change_opens_few_entries_and_none_after_it_is_recorded(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    ledger, asset_id = Ledger(session), changed(session)

    with mapper.at_most(EVERY):
        row = ledger.change_asset(asset_id, named(-1), None, None)

    assert row == ledger.asset(asset_id)
    assert row.revision == CHANGES + 2


def test_every_page_of_a_history_opens_about_as_many_entries(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    ledger, asset_id = Ledger(session), changed(session)

    names: list[str] = []
    cursor = None
    while names == [] or cursor:
        with mapper.at_most(EVERY + 21):
            page = ledger.asset_events(asset_id, 20, cursor)
        names += [change.after for entry in page.items for change in entry.changes if change.field == "name"]
        befores = [change.before for entry in page.items[1:] for change in entry.changes if change.field == "name"]
        assert befores == names[-len(page.items) : -1]
        cursor = page.next

    assert names == ["Castle", *(f"Name {number}" for number in range(CHANGES))]


def test_a_page_of_the_audit_trail_does_not_open_whole_histories(counting: tuple[Session, Counting]) -> None:
    session, mapper = counting
    ledger, asset_id = Ledger(session), changed(session)
    eventually(lambda: ledger.reached([AUDIT_TRAIL]) == ledger.reached([]))

    with mapper.at_most(EVERY + 20):
        page = ledger.audit(AuditFilter(asset=asset_id), 20, None)

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
        services.tenants.issue_key(context(), session.tenant_id, ANN)
    folds: list[tuple[UUID, Any]] = [(job_id, JOB), (session.tenant_id, TENANT)]
    for originator_id, fold in folds:
        session.log.keep_snapshots(originator_id, fold)
        whole = fold.after(None, session.log.history(originator_id))
        with mapper.at_most(EVERY):
            assert session.log.state(originator_id, fold) == whole
        assert revisions(session, originator_id)[0] == EVERY


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
    ledger = Ledger(session)
    asset_id = ledger.create_asset(NEW)[0].asset_id
    for number in range(3 * EVERY):
        ledger.change_asset(asset_id, named(number), None, None)

    eventually(lambda: len(revisions(session, asset_id)) >= 2)
    with mapper.at_most(2 * EVERY):
        assert ledger.asset(asset_id).revision == 3 * EVERY + 1


def test_a_history_longer_than_a_page_is_read_to_its_end_without_any_snapshot(session: Session) -> None:
    asset_id = changed(session, 2 * PAGE)
    with session.database.transaction(session.tenant_id) as connection:
        connection.execute("DELETE FROM ledger.snapshots WHERE originator_id = %s", (asset_id,))

    assert session.log.state(asset_id, ASSET) == from_the_log(session, asset_id)
    assert session.log.state(asset_id, ASSET, revision=PAGE) == from_the_log(session, asset_id, PAGE)


@pytest.mark.parametrize(
    "damage",
    [
        "state = set_byte(state, 40, get_byte(state, 40) # 1)",
        "state = ''",
        "state = 'no seal at all, only some bytes that somebody wrote'",
        "originator_version = originator_version + 1",
        "originator_version = 100000",
        "position = position - 1",
        "subject = 'u_43'",
        "subject = NULL",
    ],
)
def test_a_snapshot_that_was_touched_is_ignored_and_made_anew(session: Session, damage: str) -> None:
    asset_id = changed(session, EVERY + 10)
    expected = from_the_log(session, asset_id)
    with session.database.transaction(session.tenant_id) as connection:
        connection.execute(f"UPDATE ledger.snapshots SET {damage} WHERE originator_id = %s", (asset_id,))  # noqa: S608

    assert session.log.state(asset_id, ASSET) == expected
    session.log.keep_snapshots(asset_id, ASSET)
    assert revisions(session, asset_id) == [EVERY]
    assert session.log.state(asset_id, ASSET) == expected


def test_a_snapshot_of_another_asset_or_tenant_is_ignored(session: Session, services: Services) -> None:
    ours, theirs = changed(session, EVERY), changed(session, EVERY)
    with session.database.transaction(session.tenant_id) as connection:
        connection.execute(
            "UPDATE ledger.snapshots AS s SET state = t.state FROM ledger.snapshots AS t"
            " WHERE s.originator_id = %s AND t.originator_id = %s",
            (ours, theirs),
        )
    assert session.log.state(ours, ASSET) == from_the_log(session, ours)
    with services.database.transaction(new_tenant(services)) as connection:
        assert connection.execute("SELECT count(*) FROM ledger.snapshots").fetchall() == [(0,)]


def test_a_snapshot_of_another_log_with_the_same_revisions_is_ignored(session: Session) -> None:
    asset_id = changed(session, EVERY)
    snapshot, entries = session.log.recorder.select_from_snapshot(asset_id, ASSET.name, PAGE)
    assert snapshot is not None
    assert entries[0].originator_version == snapshot.originator_version == EVERY

    assert snapshot.binding(ASSET.name, entries[0].state) != snapshot.binding(ASSET.name, entries[0].state + b" ")


def test_a_snapshot_of_another_version_of_the_fold_is_never_read(session: Session) -> None:
    asset_id = changed(session, EVERY + 1)
    newer = replace(ASSET, version=ASSET.version + 1, step=lambda _, recorded: ASSET.step(None, recorded))

    assert newer.name != ASSET.name
    assert session.log.state(asset_id, replace(ASSET, version=2)) == from_the_log(session, asset_id)
    session.log.keep_snapshots(asset_id, replace(ASSET, version=2))
    assert revisions(session, asset_id) == [EVERY, EVERY]


def test_snapshots_of_folds_that_nobody_keeps_any_more_go(session: Session) -> None:
    asset_id = changed(session, EVERY + 1)
    with session.database.transaction(session.tenant_id) as connection:
        connection.execute("UPDATE ledger.snapshots SET kept_at = now() - interval '2 days'")

    session.log.keep_snapshots(asset_id, replace(ASSET, version=2))

    assert revisions(session, asset_id) == [EVERY]


def test_who_has_no_key_any_more_reads_neither_entries_nor_snapshots(quiet: Services, databases: Servers) -> None:
    session = quiet.session(new_tenant(quiet), ANN)
    asset_id = changed(session, EVERY + 1)
    snapshot, entries = session.log.recorder.select_from_snapshot(asset_id, ASSET.name, PAGE)
    assert snapshot is not None
    assert snapshot.subject == "u_42"
    assert b"Castle" not in snapshot.state
    assert b"Name" not in snapshot.state
    assert [entry.originator_version for entry in entries] == [EVERY, EVERY + 1, EVERY + 2]

    with psycopg.connect(str(databases.keys_owner)) as owner:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute("DELETE FROM keys.subject_keys WHERE subject = 'u_42'")
    quiet.keys._cached.cache_clear()

    assert opened(quiet.keys, ASSET, snapshot, entries[0].state) is None
    with pytest.raises(KeyUnavailableError):
        session.log.state(asset_id, ASSET)


def test_what_is_not_committed_is_in_no_snapshot(session: Session) -> None:
    asset_id = changed(session, EVERY - 2)
    ledger = Ledger(session)

    def rolled_back() -> None:
        with session.database.transaction(session.tenant_id):
            for number in range(EVERY):
                ledger.change_asset(asset_id, named(-number), None, None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rolled_back()
    eventually(lambda: session.log._snapshots.idle)
    assert revisions(session, asset_id) == []
    assert ledger.asset(asset_id).revision == EVERY - 1


def test_what_cannot_be_kept_harms_nobody(services: Services) -> None:
    with SnapshotWriter(services.keys) as writer:
        done = Flag()

        def fail() -> None:
            raise InsufficientPrivilege

        writer.ask("a", fail)
        writer.ask("b", done.set)
        assert done.wait(10)
    writer.ask("c", done.clear)
    assert done.is_set(), "a closed writer takes nothing"


def test_a_forked_process_keeps_snapshots_of_its_own(services: Services) -> None:
    with SnapshotWriter(services.keys) as writer:
        first = Flag()
        writer.ask("a", first.set)
        assert first.wait(10)
        child = os.fork()
        if child == 0:
            second = Flag()
            writer.ask("a", second.set)
            os._exit(0 if second.wait(10) else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_links_are_part_of_a_snapshot(session: Session) -> None:
    asset_id = changed(session, EVERY - 1)
    ledger = Ledger(session)
    ledger.link_asset(asset_id, (Reference(kind="message", id="m2"),), None)
    session.log.keep_snapshots(asset_id, ASSET)

    assert ledger.link_asset(asset_id, (Reference(kind="message", id="m2"),), None) == set()
    assert ledger.asset(asset_id).links == ["message:m1", "message:m2"]
