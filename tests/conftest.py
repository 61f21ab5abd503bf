"""Real parts for every test: an embedded PostgreSQL per worker, databases cloned from a migrated template, a server."""

import base64
import logging
import shutil
import ssl
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import httpx
import hypothesis
import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from uuid_utils.compat import uuid7

from api.cli import logging_setup
from api.composition import Services, connected, utc_now
from api.http.app import create_app
from api.http.server import listening, serving
from domain.event import Actor, Context
from infra.databases import Databases, create_databases, databases_of
from infra.embedded_postgres.cluster import EmbeddedCluster, start
from infra.settings import Settings
from tests.infra.content.chosen import s3
from tests.infra.content.servers import ACCESS_KEY, SECRET_KEY, S3Server, new_bucket
from tests.memory import quick_folder

# A test's database need not survive the machine; everything else is as in production.
QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
KEK = bytes(range(32))
TLS = ssl.create_default_context()
"""What no test needs, and every client would make anew, at the cost of a hundredth of a second or more."""
logging_setup.configure(logging.WARNING)
_numbers = count(1)
# A property says what holds, not how fast: a busy machine must not make it fail.
hypothesis.settings.register_profile("suite", deadline=None)
hypothesis.settings.load_profile("suite")


@pytest.fixture(scope="session")
def cluster() -> Iterator[EmbeddedCluster]:
    """A PostgreSQL of this worker's own."""
    directory = Path(tempfile.mkdtemp(prefix="ledger-", dir=quick_folder()))
    directory.chmod(0o755)  # as root the server runs as another user, who must get there
    try:
        with start(directory, QUICK) as running:
            yield running
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def template(cluster: EmbeddedCluster, settings: Settings) -> Databases:
    """Databases with every migration and every read model's tables, to clone from."""
    migrated = create_databases(cluster)
    migrated.migrate()
    with connected(settings.model_copy(update={"follow": False}), migrated):
        pass
    return migrated


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose keys are wrapped by a key of the tests, and whose content is in a directory of theirs."""
    store = tmp_path_factory.mktemp("content").as_uri()
    fetched: dict[str, Any] = {"fetched_networks": ["127.0.0.1/32"]}
    return Settings(key_encryption_key=base64.b64encode(KEK).decode(), pool_size=40, content_store=store, **fetched)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An S3 server that the tests of this worker share."""
    with tempfile.TemporaryDirectory(prefix="ledger-s3-") as folder, s3(Path(folder)) as server:
        yield server


@contextmanager
def cloned(cluster: EmbeddedCluster, _template: Databases) -> Iterator[Databases]:
    """Databases of one test's own, cloned from the template."""
    number = next(_numbers)
    names = {"asset_ledger": f"log_{number}", "asset_ledger_keys": f"keys_{number}"}
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
        for source, name in names.items():
            command = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER asset_ledger_owner STRATEGY file_copy")
            connection.execute(command.format(sql.Identifier(name), sql.Identifier(source)))
        yield databases_of(cluster, *names.values())
        for name in names.values():
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture
def databases(cluster: EmbeddedCluster, template: Databases) -> Iterator[Databases]:
    """Databases of this test's own."""
    with cloned(cluster, template) as clones:
        yield clones


@pytest.fixture
def quiet(databases: Databases, settings: Settings) -> Iterator[Services]:
    """A ledger of this test's own, whose projections move only when the test moves them."""
    with connected(settings.model_copy(update={"follow": False}), databases) as ledger:
        yield ledger


