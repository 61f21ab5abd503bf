"""The append function and the refusals around it: dense positions, conflicts, isolation, nobody edits the log."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.errors import ClockAheadError, MalformedEntryError, TenantNotFoundError
from infra.databases import Databases
from infra.event_log import append_call
from infra.sql import load_statements
from tests.conftest import context, empty_log
from tests.infra.grouping import TOPIC, document, document_of, entry

APPEND = load_statements(append_call.__file__, "queries.sql")["append"]
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)

NewEvent = tuple[UUID, int, UUID, int, datetime]
"""One event of a group: tenant, append number, originator, revision, recorded at."""


def group(*events: NewEvent) -> dict[str, Any]:
    """The parameters of one call."""
    tenants, numbers, originators, revisions, times = (list(column) for column in zip(*events, strict=True))
    documents = [document(tenant, id_, revision, "test") for tenant, _, id_, revision, _ in events]
    return {
        "tenant_ids": tenants,
        "append_numbers": numbers,
        "policy_revisions": [None] * len(events),
        "originator_ids": originators,
        "originator_versions": revisions,
        "topics": ["test"] * len(events),
        "recorded_ats": times,
        "sizes": list(map(len, documents)),
        "entries": b"".join(documents),
        "head_wait": None,
        "again": False,
        "server_started_at": None,
        "server_timeline": None,
    }


def append(connection: psycopg.Connection[Any], *events: NewEvent) -> list[int | None]:
    """The position of each event, None where its append met a conflict."""
    return [position for position, *_ in connection.execute(APPEND, group(*events)).fetchall()]


def test_a_group_gets_dense_positions_in_each_tenants_log(quiet: Services) -> None:
    a, b, asset = empty_log(quiet), empty_log(quiet), uuid7()
    with quiet.database.connection() as connection:
        assert append(connection, (a, 1, asset, 1, NOW), (b, 2, asset, 1, NOW), (a, 3, asset, 2, NOW)) == [1, 1, 2]
        assert append(connection, (b, 1, asset, 2, NOW), (a, 2, asset, 3, NOW)) == [2, 3]


def test_an_append_that_meets_a_taken_revision_is_left_out_whole_and_the_rest_stays_dense(quiet: Services) -> None:
    tenant, existing, other, third = empty_log(quiet), uuid7(), uuid7(), uuid7()
    with quiet.database.connection() as connection:
        assert append(connection, (tenant, 1, existing, 1, NOW)) == [1]
        positions = append(
            connection,
            (tenant, 1, other, 1, NOW),
            (tenant, 2, third, 1, NOW),
            (tenant, 2, existing, 1, NOW),
            (tenant, 3, other, 2, NOW),
        )
    assert positions == [2, None, None, 3]
    assert quiet.log.of(tenant).recorder.select_events(third) == []
    assert quiet.log.of(tenant).head() == 3


def test_of_two_appends_of_one_group_with_the_same_revision_the_first_wins(quiet: Services) -> None:
    tenant, asset = empty_log(quiet), uuid7()
    with quiet.database.connection() as connection:
        assert append(connection, (tenant, 1, asset, 1, NOW), (tenant, 2, asset, 1, NOW)) == [1, None]


def test_an_append_for_a_tenant_without_a_log_is_refused_and_nothing_of_its_group_is_kept(quiet: Services) -> None:
    tenant, asset = empty_log(quiet), uuid7()
    with (
        quiet.database.connection() as connection,
        pytest.raises(psycopg.Error, match="no log") as refusal,
    ):
        append(connection, (tenant, 1, asset, 1, NOW), (uuid7(), 2, asset, 1, NOW))
    assert refusal.value.sqlstate == "AL001"
    assert quiet.log.of(tenant).head() == 0
    with pytest.raises(TenantNotFoundError):
        quiet.log.of(stranger := uuid7()).recorder.append([entry(stranger)])


def test_a_guard_sees_what_was_committed_while_it_waited_for_the_head(quiet: Services, databases: Databases) -> None:
    tenant, asset = empty_log(quiet), uuid7()
    with psycopg.connect(databases.service) as first, ThreadPoolExecutor(1) as others:
        assert append(first, (tenant, 1, asset, 1, NOW)) == [1]
        second = others.submit(_append_alone, databases, (tenant, 1, asset, 1, NOW), (tenant, 2, asset, 2, NOW))
        _wait_until_blocked(databases)
        first.commit()
        assert second.result(30) == [None, 2]


def _append_alone(databases: Databases, *events: NewEvent) -> list[int | None]:
    with psycopg.connect(databases.service, application_name="second") as connection:
        return append(connection, *events)


def _wait_until_blocked(databases: Databases) -> None:
    blocked = """SELECT FROM pg_stat_activity
                  WHERE application_name = 'second' AND cardinality(pg_blocking_pids(pid)) > 0"""
    deadline = time.monotonic() + 30
    with psycopg.connect(str(databases.owner), autocommit=True) as watching:
        while not watching.execute(blocked).fetchall():
            assert time.monotonic() < deadline, "the second append never queued on the head"


def test_a_clock_more_than_five_seconds_ahead_is_refused(quiet: Services) -> None:
    tenant = empty_log(quiet)
    recorder = quiet.log.of(tenant).recorder
    ahead = datetime.now(UTC) + timedelta(seconds=6)
    with pytest.raises(ClockAheadError):
        recorder.append([entry(tenant, at=ahead)])
    assert recorder.head() == 0


def test_effective_time_never_falls_and_is_what_a_time_stands_for(quiet: Services) -> None:
    tenant = empty_log(quiet)
    recorder = quiet.log.of(tenant).recorder
    seconds = [10, 7, 12, 12, 11]
    entries = [recorder.append([entry(tenant, at=NOW - timedelta(minutes=1, seconds=-s))])[0] for s in seconds]
    assert [e.effective_at.second for e in entries] == [10, 10, 12, 12, 12]
    at = {s: recorder.position_at(NOW - timedelta(minutes=1, seconds=-s)) for s in range(8, 14)}
    assert at == {8: 0, 9: 0, 10: 2, 11: 2, 12: 5, 13: 5}


def test_an_entry_beyond_65535_bytes_is_refused_by_the_table_too(quiet: Services) -> None:
    tenant, fits, too_large = empty_log(quiet), uuid7(), uuid7()
    recorder = quiet.log.of(tenant).recorder
    recorder.append([entry(tenant, fits, state=document_of(65_535, tenant, fits, 1, TOPIC))])
    with pytest.raises(psycopg.errors.CheckViolation):
        recorder.append([entry(tenant, too_large, state=document_of(65_536, tenant, too_large, 1, TOPIC))])
    assert recorder.head() == 1


REFUSED: dict[str, Callable[[list[int], bytes], dict[str, Any]]] = {
    "no bytes": lambda _sizes, _bytes: {"sizes": [0, 0], "entries": b""},
    "one entry empty": lambda sizes, _bytes: {"sizes": [0, sum(sizes)]},
    "fewer bytes than the sizes say": lambda _sizes, bytes_: {"entries": bytes_[:-1]},
    "more bytes than the sizes say": lambda _sizes, bytes_: {"entries": bytes_ + b"}"},
    "a byte of the second in the first": lambda sizes, _bytes: {"sizes": [sizes[0] + 1, sizes[1] - 1]},
    "a size that is unknown": lambda sizes, _bytes: {"sizes": [sizes[0], None]},
    "another tenant's": lambda _sizes, bytes_: {"entries": bytes_[:15] + b"f" * 8 + bytes_[23:]},
    "another stream's": lambda _sizes, _bytes: {"originator_ids": [uuid7(), uuid7()]},
    "another revision": lambda _sizes, _bytes: {"originator_versions": [1, 2]},
    "another topic": lambda _sizes, _bytes: {"topics": ["test", "tested"]},
    "another first member": lambda _sizes, bytes_: {"entries": bytes_.replace(b"tenant_id", b"tenant_no")},
    "no end": lambda _sizes, bytes_: {"entries": bytes_[:-1] + b"]"},
}


@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED)
def test_bytes_that_are_not_what_their_columns_say_are_refused_with_their_whole_group(
    quiet: Services, change: Callable[[list[int], bytes], dict[str, Any]]
) -> None:
    tenant = empty_log(quiet)
    call = group((tenant, 1, uuid7(), 1, NOW), (tenant, 2, uuid7(), 1, NOW))
    with quiet.database.connection() as connection:
        with pytest.raises(psycopg.Error) as refusal:
            connection.execute(APPEND, call | change(call["sizes"], call["entries"]))
        assert refusal.value.sqlstate == "AL004"
    assert quiet.log.of(tenant).head() == 0


def test_an_entry_of_another_tenant_is_not_appended(quiet: Services) -> None:
    tenant, other = empty_log(quiet), empty_log(quiet)
    with pytest.raises(MalformedEntryError, match="begins with"):
        quiet.log.of(tenant).recorder.append([entry(other)])
    assert quiet.log.of(tenant).head() == 0


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO ledger.events SELECT * FROM ledger.events",
        "UPDATE ledger.events SET topic = 'forged'",
        "DELETE FROM ledger.events",
        "TRUNCATE ledger.events",
        "UPDATE ledger.log_heads SET position = 0",
        "DELETE FROM ledger.log_heads",
        "TRUNCATE ledger.log_heads",
        "INSERT INTO ledger.log_heads (tenant_id) VALUES (gen_random_uuid())",
    ],
)
@pytest.mark.parametrize("role", ["service", "projector"])
def test_the_services_own_roles_can_write_the_log_only_by_the_append_function(
    quiet: Services, databases: Databases, role: str, statement: str
) -> None:
    _append_alone(databases, (empty_log(quiet), 1, uuid7(), 1, NOW))
    with psycopg.connect(getattr(databases, role)) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(statement.encode())


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.events SET topic = 'forged'",
        "DELETE FROM ledger.events",
        "TRUNCATE ledger.events",
        "DELETE FROM ledger.log_heads",
        "TRUNCATE ledger.log_heads",
    ],
)
def test_even_the_owner_cannot_change_or_remove_an_event(quiet: Services, databases: Databases, statement: str) -> None:
    _append_alone(databases, (empty_log(quiet), 1, uuid7(), 1, NOW))
    with psycopg.connect(str(databases.owner)) as connection, pytest.raises(psycopg.Error) as refusal:
        connection.execute(statement.encode())
    assert refusal.value.sqlstate == "AL003"


@pytest.mark.parametrize("table", ["log_heads", "events", "tenants", "api_keys"])
def test_a_session_sees_only_the_tenant_it_has_named(quiet: Services, databases: Databases, table: str) -> None:
    mine, other = (quiet.tenants.create(context(), name) for name in ("mine", "other"))
    for tenant in (mine, other):
        quiet.api_keys.issue(context(), tenant, context().actor)
    count = f"SELECT DISTINCT tenant_id FROM ledger.{table}"  # noqa: S608 - a name of the test's own
    with psycopg.connect(databases.service) as connection:
        assert connection.execute(count.encode()).fetchall() == []
        connection.execute("SELECT set_config('ledger.tenant_id', %s, true)", (str(mine),))
        assert connection.execute(count.encode()).fetchall() == [(mine,)]
