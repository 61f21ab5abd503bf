"""The `eventsourcing` library as it comes: its PostgreSQL recorder under its `Application`, with our events."""

from typing import Any, cast
from uuid import UUID

import orjson
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent
from psycopg.conninfo import conninfo_to_dict

from domain.event import Event, from_parts, to_parts


class PlainMapper(Mapper[UUID]):
    """Stores the document the ledger stores, made in the same way, with nothing sealed."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """The event as it is stored."""
        event = cast("Event", domain_event)
        clear, personal = to_parts(event)
        clear["data"] |= personal
        clear.pop("sealed_fields", None)
        return StoredEvent(event.originator_id, event.originator_version, event.TOPIC, orjson.dumps(clear))

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """The event of a stored document."""
        return from_parts(orjson.loads(stored_event.state), {})


class StockLedger(Application[UUID]):
    """An application on the library's own recorder."""

    name = "stock"

    def construct_mapper(self) -> Mapper[UUID]:
        return PlainMapper(JSONTranscoder())


def environment(conninfo: str, connections: int = 32) -> dict[str, str]:
    """The library's settings: its PostgreSQL module on a database, a connection for each thread."""
    parameters: dict[str, Any] = conninfo_to_dict(conninfo)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": parameters["dbname"],
        "POSTGRES_HOST": parameters["host"],
        "POSTGRES_PORT": str(parameters["port"]),
        "POSTGRES_USER": parameters["user"],
        "POSTGRES_PASSWORD": "not asked for",
        "POSTGRES_POOL_SIZE": str(connections),
        "POSTGRES_MAX_OVERFLOW": "0",
    }
