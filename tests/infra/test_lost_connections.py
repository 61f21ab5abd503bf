"""A connection lost between sending and hearing: what was sent is in the log once, and every caller is told its place.

The group writer sends the same bytes again, whether or not the server had got them.
"""

import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from eventsourcing.persistence import IntegrityError
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra.database import Database
from infra.databases import Databases
from infra.event_log.append_call import Append, PolicyChangedError, send
from infra.event_log.group_commit import GroupWriter
from infra.event_log.pending_append import Patience
from tests.chaos.cutting import LOSING, Cutter, When
from tests.conftest import empty_log
from tests.infra.grouping import an_append, bytes_at, entry, held, held_up, stored, until_blocked

PATIENT = Patience(head=30_000)


@pytest.fixture
def cutter(databases: Databases) -> Iterator[Cutter]:
    """A proxy before this test's databases."""
    with tempfile.TemporaryDirectory() as directory, Cutter(databases.service, Path(directory)) as cutter:
        yield cutter


@pytest.fixture
def writer(databases: Databases, cutter: Cutter) -> Iterator[GroupWriter]:
    """A writer behind the proxy, patient with heads."""
    with (
        Database(cutter.through(databases.service), size=4) as database,
        GroupWriter(database, patience=PATIENT) as writer,
    ):
        yield writer


@pytest.mark.parametrize(
    "whens",
    [
        *([when] for when in When),
        *([when, When.ANSWERED] for when in LOSING),
        [When.ANSWERED, When.BEFORE],
        list(When),
    ],
    ids=lambda whens: "-".join(when.name.lower() for when in whens),
)
def test_a_group_whose_answer_is_lost_is_committed_once_and_every_caller_gets_its_own_answer(
    quiet: Services, databases: Databases, cutter: Cutter, writer: GroupWriter, whens: list[When]
) -> None:
    tenant, other, existing = empty_log(quiet), empty_log(quiet), uuid7()
    writer.append(an_append(tenant, existing))
    right = [an_append(tenant), Append(tenant, [entry(tenant), entry(tenant)], 0), an_append(other)]
    with held_up(databases, writer, empty_log(quiet)) as gathering:
        answers = gathering.ask(*right)
        refused, elsewhere = gathering.ask(an_append(tenant, existing), an_append(tenant, policy_revision=7))
        cutter.cut_next(right[0].entries[0].state, *whens)
    answered = [bytes_at(append, answer.result(30)) for append, answer in zip(right, answers, strict=True)]
    assert type(refused.exception(30)) is IntegrityError
    assert type(elsewhere.exception(30)) is PolicyChangedError
    assert cutter.cut_counts == Counter(whens)
    assert [list(each) for each in answered] == [[2], [3, 4], [1]]
    assert answered[0] | answered[1] == {p: state for p, state in stored(quiet, tenant).items() if p > 1}
    assert answered[2] == stored(quiet, other)


def test_an_append_that_is_committed_after_its_connection_was_lost_is_told_its_place(
    quiet: Services, databases: Databases, cutter: Cutter, writer: GroupWriter
) -> None:
    tenant = empty_log(quiet)
    append = an_append(tenant)
    with ThreadPoolExecutor(1) as caller:
        with held(databases, tenant):
            answer = caller.submit(writer.append, append)
            until_blocked(databases, 1)
            cutter.cut_all()
            until_blocked(databases, 2)  # the one that lost its client, and the one that was sent again
        assert bytes_at(append, answer.result(30)) == stored(quiet, tenant)
    assert len(stored(quiet, tenant)) == 1


def test_what_meets_other_bytes_when_it_is_sent_again_is_a_conflict(
    quiet: Services, databases: Databases, cutter: Cutter, writer: GroupWriter
) -> None:
    tenant, originator = empty_log(quiet), uuid7()
    with ThreadPoolExecutor(1) as caller, held(databases, tenant) as stranger:
        answer = caller.submit(writer.append, an_append(tenant, originator))
        until_blocked(databases, 1)
        cutter.cut_all()
        until_blocked(databases, 2)
        theirs = an_append(tenant, originator)
        send(stranger, [theirs])
        stranger.commit()
        assert type(answer.exception(30)) is IntegrityError
    assert stored(quiet, tenant) == {1: theirs.entries[0].state}


def test_when_the_database_is_gone_for_good_nobody_is_told_what_nobody_knows(
    quiet: Services, databases: Databases, cutter: Cutter
) -> None:
    tenant = empty_log(quiet)
    with (
        Database(cutter.through(databases.service), timeout=0.2) as database,
        GroupWriter(database, patience=Patience(head=30_000, resend=0.2)) as writer,
        ThreadPoolExecutor(8) as callers,
        held(databases, tenant),
    ):
        sent = callers.submit(writer.append, an_append(tenant))
        until_blocked(databases, 1)
        answers = [callers.submit(writer.append, an_append(tenant)) for _ in range(5)]
        cutter.refuse()
        assert type(sent.exception(30)) is OutcomeUnknownError
        assert {type(answer.exception(30)) for answer in answers} == {ServiceUnavailableError}
        assert type(callers.submit(writer.append, an_append(tenant)).exception(30)) is ServiceUnavailableError
        cutter.admit()
    assert len(stored(quiet, tenant)) <= 1


def test_a_writer_goes_on_when_the_database_is_back(quiet: Services, cutter: Cutter, writer: GroupWriter) -> None:
    tenant = empty_log(quiet)
    with ThreadPoolExecutor(8) as callers:
        writer.append(an_append(tenant))
        cutter.refuse()
        answers = [callers.submit(writer.append, an_append(tenant)) for _ in range(8)]
        cutter.admit()
        assert sorted(answer.result(30)[0].position for answer in answers) == list(range(2, 10))
    assert list(stored(quiet, tenant)) == list(range(1, 10))


@pytest.mark.parametrize("when", When, ids=lambda when: when.name.lower())
def test_rows_that_are_copied_in_are_lost_with_their_connection_and_nobody_waits(
    databases: Databases, cutter: Cutter, when: When
) -> None:
    def copy() -> None:
        with psycopg.connect(cutter.through(databases.service)) as connection:
            connection.execute("CREATE TEMP TABLE copied (text text)")
            cutter.cut_next(b"COPY copied", when)
            with connection.cursor().copy("COPY copied FROM STDIN") as copying:
                copying.write_row(["a"])

    with ThreadPoolExecutor(1) as pool, pytest.raises(psycopg.OperationalError):
        pool.submit(copy).result(timeout=20)
