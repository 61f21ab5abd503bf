"""Snapshots are never believed against the log, and harm nobody."""

import os
from dataclasses import replace
from threading import Event as Flag

import psycopg
import pytest
from psycopg.errors import InsufficientPrivilege

from api.application.assets import Assets
from api.application.session import Session
from api.composition import Services
from domain.errors import KeyUnavailableError
from domain.reference import Reference
from infra.databases import Databases
from infra.encryption_keys.known_keys import KnownKeys
from infra.event_log.replay import PAGE
from infra.event_log.snapshots import EVERY, SnapshotWriter, seal, unseal
from projections.states import ASSET
from tests.conftest import new_tenant
from tests.infra.embedding import eventually
from tests.infra.histories import ANN, changed, from_the_log, named, revisions


@pytest.fixture
def session(services: Services) -> Session:
    return services.session(new_tenant(services), ANN)


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
    eventually(lambda: revisions(session, asset_id) == [EVERY])  # the read has asked for a new one, too
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


def test_a_snapshot_of_another_log_with_the_same_revisions_is_ignored(session: Session, services: Services) -> None:
    asset_id = changed(session, EVERY)
    snapshot, entries = session.log.recorder.select_from_snapshot(asset_id, ASSET.name, PAGE)
    assert snapshot is not None
    state = session.log.state(asset_id, ASSET, revision=EVERY)
    described = replace(state, row=state.row._replace(description="there only"))
    elsewhere = snapshot._replace(state=ASSET.dump(described))
    for entry, believed in ((entries[0].state, True), (entries[0].state + b" ", False)):
        session.log.recorder.keep_snapshot(ASSET.name, seal(services.encryption_keys, ASSET, elsewhere, entry))
        assert (session.log.state(asset_id, ASSET) != from_the_log(session, asset_id)) is believed


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


def test_who_has_no_key_any_more_reads_neither_entries_nor_snapshots(quiet: Services, databases: Databases) -> None:
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
    quiet.encryption_keys._keys = KnownKeys(1)

    assert unseal(quiet.encryption_keys, ASSET, snapshot, entries[0].state) is None
    with pytest.raises(KeyUnavailableError):
        session.log.state(asset_id, ASSET)


def test_what_is_not_committed_is_in_no_snapshot(session: Session) -> None:
    asset_id = changed(session, EVERY - 2)
    assets = Assets(session)

    def rolled_back() -> None:
        with session.database.transaction(session.tenant_id):
            for number in range(EVERY):
                assets.change(asset_id, named(-number), None, None)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        rolled_back()
    eventually(lambda: not session.log._snapshots._pending)
    assert revisions(session, asset_id) == []
    assert assets.asset(asset_id).revision == EVERY - 1


def test_what_cannot_be_kept_harms_nobody(services: Services) -> None:
    with SnapshotWriter(services.encryption_keys) as writer:
        done = Flag()

        def fail() -> None:
            raise InsufficientPrivilege

        writer.ask("a", fail)
        writer.ask("b", done.set)
        assert done.wait(10)
    writer.ask("c", done.clear)
    assert done.is_set(), "a closed writer takes nothing"


def test_a_forked_process_keeps_snapshots_of_its_own(services: Services) -> None:
    with SnapshotWriter(services.encryption_keys) as writer:
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
    assets = Assets(session)
    assets.link(asset_id, (Reference(kind="message", id="m2"),), None)
    session.log.keep_snapshots(asset_id, ASSET)

    assert assets.link(asset_id, (Reference(kind="message", id="m2"),), None) == set()
    assert assets.asset(asset_id).links == ["message:m1", "message:m2"]
