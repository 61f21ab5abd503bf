"""Connections cut at COMMIT: every answer says what the log says.

Every COMMIT of every request that changes something is cut, before the server gets it, while it works, before the
client hears the answer, and right after. Once the database is there again at once, and once it is gone for a while.
"""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest

from api.composition import Services, connected
from api.http.app import create_app
from api.http.server import listening, serving
from domain.event import Actor
from infra.database import Database
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from tests.chaos.cutting import Cutter, When
from tests.conftest import TLS, Client, cloned, context, new_tenant
from tests.http.transactional import REQUESTS

QUEUE = "SELECT attempt, lease_until IS NOT NULL FROM ledger.job_queue"
ROWS = """
SELECT (SELECT count(*) FROM ledger.uploads WHERE revoked_at IS NULL),
       (SELECT count(*) FROM ledger.purges), (SELECT count(*) FROM ledger.job_claims),
       (SELECT count(*) FROM ledger.declared_references)
"""
WHENS = (When.BEFORE, When.SENT, When.ANSWERED, When.HEARD)
WHENS_GONE = (When.BEFORE, When.ANSWERED, When.HEARD)
NEW_SUBJECTS = {"create", "describe", "request with a large document", "succeed", "upload form", "change jobs"}
"""Requests that have to make a key first, whose COMMITs are cut, too; for all others it is there."""
DECIDED = 202
"""Says what is decided, and that the rest follows."""


class State(NamedTuple):
    """What is recorded of a tenant: its events' topics, its queue, and how many rows there are besides.

    An upload that is revoked is over; only the sweep may still look at it.
    """

    topics: tuple[str, ...]
    queue: tuple[tuple[int, bool], ...]
    rows: tuple[int, ...]

    def known(self) -> tuple[object, ...]:
        """The same without uploads, which the sweep may have to clear away."""
        return self.topics, self.queue, self.rows[1:]


class Gate(Cutter):
    """A proxy. Once it lets nobody through, the databases behind it wait no longer for a connection."""

    databases: tuple[Database, ...] = ()

    def refuse(self, but: Any = None) -> None:
        """Let nobody through until `admit`."""
        for database in self.databases:
            database._pool.timeout = 0.05
        super().refuse(but)


@dataclass(frozen=True)
class Behind:
    """A ledger that is served behind a proxy, and the same one without it."""

    served: Services
    direct: Services
    cutter: Gate
    url: str

    @property
    def databases(self) -> tuple[Database, ...]:
        """Those that the served ledger reaches by the proxy."""
        keys, writer = self.served.encryption_keys, self.served.writer
        subjects = keys._subjects
        assert subjects is not None
        return self.served.database, keys._database, subjects._database, writer._delivery._database

    @contextmanager
    def client(self, name: str) -> Iterator[Client]:
        """A client, for the request of this name, of a tenant of its own."""
        tenant_id = new_tenant(self.direct)
        if name not in NEW_SUBJECTS:
            self.direct.encryption_keys.sealing(tenant_id, None)
        key = self.direct.api_keys.issue(context(), tenant_id, Actor(id="ann", type="user"))
        headers = {"Authorization": f"Bearer {key}"}
        with httpx.Client(base_url=self.url, headers=headers, timeout=60, verify=TLS) as http:
            yield Client(http, tenant_id, self.direct.log.of(tenant_id).head)

    def state(self, client: Client) -> State:
        """What is recorded of the client's tenant, now."""
        entries = self.direct.log.of(client.tenant_id).recorder.select_notifications(1, 1_000)
        with self.direct.database.transaction(client.tenant_id) as connection:
            queue, (rows,) = connection.execute(QUEUE).fetchall(), connection.execute(ROWS).fetchall()
        return State(tuple(e.topic for e in entries), tuple(sorted(queue)), rows)


@pytest.fixture(scope="module")
def proxied(cluster: EmbeddedCluster, template: Databases) -> Iterator[tuple[Databases, Databases, Gate]]:
    """Databases, the same behind a proxy, and the proxy."""
    with ExitStack() as stack:
        databases = stack.enter_context(cloned(cluster, template))
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        cutter = stack.enter_context(Gate(databases.service, directory))
        through = {name: cutter.through(getattr(databases, name)) for name in ("service", "keys")}
        yield databases, replace(databases, **through), cutter


@contextmanager
def served_behind(proxied: tuple[Databases, Databases, Gate], settings: Settings, **changes: Any) -> Iterator[Behind]:
    databases, through, cutter = proxied
    quiet = settings.model_copy(update={"follow": False, "prepared_statements": False})
    with ExitStack() as stack:
        served = stack.enter_context(connected(quiet.model_copy(update=changes), through))
        direct = stack.enter_context(connected(settings, databases))
        url = stack.enter_context(serving(create_app(lambda: nullcontext(served)), listening("127.0.0.1", 0)))
        yield Behind(served, direct, cutter, url)


@pytest.fixture(scope="module")
def behind(proxied: tuple[Databases, Databases, Gate], settings: Settings) -> Iterator[Behind]:
    """A ledger behind a proxy."""
    with served_behind(proxied, settings) as behind:
        yield behind


