"""Every test of content that uses a service runs on each of the two stores: a directory, and a bucket."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import NamedTuple

import httpx
import pytest
from pydantic import SecretStr

from api.composition import Services, connected
from api.http.app import create_app
from api.http.server import listening, serving
from domain.event import Actor
from infra.databases import Databases
from infra.embedded_postgres import EmbeddedCluster
from infra.settings import Settings
from tests.conftest import Client, cloned, context, new_tenant
from tests.infra.content.servers import ACCESS_KEY, SECRET_KEY, S3Server, new_bucket


class Served(NamedTuple):
    """A ledger, and where it is served."""

    services: Services
    url: str


@contextmanager
def served_with(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[Served]:
    """A ledger with these settings, on databases of its own."""
    with cloned(cluster, template) as made, served_on(made, settings) as served:
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
    found: Settings = request.getfixturevalue({"directory": "settings", "s3": "s3_settings"}[request.param])
    return found


@pytest.fixture(params=["directory", "s3"])
def served(request: pytest.FixtureRequest) -> Served:
    """A ledger on each of the stores."""
    found: Served = request.getfixturevalue(f"on_{request.param}")
    return found


@pytest.fixture
def services(served: Served) -> Services:
    """What it is served with."""
    return served.services


@pytest.fixture
def url(served: Served) -> str:
    """Where it is served."""
    return served.url
