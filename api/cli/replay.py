"""`replay`: the history of one asset, read from the log."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated
from uuid import UUID

import typer
from eventsourcing.application import AggregateNotFoundError
from rich.text import Text

from api.cli.context import opened, tenant_or_only
from api.cli.output import console, printable, say_json
from domain.errors import AssetNotFoundError
from projections.history import Entry, entries


def replay(
    asset: Annotated[UUID, typer.Argument(help="The asset's id.")],
    tenant: Annotated[str | None, typer.Option(help="The tenant's name or id. Required if there are several.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per event, one event per line.")] = False,
) -> None:
    """Print the history of an asset: who, when, before and after, why. Reads the log, not a read model."""
    with opened() as services:
        try:
            history = services.log.of(tenant_or_only(services, tenant)).history(asset)
        except AggregateNotFoundError:
            raise AssetNotFoundError(f"There is no asset {asset} in this tenant.") from None
    trail = list(entries(history))
    if as_json:
        for entry in trail:
            say_json(asdict(entry))
    else:
        console().print(timeline(trail), soft_wrap=True)


def timeline(trail: Iterable[Entry]) -> Text:
    """The events for people to read."""
    text = Text()
    for entry in trail:
        text.append(f"{entry.time:%Y-%m-%d %H:%M:%S.%f}"[:-3] + "Z  ", style="dim")
        text.append(f"{entry.topic}", style="bold cyan")
        text.append(f"  by {printable(str(entry.actor))}", style="green")
        if entry.authenticated:
            text.append(f" with the key {entry.authenticated.key}", style="green")
        text.append(f"  revision {entry.revision}, position {entry.position}\n", style="dim")
        if entry.reason:
            text.append(f"    why: {printable(entry.reason)}\n", style="italic")
        for change in entry.changes:
            text.append(f"    {change.field}: {_short(change.before)} → {_short(change.after)}\n")
    text.rstrip()
    return text


def _short(value: object, width: int = 100) -> str:
    if value is None:
        return "–"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    text = printable(text)
    return text if len(text) <= width else text[: width - 1] + "…"
