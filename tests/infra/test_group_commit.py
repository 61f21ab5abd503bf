"""The one writer of a process: everybody is answered, each refusal is its own, and a held head delays only itself."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from psycopg import sql
from uuid_utils.compat import uuid7

from api.composition import Services
from api.http.app import create_app
from api.http.server import listening, serving
from domain.errors import (
    ClockAheadError,
    LogBusyError,
    MalformedEntryError,
    QueueFullError,
    ServiceUnavailableError,
    TenantNotFoundError,
)
from domain.event import Actor
from infra.database import Database
from infra.databases import Databases
from infra.event_log.append_call import Append, PolicyChangedError
from infra.event_log.group_commit import GroupWriter
from infra.event_log.lanes import MOST_LANES
from infra.event_log.log import EventLog
from infra.event_log.mapper import SealingMapper
from infra.event_log.pending_append import Patience
from infra.event_log.snapshots import SnapshotWriter
from tests.conftest import context, empty_log
from tests.infra.embedding import eventually
from tests.infra.grouping import TOPIC, an_append, bytes_at, document_of, entry, held, held_up, stored

PATIENT = Patience(head=30_000)
"""Waits for a head as long as a test may take, so that what comes meanwhile becomes one group."""


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """Connections for a writer of the test's own."""
    with Database(databases.service, size=1 + MOST_LANES) as database:
        yield database


@pytest.fixture
def patient(database: Database) -> Iterator[GroupWriter]:
    """A writer that waits long for a head."""
    with GroupWriter(database, patience=PATIENT) as writer:
        yield writer


@pytest.fixture
def writer(database: Database) -> Iterator[GroupWriter]:
    """A writer as the service has it."""
    with GroupWriter(database) as writer:
        yield writer


def test_what_waits_together_is_committed_together_and_every_caller_gets_its_own_answer(
    quiet: Services, databases: Databases, patient: GroupWriter
) -> None:
    tenants = [empty_log(quiet) for _ in range(4)]
    appends = [Append(tenant, [entry(tenant), entry(tenant)], None) for tenant in tenants for _ in range(10)]
    with held_up(databases, patient, empty_log(quiet)) as gathering:
        answers = gathering.ask(*appends)
    for tenant in tenants:
        answered = [
            bytes_at(append, answer.result(30))
            for append, answer in zip(appends, answers, strict=True)
            if append.tenant_id == tenant
        ]
        assert {position: state for answer in answered for position, state in answer.items()} == stored(quiet, tenant)
        assert set(stored(quiet, tenant)) == set(range(1, 21))
    assert transactions(databases, tenants) == 1


def transactions(databases: Databases, tenants: list[UUID]) -> int:
    """How many transactions wrote the tenants' logs."""
    count = "SELECT count(DISTINCT xmin::text) FROM ledger.events WHERE tenant_id = ANY (%s)"
    with psycopg.connect(str(databases.owner)) as connection:
        row = connection.execute(count, (tenants,)).fetchone()
    assert row is not None
    return int(row[0])


def too_large(tenant: UUID) -> Append:
    """An append of an entry that has one byte too many."""
    id_ = uuid7()
    return an_append(tenant, id_, state=document_of(65_536, tenant, id_, 1, TOPIC))


WRONG: dict[type[Exception], Any] = {
    IntegrityError: an_append,
    PolicyChangedError: lambda tenant, _: an_append(tenant, policy_revision=7),
    TenantNotFoundError: lambda *_: an_append(uuid7()),
    ClockAheadError: lambda tenant, _: an_append(tenant, at=datetime.now(UTC) + timedelta(minutes=1)),
    psycopg.errors.CheckViolation: lambda tenant, _: too_large(tenant),
    MalformedEntryError: lambda tenant, _: an_append(tenant, state=b"{}"),
}


