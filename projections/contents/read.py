"""Reads `contents`: what is to be purged, and how much that is."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from infra.database import Database
from infra.sql import beside

_SQL = beside(__file__, "read.sql")


def due_for_purge(database: Database, tenant_id: UUID, before: datetime, most: int) -> list[UUID]:
    """Assets that were deleted before the time, under no hold, with content that is not purged nor about to be."""
    with database.reading(tenant_id) as connection:
        rows = connection.execute(_SQL["due"], {"before": before, "most": most}).fetchall()
    return [row[0] for row in rows]


def superseded(database: Database, tenant_id: UUID, before: datetime, most: int) -> list[tuple[UUID, list[int]]]:
    """Live assets under no hold, each with the content versions that were superseded before the time and are there."""
    with database.reading(tenant_id) as connection:
        rows = connection.execute(_SQL["superseded"], {"before": before, "most": most}).fetchall()
    return [(asset_id, numbers) for asset_id, numbers in rows]


def bytes_there(database: Database, tenant_id: UUID, asset_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many bytes all the content versions that are not purged have, of those of the assets that have some."""
    with database.reading(tenant_id) as connection:
        return dict(connection.execute(_SQL["bytes"], {"asset_ids": list(asset_ids)}).fetchall())


def tenants_with_old_content(projector: Database, before: datetime) -> list[UUID]:
    """Tenants with content that was deleted or superseded before the time. Needs the role that sees every tenant."""
    with projector.connection() as connection:
        return [row[0] for row in connection.execute(_SQL["tenants_with_old"], {"before": before}).fetchall()]
