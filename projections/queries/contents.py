"""Reads `contents`: what may be due to be purged, which the log decides, and how much that is."""

from collections.abc import Collection
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

from psycopg import sql

from infra.connections import Connection
from infra.database import Database
from infra.sql import load_statements
from projections import sql_composition
from projections.assets.fold import ASSETS
from projections.catalogue import with_tables
from projections.contents.fold import CONTENTS
from projections.list_transaction import require_whole
from projections.served_builds import EVERYBODY, served

_SQL = with_tables(load_statements(__file__, "contents.sql"))


def due_for_purge(database: Database, tenant_id: UUID, retention: timedelta, most: int) -> list[UUID]:
    """Assets that seem to have been deleted for longer, under no hold, with content that is neither gone nor queued."""
    with database.reading(tenant_id) as connection:
        due = _served(connection, tenant_id, "due")
        rows = connection.execute(due, {"retention": retention, "most": most}).fetchall()
    return [row[0] for row in rows]


def superseded(database: Database, tenant_id: UUID, retention: timedelta, most: int) -> list[UUID]:
    """Live assets under no hold with content that seems to have been superseded for longer, and is there."""
    with database.reading(tenant_id) as connection:
        superseded_by_now = _served(connection, tenant_id, "superseded")
        rows = connection.execute(superseded_by_now, {"retention": retention, "most": most}).fetchall()
    return [row[0] for row in rows]


def bytes_there(database: Database, tenant_id: UUID, asset_ids: Collection[UUID]) -> dict[UUID, int]:
    """How many bytes all the content versions that are not purged have, of those of the assets that have some.

    ReadModelRebuildingError.
    """
    require_whole(database, tenant_id, (CONTENTS,))
    with database.transaction(tenant_id) as connection:
        statement = _served(connection, tenant_id, "bytes")
        return dict(connection.execute(statement, {"asset_ids": list(asset_ids)}).fetchall())


def tenants_with_old_content(projector: Database, retention: timedelta) -> list[UUID]:
    """Tenants with content that seems to be kept for longer than that. Needs the role that sees every tenant."""
    with projector.connection() as connection:
        statement = _served(connection, EVERYBODY, "tenants_with_old")
        return [row[0] for row in connection.execute(statement, {"retention": retention}).fetchall()]


def _served(connection: Connection, tenant_id: UUID, name: str) -> sql.Composed | LiteralString:
    """The statement that reads the builds which serve the tenant."""
    return sql_composition.with_tables_of(_SQL[name], served(connection, tenant_id, (ASSETS, CONTENTS)).tables)
