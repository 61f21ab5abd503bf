"""What tests of imports need: an importer into the client's tenant, and a database of nodetool's."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from api.composition import Services
from api.contents import Contents
from api.importing import Importing
from api.ledger import Ledger
from api.session import Session
from api.watching import own_session
from infra.content.store import ContentStore
from tests.conftest import Client
from tests.importers.databases import Nodetool


@pytest.fixture
def session(services: Services, client: Client) -> Session:
    """The ledger's own session with the client's tenant."""
    return own_session(services, client.tenant_id)


@pytest.fixture
def importing(services: Services, session: Session) -> Callable[..., Importing]:
    """Makes an importer into the client's tenant."""

    def make(
        source: str = "folder",
        *,
        store: ContentStore = services.store,
        most: int | None = None,
        reason: str | None = None,
    ) -> Importing:
        rules = replace(services.rules, most=most) if most else services.rules
        return Importing(Contents(Ledger(replace(session, store=store)), rules), source, "USD", reason)

    return make


@pytest.fixture
def nodetool(tmp_path: Path) -> Nodetool:
    """An empty database of nodetool's."""
    return Nodetool(tmp_path)
