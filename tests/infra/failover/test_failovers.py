"""The primary is lost and its standby promoted: what was answered is there, and callers see one pause."""

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Event
from time import monotonic
from uuid import UUID

import psycopg
import pytest

from api.composition import Services, connected
from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra.database import Database
from infra.event_log.group_commit import GroupWriter
from infra.event_log.pending_append import Patience
from infra.settings import Settings
from tests.chaos.cutting import Cutter
from tests.conftest import empty_log
from tests.infra.embedding import eventually
from tests.infra.failover.servers import Pair
from tests.infra.grouping import an_append, bytes_at, entry, stored

WAITS_FOR_STANDBY = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


def problem(services: Services, name: str) -> str | None:
    return next(check.problem() for check in services.checks if check.name == name)


def test_every_answered_write_survives_the_kill_of_the_primary_with_one_pause(
    synchronous: Pair, unfollowed: Settings
) -> None:
    with connected(unfollowed, synchronous.databases) as services, ThreadPoolExecutor(8) as callers:
        tenants, stop = [empty_log(services) for _ in range(2)], Event()
        pauses: list[float] = []

        def write(tenant: UUID) -> dict[int, bytes]:
            answered: dict[int, bytes] = {}
            last = monotonic()
            while not stop.is_set():
                append = an_append(tenant)
                with suppress(ServiceUnavailableError):
                    answered |= bytes_at(append, services.log.of(tenant).recorder.append(append.entries))
                    if monotonic() - last > 0.5:
                        pauses.append(monotonic() - last)
                    last = monotonic()
            return answered

        writers = [(tenant, callers.submit(write, tenant)) for tenant in tenants * 4]
        eventually(lambda: all(services.log.of(tenant).head() > 20 for tenant in tenants))
        synchronous.primary.kill()
        synchronous.standby.run("ALTER SYSTEM SET synchronous_standby_names = ''")
        synchronous.standby.promote()
        before = dict.fromkeys(tenants, 0)
        with psycopg.connect(synchronous.standby.conninfo, dbname="asset_ledger") as connection:
            rows = connection.execute("SELECT tenant_id, position FROM ledger.log_heads").fetchall()
            before |= dict(rows)
        eventually(lambda: all(services.log.of(tenant).head() > before[tenant] + 20 for tenant in tenants))
        stop.set()
        for tenant, writer in writers:
            answered = writer.result(90)
            assert answered
            assert answered.items() <= stored(services, tenant).items()
        assert problem(services, "heads") is None
        assert len(pauses) <= len(writers), "each writer waits once"


def test_a_primary_of_before_that_comes_back_is_left(synchronous: Pair, unfollowed: Settings) -> None:
    with connected(unfollowed, synchronous.databases) as services:
        tenant = empty_log(services)
        services.log.of(tenant).recorder.append([entry(tenant)])
        synchronous.primary.kill()
        synchronous.standby.run("ALTER SYSTEM SET synchronous_standby_names = ''")
        synchronous.standby.promote()
        services.log.of(tenant).recorder.append([entry(tenant)])
        synchronous.primary.start()  # nobody has told it that it is none any more
        synchronous.primary.run("ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()")
        for _ in range(4):
            synchronous.standby.run(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename LIKE 'asset_ledger_%'"
            )
            services.log.of(tenant).recorder.append([entry(tenant)])
        assert len(stored(services, tenant)) == 6
        synchronous.standby.stop()
        eventually(lambda: "stale" in str(problem(services, "log-server")))
        with pytest.raises(ServiceUnavailableError):
            services.log.of(tenant).recorder.append([entry(tenant)])
        with psycopg.connect(synchronous.primary.conninfo, dbname="asset_ledger") as stale:
            assert stale.execute("SELECT position FROM ledger.log_heads").fetchall() == [(1,)]


