"""A follower sees at once what it is woken for, and is kept busy neither by silence nor by a tenant that waits."""

from typing import Any

import psycopg
import pytest

from api.composition import Services
from infra.database import Database
from infra.databases import Databases
from infra.encryption_keys.store import KeyStore
from infra.event_log.mapper import SealingMapper
from projections import sql_composition
from projections.assets.fold import ASSETS
from projections.catalogue import CATALOGUE
from projections.engine import follower
from projections.engine.claims import claim
from projections.engine.engine import Engine
from projections.engine.follower import Follower
from tests.conftest import KEK, new_tenant
from tests.projections.mixed_history import record_everything
from tests.projections.tables import catch_up
from tests.projections.test_engine import positions, record


def test_a_follower_that_is_woken_need_not_wait_to_ask(quiet: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = new_tenant(quiet)
    monkeypatch.setattr(follower, "SHORTEST_PAUSE", 3_600.0)
    monkeypatch.setattr(follower, "LONGEST_PAUSE", 3_600.0)
    catch_up(quiet)
    with Follower(quiet.engine) as waiting:
        record(quiet, tenant)
        while positions(quiet, ASSETS)[tenant] < 2:
            waiting.wake()


def test_one_statement_says_that_there_is_nothing_to_do(quiet: Services) -> None:
    new_tenant(quiet)
    assert all(work.unenrolled for work in quiet.engine.progress.pending())
    catch_up(quiet)
    assert [(work.events, work.unenrolled, work.rebuilding) for work in quiet.engine.progress.pending()] == [
        (False,) * 3
    ] * len(CATALOGUE)


def test_a_tenant_that_waits_for_a_key_is_news_only_when_asked_for(quiet: Services, databases: Databases) -> None:
    tenant = new_tenant(quiet)
    record(quiet, tenant)
    with psycopg.connect(str(databases.keys_owner), autocommit=True) as owner, Database(databases.keys) as keys:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute("UPDATE keys.subject_keys SET subject = 'away' WHERE tenant_id = %s AND subject = ''", (tenant,))
        engine = Engine(quiet.projector, SealingMapper(KeyStore(keys, KEK)), [ASSETS])
        engine.progress.enrol()
        assert engine.step(ASSETS) == 1
        assert [work.events for work in engine.progress.pending(waiting=False)] == [False]
        assert [work.events for work in engine.progress.pending(waiting=True)] == [True]
        assert engine.step(ASSETS, waiting=False) == 0


def test_small_batches_go_by_index_also_while_tables_are_small(quiet: Services) -> None:
    tenant = new_tenant(quiet)
    record_everything(quiet, tenant)
    catch_up(quiet)
    record(quiet, tenant)
    with quiet.projector.transaction() as connection:
        for projection in CATALOGUE:
            connection.execute(sql_composition.analyze(projection.table))
        assert claim(connection, CATALOGUE, waiting=True)
        for projection in CATALOGUE:
            table = projection.table
            no_keys: list[list[Any]] = [[] for _ in table.key]
            for statement in (sql_composition.load(table), sql_composition.delete(table)):
                plan = connection.execute(b"EXPLAIN (COSTS OFF) " + statement, no_keys).fetchall()
                lines = "\n".join(line for (line,) in plan)
                assert "Seq Scan" not in lines, lines
                assert "Hash Join" not in lines, lines
