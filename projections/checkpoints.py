"""The checkpoints of projections as the service's role sees them: those of its tenant."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from infra.database import Database
from infra.sql import load_statements
from projections.engine.progress import Lag, version_of
from projections.projection import Projection

_SQL = load_statements(__file__, "checkpoints.sql")


def reached(database: Database, tenant_id: UUID, projections: Sequence[Projection[Any]]) -> int:
    """The position up to which all the projections have folded the tenant's log."""
    with database.reading(tenant_id) as connection:
        positions = [connection.execute(_SQL["position"], version_of(p)).fetchone() for p in projections]
    return min(row[0] if row else 0 for row in positions)


def lags(database: Database, tenant_id: UUID, projections: Sequence[Projection[Any]]) -> list[Lag]:
    """How far each projection is behind the tenant's log."""
    asked = {"projections": [p.name for p in projections], "versions": [p.version for p in projections]}
    with database.reading(tenant_id) as connection:
        return [Lag(*row) for row in connection.execute(_SQL["lag"], asked).fetchall()]


def stopped_at(database: Database, tenant_id: UUID, projection: Projection[Any]) -> int | None:
    """The position of the poison event that the projection has stopped at; None if it has not stopped."""
    with database.reading(tenant_id) as connection:
        row = connection.execute(_SQL["stopped_at"], version_of(projection)).fetchone()
    return row[0] if row else None


def quarantine_event(database: Database, tenant_id: UUID, projection: Projection[Any], position: int) -> str | None:
    """Set aside the event that the projection has stopped at; returns why it had stopped there.

    None, and nothing changes, unless it has stopped at exactly this position.
    """
    with database.transaction(tenant_id) as connection:
        row = connection.execute(_SQL["quarantine_event"], version_of(projection) | {"position": position}).fetchone()
    return row[0] if row else None


def switch_build(database: Database, tenant_id: UUID, projection: Projection[Any], build: str) -> str | None:
    """Have a build of the read model serve the tenant; returns the name of the build that served before.

    None, and nothing changes, if it is being built, is behind the one that serves, or serves already.
    """
    with database.transaction(tenant_id) as connection:
        row = connection.execute(_SQL["switch_build"], version_of(projection) | {"build": build}).fetchone()
    return row[0] if row else None