def test_a_server_that_is_read_only_for_a_while_delays_callers_and_fails_none(
    synchronous: Pair, unfollowed: Settings
) -> None:
    with connected(unfollowed, synchronous.databases) as services, ThreadPoolExecutor(1) as caller:
        tenant = empty_log(services)
        services.log.of(tenant).recorder.append([entry(tenant)])
        with psycopg.connect(synchronous.primary.conninfo, autocommit=True) as owner:
            owner.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            owner.execute("SELECT pg_reload_conf()")
            eventually(lambda: synchronous.primary.run("SHOW default_transaction_read_only") == [("on",)])
            waiting = caller.submit(services.log.of(tenant).recorder.append, [entry(tenant)])
            with pytest.raises(ServiceUnavailableError), services.database.transaction(tenant):
                services.log.of(tenant).recorder.append([entry(tenant)])
            assert not waiting.done()
            owner.execute("SET default_transaction_read_only = off")
            owner.execute("ALTER SYSTEM RESET default_transaction_read_only")
            owner.execute("SELECT pg_reload_conf()")
        assert waiting.result(30)[0].position == 2


@pytest.fixture
def cutter(synchronous: Pair) -> Iterator[Cutter]:
    """A proxy before the primary."""
    with tempfile.TemporaryDirectory() as directory:
        primary = synchronous.primary.cluster
        assert primary is not None
        with Cutter(primary.conninfo("asset_ledger", "asset_ledger_service"), Path(directory)) as proxy:
            yield proxy


def through(cutter: Cutter, pair: Pair) -> str:
    """The log's database on the primary, through the proxy."""
    assert pair.primary.cluster is not None
    return cutter.through(pair.primary.cluster.conninfo("asset_ledger", "asset_ledger_service"))


def test_a_commit_that_waits_for_a_lost_standby_is_told_to_be_unknown_in_time(
    synchronous: Pair, unfollowed: Settings, cutter: Cutter
) -> None:
    with connected(unfollowed, synchronous.databases) as services:
        tenant = empty_log(services)
        with (
            Database(through(cutter, synchronous)) as database,
            GroupWriter(database, patience=Patience(lane=200, resend=2)) as writer,
            ThreadPoolExecutor(1) as caller,
        ):
            writer.append(an_append(tenant))
            synchronous.standby.kill()
            append = an_append(tenant)
            answer = caller.submit(writer.append, append)
            eventually(lambda: synchronous.primary.run(WAITS_FOR_STANDBY) == [(True,)])
            cutter.cut_all()
            assert type(answer.exception(20)) is OutcomeUnknownError
            synchronous.standby.start()
            eventually(lambda: services.log.of(tenant).head() == 2)
        assert stored(services, tenant)[2] == append.entries[0].state


def test_a_commit_whose_wait_for_a_standby_is_cancelled_is_answered_only_when_a_standby_has_it(
    synchronous: Pair, unfollowed: Settings
) -> None:
    with connected(unfollowed, synchronous.databases) as services, ThreadPoolExecutor(1) as caller:
        tenant = empty_log(services)
        synchronous.standby.kill()
        append = an_append(tenant)
        answer = caller.submit(services.log.of(tenant).recorder.append, append.entries)
        for _ in range(2):
            eventually(lambda: synchronous.primary.run(WAITS_FOR_STANDBY) == [(True,)])
            synchronous.primary.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        eventually(lambda: synchronous.primary.run(WAITS_FOR_STANDBY) == [(True,)])
        assert not answer.done()
        synchronous.standby.start()
        assert bytes_at(append, answer.result(30)) == stored(services, tenant)


def test_a_transaction_whose_wait_for_a_standby_is_cancelled_is_told_to_be_unknown(
    synchronous: Pair, unfollowed: Settings
) -> None:
    with connected(unfollowed, synchronous.databases) as services, ThreadPoolExecutor(1) as caller:
        tenant = empty_log(services)
        synchronous.standby.kill()

        def record() -> None:
            with services.database.transaction(tenant):
                services.log.of(tenant).recorder.append([entry(tenant)])

        answer = caller.submit(record)
        eventually(lambda: synchronous.primary.run(WAITS_FOR_STANDBY) == [(True,)])
        synchronous.primary.run("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'")
        assert type(answer.exception(30)) is OutcomeUnknownError
