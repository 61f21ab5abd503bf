"""`serve` and `migrate`: run the service, and migrate its databases."""

import gc
from contextlib import nullcontext
from datetime import timedelta
from typing import Annotated

import typer

from api.cli.output import say, warn
from api.cli.stop_deadline import heed_stop_signals
from api.composition import Services, open_services
from api.http.app import create_app
from api.http.server import listening, serving
from api.workers.clock_monitor import ClockMonitor
from api.workers.content_watch import ContentWatch
from api.workers.lease_watch import LeaseWatch
from infra.content.store import StoreUnavailableError
from infra.databases import open_databases
from infra.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 chooses a free one.")] = 8000,
    follow: Annotated[bool, typer.Option(help="Keep read models up to date in this process.")] = True,
) -> None:
    """Serve the API. Several services may run on the same databases.

    Without settings, an embedded PostgreSQL is started and migrated; it stops with its last user. With
    `--no-follow`, run `asset-ledger projections run` elsewhere, or lists will not change.
    """
    settings = Settings(follow=follow)
    with (
        listening(host, port) as listener,
        open_services(settings) as services,
        ClockMonitor(services),
        LeaseWatch(services),
        ContentWatch(services, timedelta(days=settings.retention_days)),
        serving(app := create_app(lambda: nullcontext(services)), listener) as url,
    ):
        wait_to_be_stopped = heed_stop_signals()
        say(f"serving on {url}; the API is described at {url}/docs")
        _warn_of_the_store(services)
        app.openapi()
        gc.collect()
        gc.freeze()  # what lives as long as the process: a full collection walked it during requests
        wait_to_be_stopped()


def _warn_of_the_store(services: Services) -> None:
    """All but content works without the store, and what is to be removed from it waits."""
    try:
        services.store.check()
    except StoreUnavailableError as error:
        warn(f"content can neither be stored nor read: {error}")


def migrate() -> None:
    """Migrate the databases to this release. Safe to repeat. Embedded databases are migrated by every command."""
    settings = Settings()
    with open_databases(settings) as databases:
        ran = databases.migrate()
    for name in ran:
        say(f"ran {name}")
    if not ran:
        say("nothing to do: the databases are up to date")
