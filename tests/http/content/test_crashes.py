"""A server that is killed at random: what it acknowledged is there byte for byte, and one sweep leaves nothing else."""

import os
import random
import secrets
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from uuid import UUID

import httpx
import psycopg

from api.application.content.purges import Purges
from api.application.content.reconciliation import YOUNG, Mismatch, Reconciliation
from api.application.content.sweeper import Sweeper
from api.composition import Services, connected
from api.http.app import create_app
from api.http.server import listening, serving
from api.workers.content_watch import ContentWatch
from api.workers.worker import own_session
from domain.event import Actor
from infra.content.directory import DirectoryStore
from infra.databases import Databases
from infra.settings import Settings
from tests.conftest import Client, context, new_tenant
from tests.http.content.crashing import Caller, Mine, Server
from tests.http.content_requests import sha256
from tests.infra.embedding import eventually
from tests.program import environment_of

OPERATIONS = 200
CALLERS = 4
KILLS = 3


@contextmanager
def reporting_seed(seed: int) -> Iterator[None]:
    """Whatever goes wrong is told with the seed."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"seed {seed}")
        raise


def test_killing_the_server_among_200_uploads_and_deletes_leaves_after_one_sweep_no_orphan_and_no_missing_blob(
    databases: Databases, kept: Settings
) -> None:
    seed = secrets.randbits(32)
    with reporting_seed(seed):
        with connected(kept.model_copy(update={"follow": False}), databases) as services:
            tenant_id = new_tenant(services)
            key = services.api_keys.issue(context(), tenant_id, Actor(id="tests", type="worker"))
        with Server(environment_of(kept, databases)) as server:
            callers = [Caller(server, key, seed, number) for number in range(CALLERS)]
            work(server, callers, random.Random(seed))  # noqa: S311  # chosen again by the same seed
        eventually(lambda: nobody_is_connected(databases))
        with connected(kept, databases) as services:
            expire(services, tenant_id)
            sweep(services)
            check(services, tenant_id, key, [mine for caller in callers for mine in caller.assets])
    outcomes = sum((caller.outcomes for caller in callers), start=Counter())
    assert set(outcomes) == {"form", "body", "signed", "parts", "delete", "purge", "lost"}, outcomes


def work(server: Server, callers: list[Caller], chance: random.Random) -> None:
    """Let all callers work, and kill the server now and then."""
    with ThreadPoolExecutor(CALLERS) as pool:
        working = [pool.submit(caller.work, OPERATIONS // CALLERS) for caller in callers]
        for number in sorted(chance.sample(range(CALLERS, OPERATIONS - CALLERS), KILLS)):
            server.wait_for_operation(number)
            time.sleep(chance.uniform(0, 0.2))  # so that it dies anywhere in an operation
            server.restart()
        for future in working:
            future.result()


def nobody_is_connected(databases: Databases) -> bool:
    """Whether PostgreSQL has noticed that the server is dead."""
    with psycopg.connect(databases.service) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    return row == (0,)


def expire(services: Services, tenant_id: UUID) -> None:
    """Let the time of all that was not finished be over."""
    with services.database.transaction(tenant_id) as connection:
        connection.execute("UPDATE ledger.uploads SET expires_at = clock_timestamp(), sweep_at = NULL")
    if isinstance(services.store, DirectoryStore):
        for path in services.store._incoming.glob("*"):
            os.utime(path, (0, 0))


def sweep(services: Services) -> None:
    """What every server does every few seconds, once."""
    ContentWatch(services, timedelta(days=1)).look()


def check(services: Services, tenant_id: UUID, key: str, assets: list[Mine]) -> None:
    """What was acknowledged is there, what was purged is not, and nothing else is."""
    with (
        serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0)) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http,
    ):
        client = Client(http, tenant_id, services.log.of(tenant_id).head)
        client.page()
        session = own_session(services, tenant_id)
        assert Reconciliation(session, young=-YOUNG).compare() == Mismatch()
        assert (Sweeper(session).uploads.under_way(), Purges(session).queue.count()[0]) == (set(), 0)
        for mine in assets:
            check_asset(client, mine)
    if isinstance(services.store, DirectoryStore):
        root = services.store._root
        objects = {root / "objects" / key for key, _ in services.store.objects()}
        assert {path for path in root.rglob("*") if path.is_file() or not any(path.iterdir())} == {
            *objects,
            root / "incoming",
        }


def check_asset(client: Client, mine: Mine) -> None:
    """Every content version that was acknowledged is there as it was sent, or was purged because somebody asked."""
    topics = [event["topic"] for event in client.history(mine.asset_id)]
    purged = "asset.content_purged" in topics
    assert mine.purged in {purged, None}, mine
    if topics.count("asset.soft_deleted"):
        assert client.call("POST", f"/v1/assets/{mine.asset_id}/restore").status_code == 200
    for version, digest in mine.stored.items():
        got = client.get(f"/v1/assets/{mine.asset_id}/content", stream=True, version=version)
        assert (got.status_code, sha256(got.content) == digest) == ((410, False) if purged else (200, True)), mine
