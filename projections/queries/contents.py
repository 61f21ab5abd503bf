"""Reads `contents`: what may be due to be purged, which the log decides, and how much that is."""

from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from infra.database import Database
from infra.sql import load_statements
from projections.catalogue import with_tables
from projections.contents.fold import CONTENTS
from projections.list_transaction import require_whole

_SQL = with_tables(load_statements(__file__, "contents.sql"))


def due_for_purge(database: Database, tenant_id: UUID, retention: timedelta, most: int) -> list[UUID]:
    """Assets that seem to have been deleted for longer, under no hold, with content that is neither gone nor queued."""
    with database.reading(tenant_id) as connection:
        rows = connection.execute(_SQL["due"], {"retention": retention, "most": most}).fetchall()
    return [row[0] for row in rows]


def superseded(database: Database, tenant_id: UUID, retention: timedelta, most: int) -> list[UUID]:
    """Live assets under no hold with content that seems to have been superseded for longer, and is there."""
    with database.reading(tenant_id) as connection:
        rows = connection.execute(_SQL["superseded"], {"retention": retention, "most": most}).fetchall()
    return [row[0] for row in rows]


def bytes_there(database: Database, tenant_id: UUID, asset_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many bytes all the content versions that are not purged have, of those of the assets that have some.

    ReadModelRebuildingError.
    """
    require_whole(database, tenant_id, (CONTENTS,))
    with database.transaction(tenant_id) as connection:
        return dict(connection.execute(_SQL["bytes"], {"asset_ids": list(asset_ids)}).fetchall())


def tenants_with_old_content(projector: Database, retention: timedelta) -> list[UUID]:
    """Tenants with content that seems to be kept for longer than that. Needs the role that sees every tenant."""
    with projector.connection() as connection:
        return [row[0] for row in connection.execute(_SQL["tenants_with_old"], {"retention": retention}).fetchall()]