@pytest.fixture(scope="session")
def services(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[Services]:
    """The ledger that the tests of this worker share, each as a tenant of its own."""
    with cloned(cluster, template) as clones, connected(settings, clones) as services:
        yield services
        assert list(services.engine.progress.failures()) == []
        assert services.encryption_keys.problem() is None


@pytest.fixture(scope="session")
def url(services: Services) -> Iterator[str]:
    """Where the shared ledger is served: a real server on a free loopback port."""
    with serving(create_app(lambda: nullcontext(services)), listening("127.0.0.1", 0)) as url:
        yield url


def context(reason: str | None = None) -> Context:
    """The circumstances of a command, now."""
    return Context(
        actor=Actor(id="tests", type="system"), recorded_at=utc_now(), correlation_id=str(uuid7()), reason=reason
    )


def new_tenant(services: Services) -> UUID:
    """A tenant nobody else uses."""
    return services.tenants.create(context(), f"tenant-{uuid7()}")


@pytest.fixture
def tenant(services: Services) -> UUID:
    """A tenant of this test's own in the shared ledger."""
    return new_tenant(services)


@dataclass(frozen=True)
class Client:
    """A caller of the API: sends a key, sees all that is recorded, and fails a test on any 5xx."""

    http: httpx.Client
    tenant_id: UUID
    head: Callable[[], int] = int  # 0: nothing to wait for

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        response = self.http.request(method, path, **options)
        assert response.status_code < 500, response.text
        return response

    def get(self, path: str, **params: Any) -> httpx.Response:
        return self.call("GET", path, params=params)

    def create(self, **body: Any) -> dict[str, Any]:
        """Record an asset, an image unless said otherwise; returns it."""
        response = self.call("POST", "/v1/assets", json={"media": {"media_kind": "image"}} | body)
        assert response.status_code == 201, response.text
        asset: dict[str, Any] = response.json()
        return asset

    def page(self, path: str = "/v1/assets", **params: Any) -> dict[str, Any]:
        """A page that shows everything that has been recorded, by whomever."""
        response = self.get(path, min_position=self.head(), **params)
        assert response.status_code == 200, response.text
        page: dict[str, Any] = response.json()
        return page

    def ids(self, **params: Any) -> list[str]:
        """The ids of the assets a list shows."""
        return [asset["id"] for asset in self.page(**params)["items"]]

    def history(self, asset_id: str) -> list[dict[str, Any]]:
        """Every event of an asset."""
        response = self.get(f"/v1/assets/{asset_id}/events", limit=200)
        assert response.status_code == 200, response.text
        items: list[dict[str, Any]] = response.json()["items"]
        return items


@pytest.fixture
def clients(services: Services, url: str) -> Iterator[Callable[..., Client]]:
    """Makes clients, each of a tenant of its own unless one is named."""
    with ExitStack() as stack:

        def make(tenant_id: UUID | None = None, holder: str = "ann") -> Client:
            tenant_id = tenant_id or new_tenant(services)
            key = services.api_keys.issue(context(), tenant_id, Actor(id=holder, type="user"))
            headers = {"Authorization": f"Bearer {key}"}
            http = httpx.Client(base_url=url, headers=headers, timeout=30, verify=TLS)
            return Client(stack.enter_context(http), tenant_id, services.log.of(tenant_id).head)

        yield make


@pytest.fixture
def client(clients: Callable[..., Client]) -> Client:
    """A client of a tenant of this test's own."""
    return clients()


class Served(NamedTuple):
    """A ledger, and where it is served."""

    services: Services
    url: str


@contextmanager
def served_with(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[Served]:
    """A ledger with these settings, on databases of its own."""
    with cloned(cluster, template) as clones, served_on(clones, settings) as served:
        yield served


@contextmanager
def served_on(databases: Databases, settings: Settings) -> Iterator[Served]:
    """A ledger with these settings, on given databases. Its URLs lead to it."""
    listener = listening("127.0.0.1", 0)
    with (
        connected(settings, databases) as services,
        serving(create_app(lambda: nullcontext(services)), listener) as url,
    ):
        yield Served(services, url)


@contextmanager
def caller_of(served: Served) -> Iterator[Client]:
    """A caller of a ledger, of a tenant of its own."""
    services, tenant_id = served.services, new_tenant(served.services)
    key = services.api_keys.issue(context(), tenant_id, Actor(id="ann", type="user"))
    with httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
        yield Client(http, tenant_id, services.log.of(tenant_id).head)


@pytest.fixture(scope="session")
def on_directory(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[Served]:
    """A ledger that the tests of this worker share, with its content in a directory."""
    with served_with(cluster, template, settings) as served:
        yield served


@pytest.fixture(scope="session")
def s3_settings(settings: Settings, s3_server: S3Server) -> Settings:
    """Settings whose content is in a bucket of this worker's own."""
    return settings.model_copy(
        update={
            "content_store": f"s3://{new_bucket(s3_server.client())}/some/prefix",
            "s3_endpoint": s3_server.endpoint,
            "s3_access_key": ACCESS_KEY,
            "s3_secret_key": SecretStr(SECRET_KEY),
            "s3_tls": False,
        }
    )


@pytest.fixture(scope="session")
def on_s3(cluster: EmbeddedCluster, template: Databases, s3_settings: Settings) -> Iterator[Served]:
    """A ledger that the tests of this worker share, with its content in a bucket."""
    with served_with(cluster, template, s3_settings) as served:
        yield served


@pytest.fixture(scope="session", params=["directory", "s3"])
def of_a_store(request: pytest.FixtureRequest) -> Settings:
    """Settings with each of the stores, for a test that changes others of them."""
    store_settings: Settings = request.getfixturevalue({"directory": "settings", "s3": "s3_settings"}[request.param])
    return store_settings


@pytest.fixture(params=["directory", "s3"])
def kept(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Settings:
    """Settings of each store; the directory is of this test's own."""
    if request.param == "directory":
        return settings.model_copy(update={"content_store": tmp_path.as_uri()})
    s3: Settings = request.getfixturevalue("s3_settings")
    return s3


@pytest.fixture(params=["directory", "s3"])
def served(request: pytest.FixtureRequest) -> Served:
    """A ledger on each of the stores."""
    ledger: Served = request.getfixturevalue(f"on_{request.param}")
    return ledger


def empty_log(services: Services) -> UUID:
    """A tenant whose log holds nothing yet, not even that it was created."""
    tenant_id = uuid7()
    with services.database.connection() as connection:
        connection.execute("SELECT ledger.open_log(%s, %s, now())", (tenant_id, f"empty-{tenant_id}"))
    return tenant_id
