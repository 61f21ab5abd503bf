"""What tests of imports need: an importer into the client's tenant, and a database of nodetool's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from api.application.content.intake import Intake
from api.application.imports.importer import Importer
from api.application.session import Session
from api.composition import Services
from api.workers.worker import own_session
from infra.content.store import ContentStore
from tests.conftest import Client
from tests.importers.databases import Nodetool


@pytest.fixture
def session(services: Services, client: Client) -> Session:
    """The ledger's own session with the client's tenant."""
    return own_session(services, client.tenant_id)


@pytest.fixture
def importing(services: Services, session: Session) -> Callable[..., Importer]:
    """Makes an importer into the client's tenant."""

    def make(
        source: str = "folder",
        *,
        store: ContentStore = services.store,
        most: int | None = None,
        reason: str | None = None,
    ) -> Importer:
        rules = replace(services.rules, most=most) if most else services.rules
        return Importer(Intake(replace(session, store=store), rules), source, "USD", reason)

    return make


@pytest.fixture
def nodetool(tmp_path: Path) -> Nodetool:
    """An empty database of nodetool's."""
    return Nodetool(tmp_path)