@pytest.fixture(scope="module")
def impatient(proxied: tuple[Databases, Databases, Gate], settings: Settings) -> Iterator[Behind]:
    """One that gives up soon on a database that is gone."""
    with served_behind(proxied, settings, resend_seconds=0.1) as behind:
        yield behind


def renew(database: Database) -> None:
    """Connect anew at once: a pool that found nobody waits ever longer before it tries again."""
    pool = database._pool
    database._reset()
    database._pools.remove(pool)
    pool.close()


def asked(behind: Behind, name: str, when: When, passes: int, *, for_all: bool) -> tuple[bool, State, State, Any]:
    """Whether a COMMIT was there to be cut, the state before and after, and the answer."""
    with behind.client(name) as client:
        request = REQUESTS[name](client)
        client.get("/v1/policy")  # whose key it is is known now
        before = behind.state(client)
        behind.cutter.cut_commit(str(client.tenant_id).encode(), when, passes=passes, for_all=for_all)
        behind.cutter.databases = behind.databases
        try:
            response = request()
        finally:
            behind.cutter.admit()
            cut = behind.cutter.disarm() == 0
        if for_all:
            for database in behind.databases:
                renew(database)
        return cut, before, behind.state(client), response


def uncut(behind: Behind, name: str) -> tuple[State, State, httpx.Response]:
    """What the request does and answers when nothing goes wrong."""
    with behind.client(name) as client:
        request = REQUESTS[name](client)
        before = behind.state(client)
        response = request()
        return before, behind.state(client), response


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_whose_connection_is_lost_at_a_commit_is_done_once_and_answered_so(behind: Behind, name: str) -> None:
    before, after, right = uncut(behind, name)
    assert right.is_success, right.text
    cuts = 0
    for passes in count():
        for when in WHENS:
            cut, state, left, response = asked(behind, name, when, passes, for_all=False)
            if not cut:
                assert response.status_code == right.status_code, response.text
                break
            cuts += 1
            assert state == before
            if when is When.HEARD and response.status_code == 503:  # what came next was cut, before it was recorded
                check(response, right, before, left, after, f"{passes} {when}")
                continue
            assert (response.status_code, left) == (right.status_code, after), (passes, when, response.text)
            assert shape(response) == shape(right)
        if not cut:
            break
    assert cuts >= len(WHENS) or after == before


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_at_one_of_whose_commits_the_database_goes_away_is_answered_as_it_is(
    impatient: Behind, name: str
) -> None:
    before, after, right = uncut(impatient, name)
    cuts = 0
    for passes in count():
        for when in WHENS_GONE:
            cut, _, left, response = asked(impatient, name, when, passes, for_all=True)
            if not cut:
                assert response.status_code == right.status_code, response.text
                break
            cuts += 1
            check(response, right, before, left, after, f"{passes} {when}")
        if not cut:
            break
    assert cuts >= len(WHENS_GONE) or after == before


def check(
    response: httpx.Response, right: httpx.Response, before: State, left: State, after: State, where: str
) -> None:
    """The answer must say what the log says."""
    where = f"{where}: {response.status_code} {response.text}"
    if right.content and "results" in right.json():
        check_each(response, before, left, where)
    elif response.status_code == DECIDED or unknown(response):
        new = left.topics[len(before.topics) :]
        assert left.topics == after.topics[: len(left.topics)], where
        assert new or unknown(response), where
    elif response.is_success:
        assert (response.status_code, left.known()) == (right.status_code, after.known()), where
    else:
        assert response.status_code == 503, where
        assert left.known() == before.known(), where


def unknown(response: httpx.Response) -> bool:
    """Whether the answer says that nobody knows."""
    return response.status_code == 503 and response.json()["type"].endswith(":outcome-unknown")


def check_each(response: httpx.Response, before: State, left: State, where: str) -> None:
    """The events are those of the items that were told as done, and perhaps of those of which nobody knows."""
    new = len(left.topics) - len(before.topics)
    if not response.is_success:
        assert new == 0 or unknown(response), where
        return
    done, perhaps = events_of(response.json()["results"])
    assert done <= new <= done + perhaps, where


def events_of(results: list[Any]) -> tuple[int, int]:
    """How many events the results tell of, and of how many they do not know."""
    linked = {result["asset_id"] for result in results if result.get("outcome") == "linked"}
    done = [r for r in results if r["status"] in (200, 201) and "outcome" not in r and not _was_there(r)]
    perhaps = [r for r in results if r.get("problem", {}).get("type", "").endswith(":outcome-unknown")]
    return len(linked) + len(done), len({r.get("asset_id", index) for index, r in enumerate(perhaps)})


def _was_there(result: Any) -> bool:
    return "declared" in result and result["status"] == 200


def shape(response: httpx.Response) -> object:
    """The body without what differs from run to run."""
    return _shape(response.json()) if response.content else None


def _shape(value: Any) -> object:
    if isinstance(value, dict):
        return {name: _shape(each) for name, each in value.items()}
    return [_shape(each) for each in value] if isinstance(value, list) else type(value).__name__
