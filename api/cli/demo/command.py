"""`demo`: the whole ledger in a minute, on an embedded PostgreSQL."""

import logging
import socket
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated
from uuid import UUID

import httpx
import typer
from rich.console import Console
from rich.text import Text
from uuid_utils.compat import uuid7

from api.application.content.intake import Intake
from api.application.imports.importer import Importer
from api.cli import logging_setup
from api.cli.content import compare
from api.cli.context import operated, operator
from api.cli.demo.content_story import ContentStory
from api.cli.demo.story import SAMPLES, Story
from api.cli.imports import run_import
from api.cli.output import console, say
from api.cli.projections import rebuild_with_bar
from api.cli.stop_deadline import heed_stop_signals
from api.composition import Services, open_services
from api.http.app import create_app
from api.http.server import ServingError, listening, serving
from api.importers import folder
from api.workers.content_watch import ContentWatch
from api.workers.lease_watch import LeaseWatch
from domain.errors import TenantNotFoundError
from domain.event import Actor
from infra.settings import Settings
from projections.assets.fold import ASSETS

TENANT = "demo"


def demo(
    once: Annotated[bool, typer.Option("--once", help="End after the story instead of serving on.")] = False,
    data: Annotated[Path | None, typer.Option(help="Where the embedded PostgreSQL lives.")] = None,
    port: Annotated[int, typer.Option(help="The port to serve on; any free one if it is taken.")] = 8000,
) -> None:
    """Start the service, tell a story over HTTP, and keep serving: what the ledger is for, in a minute."""
    on = console()
    logging_setup.configure(logging.WARNING)
    settings = Settings(data=data.resolve()) if data else Settings()
    say(f"PostgreSQL and keys live in {settings.data}", on, "dim")
    with (
        open_services(settings) as services,
        LeaseWatch(services),
        ContentWatch(services, timedelta(days=settings.retention_days)),
        serving(create_app(lambda: nullcontext(services)), _listener(port)) as url,
    ):
        tenant_id = _tenant(services)
        key = services.api_keys.issue(operator("demo"), tenant_id, Actor(id="pipeline", type="worker"))
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=30) as http:
            story = Story(http, on, run=str(uuid7())[:18])
            story.tell()
            ContentStory(http, on).tell(story.castle)
        session = operated(services, tenant_id)
        _headline(on, "content import docs/samples")
        importing = Importer(Intake(session, services.rules), "samples", "USD")
        run_import(importing, partial(folder.read, SAMPLES), on)
        _headline(on, "content reconcile")
        compare(session, repair=False)
        _headline(on, "projections rebuild assets")
        rebuild_with_bar(services.engine, ASSETS, on)
        if not once:
            _keep_serving(on, url, key, story.castle)


def _listener(port: int) -> socket.socket:
    """The port of choice, or any free one: a demo should not fail on a busy port."""
    try:
        return listening("127.0.0.1", port)
    except ServingError:
        return listening("127.0.0.1", 0)


def _tenant(services: Services) -> UUID:
    try:
        return services.tenants.find(TENANT)
    except TenantNotFoundError:
        return services.tenants.create(operator("demo"), TENANT)


def _headline(on: Console, command: str) -> None:
    on.print()
    say(f"asset-ledger {command}", on, "bold")


def _keep_serving(on: Console, url: str, key: str, asset_id: str) -> None:
    """Print how to go on, and serve until Ctrl-C or SIGTERM."""
    wait_to_be_stopped = heed_stop_signals()
    on.print(
        Text.assemble("\n", ("Serving", "bold green"), f" on {url} (API description: {url}/docs). Stop with Ctrl-C.")
    )
    on.print("Try it in another terminal:\n")
    lines = (
        f"export URL={url}",
        f"export KEY={key}",
        'curl -s "$URL/v1/assets?tag=approved" -H "Authorization: Bearer $KEY"',
        f'curl -s "$URL/v1/assets/{asset_id}/events" -H "Authorization: Bearer $KEY"',
    )
    for line in lines:
        say(f"  {line}", on)
    wait_to_be_stopped()
