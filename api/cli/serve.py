"""`serve` and `migrate`: run the service, and prepare its databases."""

from typing import Annotated

import typer
import uvicorn
from rich import print as show

from api.app import create_app
from api.composition import services
from infra.servers import servers
from infra.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.")] = 8000,
    follow: Annotated[bool, typer.Option(help="Keep read models up to date in this process.")] = True,
) -> None:
    """Serve the API. Any number may run on the same databases.

    Without settings, an embedded PostgreSQL is started and migrated; it stops with its last user. With
    `--no-follow`, run `asset-ledger projections run` somewhere, or lists stand still.
    """
    settings = Settings(follow=follow)
    app = create_app(lambda: services(settings))
    uvicorn.run(app, host=host, port=port, access_log=False, log_level="warning", timeout_graceful_shutdown=10)


def migrate() -> None:
    """Bring the databases to this version. Safe to run again; an embedded one is migrated by every command."""
    settings = Settings()
    with servers(settings) as found:
        ran = found.migrate()
    show("\n".join(f"ran {name}" for name in ran) or "nothing to do: the databases are up to date")