@pytest.mark.parametrize("kinds", [[kind] for kind in WRONG] + [list(WRONG)], ids=lambda k: f"{len(k)}{k[0].__name__}")
def test_in_one_group_each_refusal_is_its_own_and_the_rest_is_committed(
    quiet: Services, databases: Databases, patient: GroupWriter, kinds: list[type[Exception]]
) -> None:
    tenant, existing = empty_log(quiet), uuid7()
    patient.append(an_append(tenant, existing))
    right = [an_append(tenant, policy_revision=0), an_append(tenant), an_append(empty_log(quiet))]
    with held_up(databases, patient, empty_log(quiet)) as gathering:
        first = gathering.ask(right[0])
        wrong = gathering.ask(*(WRONG[kind](tenant, existing) for kind in kinds))
        rest = gathering.ask(*right[1:])
    for kind, answer in zip(kinds, wrong, strict=True):
        error = answer.exception(30)
        assert type(error) is kind
    assert [answer.result(30)[0].position for answer in first + rest] == [2, 3, 1]
    assert list(stored(quiet, tenant)) == [1, 2, 3]


def test_an_append_of_no_events_is_told_so_and_disturbs_nobody(
    quiet: Services, databases: Databases, patient: GroupWriter
) -> None:
    tenant = empty_log(quiet)
    with held_up(databases, patient, empty_log(quiet)) as gathering:
        nothing = Append(tenant, [], None)
        answers = gathering.ask(nothing, an_append(tenant), nothing, an_append(tenant), nothing)
    answered = [[place.position for place in answer.result(30)] for answer in answers]
    assert answered == [[], [1], [], [2], []]


def test_a_tenant_whose_head_a_stranger_holds_delays_only_itself_and_is_answered_once_it_is_free(
    quiet: Services, databases: Databases, writer: GroupWriter
) -> None:
    locked, free = empty_log(quiet), empty_log(quiet)
    with ThreadPoolExecutor(8) as callers:
        with held(databases, locked):
            delayed = [callers.submit(writer.append, an_append(locked)) for _ in range(3)]
            for position in range(1, 11):
                assert callers.submit(writer.append, an_append(free)).result(30)[0].position == position
            assert not any(answer.done() for answer in delayed)
        assert {answer.result(30)[0].position for answer in delayed} == {1, 2, 3}


def test_a_head_that_stays_locked_is_told_as_busy_and_nothing_was_appended(quiet: Services, database: Database) -> None:
    locked = empty_log(quiet)
    with GroupWriter(database, patience=Patience(head=10, lane=100)) as writer:
        with quiet.database.transaction(locked):
            quiet.log.of(locked).recorder.lock_head()
            with ThreadPoolExecutor(1) as elsewhere, pytest.raises(LogBusyError):
                elsewhere.submit(writer.append, an_append(locked)).result(30)
        assert stored(quiet, locked) == {}
        assert writer.append(an_append(locked))[0].position == 1


def test_a_statement_that_the_database_gives_up_is_told_as_unavailable_and_nothing_was_appended(
    quiet: Services, databases: Databases
) -> None:
    tenant = empty_log(quiet)
    with psycopg.connect(str(databases.owner), autocommit=True) as owner:
        limit = sql.SQL("ALTER DATABASE {} SET statement_timeout = '100ms'")
        owner.execute(limit.format(sql.Identifier(owner.info.dbname)))
    with (
        Database(databases.service) as database,
        GroupWriter(database, patience=PATIENT) as writer,
        ThreadPoolExecutor(4) as callers,
    ):
        with held(databases, tenant):
            answers = [callers.submit(writer.append, an_append(tenant)) for _ in range(4)]
            assert {type(answer.exception(30)) for answer in answers} == {ServiceUnavailableError}
        assert writer.append(an_append(tenant))[0].position == 1


def test_of_more_locked_tenants_than_there_are_lanes_the_rest_is_told_at_once_that_they_are_busy(
    quiet: Services, databases: Databases, writer: GroupWriter
) -> None:
    tenants, free = [empty_log(quiet) for _ in range(MOST_LANES + 1)], empty_log(quiet)
    with ThreadPoolExecutor(MOST_LANES + 1) as callers:
        with held(databases, *tenants):
            answers = [callers.submit(writer.append, an_append(tenant)) for tenant in tenants]
            refused = next(as_completed(answers, 30))
            assert isinstance(refused.exception(30), LogBusyError)
            assert writer.append(an_append(free))[0].position == 1
        answers.remove(refused)
        assert [answer.result(30)[0].position for answer in answers] == [1] * MOST_LANES


