"""JSON documents too large for an event, and what is shown and kept of them."""

from typing import Any

from api.composition import Services
from tests.conftest import Client


def large(size: int, what: str = "ä") -> dict[str, Any]:
    """A document of about so many bytes."""
    return {"nested": [{"text": what * (size // 2)}, None, 1.5, True], "first": "z", "a": 1}


HALF_A_MEGABYTE = large(500_000)


def rows(services: Services, client: Client) -> int:
    """How many objects of the client's tenant may be in the store without the log knowing of them."""
    with services.database.transaction(client.tenant_id) as connection:
        return len(connection.execute("SELECT FROM ledger.uploads").fetchall())


def is_reference(value: Any) -> bool:
    return set(value) == {"$document"} and set(value["$document"]) == {"id", "sha256", "size"}
