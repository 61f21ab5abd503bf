"""The checkpoints of projections as the service's role sees them: those of its tenant."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from infra.database import Database
from infra.sql import load_statements
from projections.projection import Projection

_SQL = load_statements(__file__, "checkpoints.sql")


def reached(database: Database, tenant_id: UUID, projections: Sequence[Projection[Any]]) -> int:
    """The position up to which all the projections have folded the tenant's log."""
    with database.reading(tenant_id) as connection:
        positions = [
            connection.execute(_SQL["position"], {"projection": p.name, "version": p.version}).fetchone()
            for p in projections
        ]
    return min(row[0] if row else 0 for row in positions)