def test_a_full_queue_refuses_what_comes_next_and_answers_what_is_in_it(
    quiet: Services, databases: Databases, database: Database
) -> None:
    tenant = empty_log(quiet)
    with GroupWriter(database, most_waiting=3, patience=PATIENT) as writer:
        with held_up(databases, writer, empty_log(quiet)) as gathering:
            answers = gathering.ask(*(an_append(tenant) for _ in range(3)))
            with pytest.raises(QueueFullError):
                writer.append(an_append(tenant))
        assert [answer.result(30)[0].position for answer in answers] == [1, 2, 3]
        assert writer.append(an_append(tenant))[0].position == 4


def test_over_http_a_full_queue_is_a_503_that_says_when_to_try_again(quiet: Services, database: Database) -> None:
    tenant = quiet.tenants.create(context(), "crowded")
    key = quiet.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
    head = quiet.log.of(tenant).head()
    with GroupWriter(database, most_waiting=0) as full:
        crowded = replace(
            quiet,
            log=EventLog(
                quiet.database, full, SealingMapper(quiet.encryption_keys), SnapshotWriter(quiet.encryption_keys)
            ),
        )
        with serving(create_app(lambda: nullcontext(crowded)), listening("127.0.0.1", 0)) as url:
            answer = httpx.post(
                f"{url}/v1/assets", json={"media": {"media_kind": "image"}}, headers={"Authorization": f"Bearer {key}"}
            )
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:asset-ledger:problem:queue-full"
    assert quiet.log.of(tenant).head() == head


def test_closing_answers_everybody_who_waits_and_refuses_whoever_comes_after(
    quiet: Services, databases: Databases, database: Database
) -> None:
    tenant = empty_log(quiet)
    writer = GroupWriter(database, patience=PATIENT)
    with ThreadPoolExecutor(1) as elsewhere:
        with held_up(databases, writer, empty_log(quiet)) as gathering:
            answers = gathering.ask(*(an_append(tenant) for _ in range(20)))
            closing = elsewhere.submit(writer.close)
        closing.result(30)
    assert [answer.result(30)[0].position for answer in answers] == list(range(1, 21))
    with pytest.raises(ServiceUnavailableError, match="stopping"):
        writer.append(an_append(tenant))
    assert len(stored(quiet, tenant)) == 20


def test_closing_waits_for_those_who_wait_for_a_locked_head(
    quiet: Services, databases: Databases, database: Database
) -> None:
    locked, free = empty_log(quiet), empty_log(quiet)
    writer = GroupWriter(database)
    with ThreadPoolExecutor(4) as callers:
        with held(databases, locked):
            delayed = callers.submit(writer.append, an_append(locked))
            writer.append(an_append(free))
            closing = callers.submit(writer.close)
        closing.result(30)
        assert delayed.result(30)[0].position == 1


def test_an_append_that_slips_in_while_the_writer_closes_is_answered_and_leaves_no_thread_behind(
    quiet: Services, database: Database
) -> None:
    tenant = empty_log(quiet)
    writer = GroupWriter(database)
    writer.close()
    writer._closed = False  # as whoever asked just before sees it
    with suppress(ServiceUnavailableError):
        assert writer.append(an_append(tenant))[0].position == 1
    eventually(lambda: not [thread for thread in writer.threads if thread.is_alive()])


def test_however_many_append_while_it_closes_each_is_answered_and_told_the_truth(
    quiet: Services, database: Database
) -> None:
    tenant = empty_log(quiet)
    for _ in range(20):
        writer = GroupWriter(database)
        appends = [an_append(tenant) for _ in range(16)]
        with ThreadPoolExecutor(16) as callers:
            answers = [callers.submit(writer.append, append) for append in appends]
            writer.close()
        answered: dict[int, bytes] = {}
        for append, answer in zip(appends, answers, strict=True):
            error = answer.exception(30)
            if error is None:
                answered |= bytes_at(append, answer.result())
            else:
                assert type(error) is ServiceUnavailableError
        log = stored(quiet, tenant)
        assert answered.items() <= log.items()
        assert {append.entries[0].state for append in appends} & set(log.values()) == set(answered.values())
