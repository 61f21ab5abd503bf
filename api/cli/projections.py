"""Follow the logs, and rebuild, inspect and retry read models."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.application.quarantine import Quarantine
from api.cli.context import in_doubt, opened, operated
from api.cli.output import console, say, table, warn
from api.cli.rebuild_helpers import Helpers, processors
from api.cli.stop_deadline import heed_stop_signals
from api.composition import connected
from domain.text import storable
from infra.databases import open_databases
from infra.settings import Settings
from projections.catalogue import PROJECTIONS
from projections.engine.engine import Engine
from projections.engine.follower import Follower
from projections.engine.old_versions import drop_old
from projections.engine.progress import Lag
from projections.engine.rebuild import rebuild
from projections.projection import Projection

app = typer.Typer(help=__doc__, no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(PROJECTIONS)}.")]


@app.command()
def run() -> None:
    """Keep read models up to date until stopped. Several may run at once; each batch is folded by one of them."""
    with opened() as services, Follower(services.engine):
        wait_to_be_stopped = heed_stop_signals()
        say("following; stop with Ctrl-C")
        wait_to_be_stopped()


@app.command("rebuild")
def rebuild_(
    name: NameArgument,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over instead of resuming an interrupted rebuild.")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="How many processes fold at once. Default: the number of processors."),
    ] = None,
) -> None:
    """Rebuild a read model from the log, in place. Until it is done, lists show the part that is folded so far.

    Writes continue and are included. An interrupted rebuild is resumed by this command or wherever projections run.
    """
    projection, settings = _projection(name), Settings(follow=False)
    with (
        open_databases(settings) as databases,
        Helpers(settings, databases, projection, (processes or processors()) - 1) as helpers,
        connected(settings, databases) as services,
    ):
        rebuild_with_bar(services.engine, projection, console(), restart=restart, helped=helpers.helping)


def rebuild_with_bar(
    engine: Engine,
    projection: Projection[Any],
    on: Console,
    *,
    restart: bool = False,
    helped: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> None:
    """Rebuild with a progress bar, and print the rate."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:,.0f} events/s"),
        TimeRemainingColumn(),
    )
    begun: list[int] = []
    started = time.perf_counter()
    with Progress(*columns, console=on) as bar:
        task = bar.add_task(f"rebuilding {projection.name}", total=None, rate=0.0)

        def show_progress(done: int, total: int) -> None:
            if not begun and done:
                say(f"resuming at event {done:,} of {total:,}", on)
            begun.append(done)
            bar.update(task, completed=done, total=total, rate=done / (time.perf_counter() - started))

        folded = rebuild(engine, projection, show_progress, restart=restart, helped=helped)
    seconds = time.perf_counter() - started
    rate = (folded - begun[0]) / seconds
    say(f"rebuilt {projection.name}: {folded:,} events in {seconds:.2f} s, {rate:,.0f} events/s", on)


@app.command()
def lag() -> None:
    """Show the lag of each projection for each tenant, and where a projection has stopped.

    `position` is the number of events that were folded plus those that are quarantined; `seconds` is the age of the
    oldest event after it.
    """
    with opened() as services:
        lags, miscounts = services.engine.progress.lag(), services.engine.progress.miscounted()
    table(
        ["projection", "version", "tenant", "position", "quarantined", "head", "seconds", "behind", "state"],
        [_cells(lag) for lag in lags],
    )
    for miscount in miscounts:
        warn(str(miscount))


def _cells(lag: Lag) -> list[str]:
    seconds = "" if lag.seconds is None else f"{lag.seconds:,.1f}"
    numbers = (f"{number:,}" for number in (lag.position, lag.quarantined, lag.head))
    return [lag.projection, f"{lag.version}", lag.tenant, *numbers, seconds, f"{lag.behind:,}", lag.state]


@app.command()
def retry(name: NameArgument) -> None:
    """Let a stopped projection try its event again. Fix the cause first."""
    with opened() as services:
        services.engine.progress.retry(_projection(name))
    say(f"{name} tries again wherever projections run")


@app.command()
def quarantine(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help=f"One of: {', '.join(PROJECTIONS)}.")] = None,
    tenant: Annotated[str | None, typer.Argument(metavar="TENANT", help="The tenant's name or id.")] = None,
    position: Annotated[
        int | None,
        typer.Argument(
            metavar="POSITION", min=1, max=2**63 - 1, help="The position that the projection has stopped at."
        ),
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="The reason, kept in the log. Required.")] = None,
    show: Annotated[bool, typer.Option("--list", help="List the quarantined events instead.")] = False,
) -> None:
    """Set aside the poison event that a projection has stopped at, so that it goes on without this event.

    The tenant's log records it, with the reason: `projection.event_quarantined`. A rebuild tries the event again.
    """
    if show:
        _list_quarantined()
        return
    if name is None or tenant is None or position is None or not reason:
        raise typer.BadParameter("give NAME, TENANT, POSITION and --reason, or --list")
    projection = _projection(name)
    try:
        storable(reason)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--reason") from None
    with opened() as services, in_doubt("See `asset-ledger projections quarantine --list`."):
        session = operated(services, services.tenants.find(tenant))
        recorded = Quarantine(session).set_aside(projection, position, reason)
    say(f"{name} goes on after position {position} wherever projections run; recorded at position {recorded.position}")


def _list_quarantined() -> None:
    with opened() as services:
        events = services.engine.progress.quarantined()
    rows = [
        (e.projection, f"{e.version}", e.tenant, f"{e.position:,}", f"{e.at:%Y-%m-%d %H:%M}", e.failure) for e in events
    ]
    table(["projection", "version", "tenant", "position", "quarantined at", "failure"], rows)


@app.command("drop-old")
def drop_old_() -> None:
    """Drop the tables of older versions of read models, once no older release serves from them.

    Upgrades and rebuilds keep these tables, so that services can be upgraded one after the other and rolled back.
    """
    with opened() as services:
        dropped = [name for projection in PROJECTIONS.values() for name in drop_old(services.projector, projection)]
    for name in dropped:
        say(f"dropped {name}")
    if not dropped:
        say("nothing to drop")


def _projection(name: str) -> Projection[Any]:
    try:
        return PROJECTIONS[name]
    except KeyError:
        raise typer.BadParameter(f"there is no projection {name!r}; there are {', '.join(PROJECTIONS)}") from None
