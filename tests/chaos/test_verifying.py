"""The checks at the end of a run find what is wrong, and nothing where nothing is."""

from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg import sql
from psycopg.conninfo import make_conninfo
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.asset import creation
from domain.asset.inputs import NewAsset
from infra.databases import Databases
from infra.settings import Settings
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from tests.chaos.plan import FOLLOWERS, Plan, Size
from tests.chaos.reading import keep, page, read_seen
from tests.chaos.records import Records
from tests.chaos.verifying import verify_log, verify_read_models
from tests.conftest import context, empty_log, new_tenant
from tests.infra.grouping import entry
from tests.projections.tables import catch_up


class Ledger:
    """A log of two tenants with three events each, and true records of it."""

    def __init__(self, services: Services, databases: Databases, settings: Settings, directory: Path) -> None:
        tenants = empty_log(services), empty_log(services)
        self.services = services
        self.plan = Plan(directory, 1, Size(1), databases, databases, settings, tenants)
        self.records = Records(directory, "writer")
        self.superuser = make_conninfo(str(databases.owner), user="postgres")
        self.entries = [entry(tenants[0]) for _ in range(3)]
        for tenant, entries in enumerate((self.entries, [entry(tenants[1]) for _ in range(3)])):
            self.records.write("attempts", tenant, entries)
            self.records.write("acks", tenant, entries, self.append(tenant, entries))
        self.refused = [entry(tenants[0]), entry(tenants[0])]
        self.records.write("attempts", 0, self.refused)
        self.records.write("refusals", 0, self.refused)
        self.follow()

    def append(self, tenant: int, entries: Sequence[StoredEvent]) -> list[int]:
        """Append to the log behind the records' back; returns the positions."""
        recorder = self.services.log.of(self.plan.tenants[tenant]).recorder
        return [place.position for place in recorder.append(entries)]

    def follow(self) -> None:
        """Let every follower read to the end."""
        for number in range(FOLLOWERS):
            seen = read_seen(self.plan.directory, f"follower-{number}")
            for tenant in self.plan.tenants:
                page(self.services.log.of(tenant).recorder, seen)
            keep(self.plan.directory, f"follower-{number}", seen)

    def forge(self, statement: str, tenant: UUID) -> None:
        """Change the log as nobody may."""
        with psycopg.connect(self.superuser) as connection:
            connection.execute("SET session_replication_role = replica")  # no triggers
            connection.execute(statement.encode(), (tenant,))

    def wrong(self) -> set[str]:
        """What the checks find."""
        return {what for what, many in verify_log(self.plan, self.superuser).items() if many}


@pytest.fixture
def ledger(quiet: Services, databases: Databases, settings: Settings, tmp_path: Path) -> Ledger:
    """A ledger that is as it should be."""
    return Ledger(quiet, databases, settings, tmp_path)


def test_nothing_is_found_where_nothing_is_wrong(ledger: Ledger) -> None:
    assert ledger.wrong() == set()


def _told_what_is_not_there(ledger: Ledger) -> None:
    ledger.records.write("acks", 0, ledger.refused[:1], [4])


def _told_twice(ledger: Ledger) -> None:
    ledger.records.write("acks", 0, ledger.entries[:1], [1])


def _unheard_of(ledger: Ledger) -> None:
    ledger.append(0, [entry(ledger.plan.tenants[0])])


def _refused_and_kept(ledger: Ledger) -> None:
    ledger.append(0, ledger.refused[:1])


def _twice(ledger: Ledger) -> None:
    copied = """INSERT INTO ledger.events
        SELECT tenant_id, 4, gen_random_uuid(), 1, topic, effective_at, entry FROM ledger.events
         WHERE tenant_id = %s AND position = 1"""
    ledger.forge(copied, ledger.plan.tenants[0])
    ledger.forge("UPDATE ledger.log_heads SET position = 4 WHERE tenant_id = %s", ledger.plan.tenants[0])


def _revision_skipped(ledger: Ledger) -> None:
    ledger.append(0, [entry(ledger.plan.tenants[0], revision=2)])


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (_told_what_is_not_there, "acknowledged events that are not in the log as they were told"),
        (_told_twice, "acknowledged events that were told twice"),
        (_unheard_of, "events that nobody attempted"),
        (_refused_and_kept, "events that were refused and are in the log"),
        (_twice, "events in the log twice"),
        (_revision_skipped, "revisions that were skipped"),
        (_unheard_of, "logs that a follower saw otherwise"),
    ],
)
def test_what_was_recorded_otherwise_is_found(ledger: Ledger, plant: Callable[[Ledger], None], finding: str) -> None:
    plant(ledger)
    assert finding in ledger.wrong()


@pytest.mark.parametrize(
    ("statement", "finding"),
    [
        ("DELETE FROM ledger.events WHERE tenant_id = %s AND position = 2", "positions that are not dense"),
        ("DELETE FROM ledger.events WHERE tenant_id = %s AND position = 3", "heads that are not at the last position"),
        (
            "UPDATE ledger.events SET effective_at = now() + interval '1 day' WHERE tenant_id = %s AND position = 1",
            "effective times that fall",
        ),
        (
            "UPDATE ledger.events SET entry = 'forged' WHERE tenant_id = %s AND position = 1",
            "acknowledged events that are not in the log as they were told",
        ),
        (
            "UPDATE ledger.events SET entry = 'forged' WHERE tenant_id = %s AND position = 1",
            "logs that a follower saw otherwise",
        ),
    ],
)
def test_a_forged_log_is_found(ledger: Ledger, statement: str, finding: str) -> None:
    ledger.forge(statement, ledger.plan.tenants[1])
    assert finding in ledger.wrong()


def test_what_a_killed_process_wrote_half_is_left_out(ledger: Ledger) -> None:
    for path in ledger.plan.directory.glob("acks-*"):
        path.write_bytes(path.read_bytes()[:-10])
    assert ledger.wrong() == set()


def test_a_read_model_that_is_not_as_its_rebuild_makes_it_is_found(quiet: Services) -> None:
    tenant = new_tenant(quiet)
    new = NewAsset.model_validate({"media": {"media_kind": "image"}, "name": "Castle"})
    quiet.log.of(tenant).record(creation.create(context(), tenant, uuid7(), new))
    catch_up(quiet)
    assert verify_read_models(quiet, [ASSETS, AUDIT_TRAIL]) == {}
    with quiet.projector.connection() as connection:
        table = sql.Identifier("read_models", ASSETS.table.name)
        connection.execute(sql.SQL("UPDATE {} SET name = 'forged'").format(table))
    differences = verify_read_models(quiet, [ASSETS, AUDIT_TRAIL])
    assert list(differences) == [ASSETS.name]
    assert verify_read_models(quiet, [ASSETS, AUDIT_TRAIL]) == {}, "the rebuild has mended it"
