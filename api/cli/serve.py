"""`serve` and `migrate`: run the service, and prepare its databases."""

import gc
from contextlib import nullcontext
from datetime import timedelta
from typing import Annotated

import typer

from api.app import create_app
from api.cli.output import say, warn
from api.cli.stop_deadline import heed_stop_signals
from api.clock_monitor import ClockMonitor
from api.composition import Services, services
from api.content_watch import ContentWatch
from api.lease_watch import LeaseWatch
from api.serving import listening, serving
from infra.content.store import StoreUnavailableError
from infra.servers import servers
from infra.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on; 0 for any free one.")] = 8000,
    follow: Annotated[bool, typer.Option(help="Keep read models up to date in this process.")] = True,
) -> None:
    """Serve the API. Any number may run on the same databases.

    Without settings, an embedded PostgreSQL is started and migrated; it stops with its last user. With
    `--no-follow`, run `asset-ledger projections run` somewhere, or lists stand still.
    """
    settings = Settings(follow=follow)
    with (
        listening(host, port) as listener,
        services(settings) as made,
        ClockMonitor(made),
        LeaseWatch(made),
        ContentWatch(made, timedelta(days=settings.retention_days)),
        serving(app := create_app(lambda: nullcontext(made)), listener) as url,
    ):
        wait_to_be_stopped = heed_stop_signals()
        say(f"serving on {url}; the API is described at {url}/docs")
        _warn_of_the_store(made)
        app.openapi()
        _exempt_from_collection()
        wait_to_be_stopped()


def _exempt_from_collection() -> None:
    """Keep the garbage collector off what lives as long as the process: a full collection walked it during requests."""
    gc.collect()
    gc.freeze()


def _warn_of_the_store(services: Services) -> None:
    """All but content works without the store, and what is to be removed from it waits."""
    try:
        services.store.check()
    except StoreUnavailableError as error:
        warn(f"content can neither be stored nor read: {error}")


def migrate() -> None:
    """Bring the databases to this version. Safe to run again; an embedded one is migrated by every command."""
    settings = Settings()
    with servers(settings) as found:
        ran = found.migrate()
    for name in ran:
        say(f"ran {name}")
    if not ran:
        say("nothing to do: the databases are up to date")
