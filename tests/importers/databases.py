"""Databases as nodetool has them, and what is in them."""

import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from api.application.imports.items import Item, JobItem
from api.importers.nodetool import read

SCHEMA = """
CREATE TABLE nodetool_assets (
    id TEXT PRIMARY KEY, user_id TEXT, workflow_id TEXT, parent_id TEXT, file_id TEXT, name TEXT, content_type TEXT,
    size REAL, metadata TEXT, created_at TEXT, duration REAL, node_id TEXT, job_id TEXT
);
CREATE TABLE nodetool_jobs (
    id TEXT PRIMARY KEY, user_id TEXT, job_type TEXT, status TEXT, workflow_id TEXT, started_at TEXT,
    finished_at TEXT, graph TEXT, error TEXT, cost REAL
);
"""
ASSET = {
    "id": "a1",
    "user_id": "u1",
    "workflow_id": "w7",
    "parent_id": "f1",
    "name": "castle.png",
    "content_type": "image/png",
    "size": 12.0,
    "metadata": '{"seed": 5}',
    "created_at": "2025-04-28T21:20:09.500000",
    "node_id": "n3",
    "job_id": "j1",
}
JOB = {
    "id": "j1",
    "user_id": "u1",
    "status": "completed",
    "workflow_id": "w7",
    "started_at": "2025-04-28T21:20:00",
    "finished_at": "2025-04-28T23:20:10+02:00",
    "cost": 0.1,
}
THE_JOB = JobItem(
    "job:j1",
    "j1",
    workflow="w7",
    status="completed",
    started_at=datetime(2025, 4, 28, 21, 20, tzinfo=UTC),
    finished_at=datetime(2025, 4, 28, 21, 20, 10, tzinfo=UTC),
    cost=Decimal("0.1"),
    subject="u1",
)


class Nodetool:
    """A database of nodetool's and its folder of content."""

    def __init__(self, folder: Path, schema: str = SCHEMA) -> None:
        self.path = folder / "no#de tool?.sqlite3"
        self.files = folder / "assets"
        self.files.mkdir()
        with closing(sqlite3.connect(self.path)) as connection:
            connection.executescript(schema)

    def insert(self, table: str, *rows: dict[str, Any]) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for row in rows:
                query = f"INSERT INTO nodetool_{table} ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})"  # noqa: S608
                connection.execute(query, tuple(row.values()))

    def change(self, table: str, id_: str, **members: Any) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            query = f"UPDATE nodetool_{table} SET {', '.join(f'{name} = ?' for name in members)} WHERE id = ?"  # noqa: S608
            connection.execute(query, (*members.values(), id_))

    def asset(self, **members: Any) -> Item:
        """The one asset, with these members."""
        self.insert("assets", ASSET | members)
        *_, item = read(self.path, self.files if any(self.files.iterdir()) else None)
        assert isinstance(item, Item)
        return item
