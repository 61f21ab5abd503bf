"""Behind PgBouncer in transaction mode: every transaction may be on another connection, and on another server."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import httpx
import pytest

from api.composition import connected
from api.http.app import create_app
from api.http.server import listening, serving
from domain.errors import LogWentBackError, ServiceUnavailableError
from domain.event import Actor
from infra.database import Database
from infra.databases import Databases, databases_of
from infra.settings import Settings, SettingsError
from tests.conftest import Client, context, empty_log, new_tenant
from tests.infra.embedding import eventually
from tests.infra.failover.pooler import Pooler, pooled
from tests.infra.failover.servers import Pair
from tests.infra.failover.test_logs_that_went_back import head_on, lose_some, problem
from tests.infra.grouping import entry


@pytest.fixture
def pooler(databases: Databases) -> Iterator[Pooler]:
    """A pooler before this test's databases."""
    with pooled(databases) as databases_behind:
        yield databases_behind


@pytest.fixture
def unprepared(settings: Settings) -> Settings:
    """Settings as they must be behind a pooler."""
    return settings.model_copy(update={"prepared_statements": False})


def test_the_ledger_works_behind_a_pooler_with_the_setting(pooler: Pooler, unprepared: Settings) -> None:
    with (
        connected(unprepared, pooler.databases) as services,
        serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0)) as url,
        ThreadPoolExecutor(8) as callers,
    ):
        tenant = new_tenant(services)
        key = services.api_keys.issue(context(), tenant, Actor(id="ann", type="user"))
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
            client = Client(http, tenant, services.log.of(tenant).head)
            assets = list(callers.map(lambda n: client.create(name=f"asset {n}", subject=f"u_{n % 5}"), range(60)))
            for asset in assets[:20]:
                assert client.call("DELETE", f"/v1/assets/{asset['id']}").status_code == 204
            assert len(client.ids(limit=100)) == 40


def test_without_the_setting_the_start_is_refused_with_the_remedy(pooler: Pooler, settings: Settings) -> None:
    with (
        pytest.raises(SettingsError, match="set ASSET_LEDGER_PREPARED_STATEMENTS=false"),
        connected(settings, pooler.databases),
    ):
        pass


def test_statements_of_others_on_a_connection_are_told_with_the_remedy(pooler: Pooler) -> None:
    def ask(database: Database) -> None:
        for number in range(20):
            with database.connection() as connection:
                connection.execute("SELECT %s::integer", (number,))

    with (
        Database(pooler.databases.service, size=1) as first,
        Database(pooler.databases.service, size=1) as second,
    ):
        ask(first)
        with pytest.raises(ServiceUnavailableError, match="ASSET_LEDGER_PREPARED_STATEMENTS=false"):
            ask(second)


def test_a_server_that_changes_behind_the_connections_takes_nothing_before_it_was_compared(
    late: Pair, unfollowed: Settings
) -> None:
    assert late.primary.cluster is not None
    single = databases_of(late.primary.cluster, "asset_ledger", "asset_ledger_keys")
    behind = unfollowed.model_copy(update={"prepared_statements": False})
    with pooled(single) as pooler, connected(behind, pooler.databases) as services:
        tenant = empty_log(services)
        lose_some(late, services, tenant, kept=3, lost=5)
        late.fail_over()
        pooler.move_to(late.standby.conninfo)
        refused: list[Exception] = []

        def was_refused() -> bool:
            try:
                services.log.of(tenant).recorder.append([entry(tenant)])
            except LogWentBackError as error:
                refused.append(error)
            except ServiceUnavailableError:
                return False
            return True

        eventually(was_refused)
        assert refused
        assert head_on(late, tenant) == 3
        assert problem(services, "heads") is not None
