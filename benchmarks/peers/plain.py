"""A plain asset service: FastAPI, a psycopg pool and one table whose rows change. None of the ledger but its models.

Runs as `python -m benchmarks.peers.plain` on the database of PLAIN_DATABASE_URL for the bearer of PLAIN_KEY.
"""

import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import psycopg
import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Query, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool
from pydantic import BaseModel
from uuid_utils.compat import uuid7

from domain.asset.events import Content
from domain.asset.inputs import NewAsset
from domain.json_documents import JsonObject
from domain.media import Media
from domain.reference import ORIGIN_KINDS
from domain.utc_time import UtcTime
from infra.sql import load_statements

_SQL = load_statements(__file__, "assets.sql")
_BEARER = HTTPBearer()
_LAST = UUID(int=2**128 - 1)
CONNECTIONS = 16  # as many as the ledger opens


class Asset(BaseModel):
    """An asset as it is."""

    id: UUID
    status: Literal["pending", "ready", "failed", "deleted"]
    media: Media
    content: Content | None
    name: str | None
    file_name: str | None
    description: str | None
    tags: list[str]
    metadata: JsonObject | None
    prompt_spec: JsonObject | None
    source_url: str | None
    subject: str | None
    scope: str | None
    origin: list[str]
    links: list[str]
    holds: list[str]
    created_at: UtcTime
    created_by: str
    updated_at: UtcTime
    updated_by: str
    deleted_at: UtcTime | None
    revision: int
    position: int


class AssetPage(BaseModel):
    """A page of assets; `next` is where the next one begins."""

    items: list[Asset]
    next: str | None


def row_of(new: NewAsset) -> dict[str, Any]:
    """The parameters that insert the asset."""
    references = dict.fromkeys(new.aliased() + new.references)
    return {
        **new.model_dump(include={"status", "name", "file_name", "description", "source_url", "subject"}),
        "id": uuid7(),
        "media_kind": new.media.media_kind,
        "media": Jsonb(new.media.model_dump()),
        "content": Jsonb(new.content.model_dump()) if new.content else None,
        "content_type": new.content.content_type if new.content else None,
        "sha256": new.content.sha256 if new.content else None,
        "name_search": new.name.casefold() if new.name else None,
        "tags": list(new.tags),
        "metadata": Jsonb(new.metadata) if new.metadata else None,
        "prompt_spec": Jsonb(new.prompt_spec) if new.prompt_spec else None,
        "scope": str(new.scope) if new.scope else None,
        "origin": [str(r) for r in references if r.kind in ORIGIN_KINDS],
        "links": [str(r) for r in references if r.kind not in ORIGIN_KINDS and r != new.scope],
        "at": datetime.now(UTC),
        "by": "system:bench",
    }


def shown(new: NewAsset, row: dict[str, Any], position: int) -> Asset:
    """The asset right after it was inserted."""
    return Asset(
        **{name: row[name] for name in ("id", "status", "name", "file_name", "description", "tags", "source_url")},
        **{name: row[name] for name in ("subject", "scope", "origin", "links")},
        **{name: getattr(new, name) for name in ("media", "content", "metadata", "prompt_spec")},
        holds=[],
        created_at=row["at"],
        created_by=row["by"],
        updated_at=row["at"],
        updated_by=row["by"],
        deleted_at=None,
        revision=1,
        position=position,
    )


def create_app(database_url: str, key: str) -> FastAPI:
    """The application."""
    pool = ConnectionPool(
        database_url, min_size=CONNECTIONS, max_size=CONNECTIONS, open=False, kwargs={"autocommit": True}
    )

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with pool:
            yield

    def authorized(credentials: Annotated[HTTPAuthorizationCredentials, Depends(_BEARER)]) -> None:
        if not secrets.compare_digest(credentials.credentials, key):
            raise HTTPException(401)

    app = FastAPI(lifespan=lifespan, dependencies=[Depends(authorized)])

    @app.post("/v1/assets", status_code=201)
    def create_asset(new: NewAsset, response: Response) -> Asset:
        row = row_of(new)
        with pool.connection() as connection:
            inserted = connection.execute(_SQL["insert"], row).fetchone()
        response.headers["Location"] = f"/v1/assets/{row['id']}"
        return shown(new, row, cast("tuple[int]", inserted)[0])

    @app.get("/v1/assets")
    def list_assets(limit: Annotated[int, Query(ge=1, le=200)] = 50, cursor: str | None = None) -> AssetPage:
        before, _, id_ = cursor.partition("_") if cursor else ("infinity", "", _LAST)
        parameters = {"before": before, "id": id_, "limit": limit + 1}
        with pool.connection() as connection, connection.cursor(row_factory=class_row(Asset)) as cursor_:
            rows = cursor_.execute(_SQL["newest"], parameters).fetchall()
        last = rows[limit - 1] if len(rows) > limit else None
        return AssetPage(items=rows[:limit], next=f"{last.created_at.isoformat()}_{last.id}" if last else None)

    @app.get("/v1/assets/{asset_id}")
    def get_asset(asset_id: UUID) -> Asset:
        with pool.connection() as connection, connection.cursor(row_factory=class_row(Asset)) as cursor:
            asset = cursor.execute(_SQL["one"], {"id": asset_id}).fetchone()
        if asset is None:
            raise HTTPException(404)
        return asset

    return app


def main() -> None:
    """Serve on a free port until stopped."""
    database_url = os.environ["PLAIN_DATABASE_URL"]
    with psycopg.connect(database_url) as connection:
        connection.execute(_SQL["table"])
    # Named as TCP, as the ledger's own is, or asyncio leaves Nagle's algorithm on.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(128)
        print("serving on http://127.0.0.1:{}".format(listener.getsockname()[1]), flush=True)  # noqa: T201, UP032
        config = uvicorn.Config(
            create_app(database_url, os.environ["PLAIN_KEY"]), log_level="warning", access_log=False
        )
        uvicorn.Server(config).run([listener])


if __name__ == "__main__":
    main()
