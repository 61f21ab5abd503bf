"""Follow the logs, and rebuild, inspect and retry read models."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.application.quarantine import Quarantine
from api.cli.context import ReasonOption, in_doubt, opened, operated
from api.cli.output import console, say, table, warn
from api.cli.rebuild_helpers import Helpers, processors
from api.cli.stop_deadline import heed_stop_signals
from api.cli.switches import (
    ExpectOption,
    NameArgument,
    check_reason,
    compare_,
    expected_of,
    projection_of,
    rollback,
    switch_,
    switch_with_bar,
    switches,
)
from api.composition import Services, connected
from infra.databases import open_databases
from infra.settings import Settings
from projections.catalogue import BUILDS, PROJECTIONS
from projections.engine.builds import serving_build
from projections.engine.engine import Engine
from projections.engine.follower import Follower
from projections.engine.old_versions import drop_old, drop_unused
from projections.engine.progress import Lag
from projections.engine.rebuild import rebuild
from projections.projection import Projection

app = typer.Typer(help=__doc__, no_args_is_help=True)

BESIDE_NICENESS = 10
"""By how much a build beside the one that serves stands back for others that want the processors."""


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
    beside: Annotated[
        bool, typer.Option("--beside", help="Build beside the tables that serve, which stay whole and up to date.")
    ] = False,
    switch: Annotated[
        bool,
        typer.Option("--switch", help="Build beside, compare, and switch. The same as --beside and then `switch`."),
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over instead of resuming an interrupted rebuild.")
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="How many processes fold at once. Default: the number of processors."),
    ] = None,
    expect: ExpectOption = None,
    reason: ReasonOption = None,
) -> None:
    """Rebuild a read model from the log: in place, or without downtime by --switch.

    In place, lists show the part that is folded so far until the rebuild is done. With --switch, a second build is
    folded beside the one that serves; then both are compared for each tenant, and lists are switched to the new one.
    Its processes leave the processors to others that want them (see nice(1)).
    Differences that --expect does not name refuse the switch. The build that served is kept and followed, for
    `rollback`, until `drop-old`.

    Writes continue and are included. An interrupted rebuild is resumed by this command or wherever projections run.
    """
    read_model = projection_of(name)
    expected = expected_of(read_model, expect)
    if not switch and (expect or reason):
        raise typer.BadParameter("--expect and --reason go with --switch")
    check_reason(reason)
    with _rebuilt(read_model, processes or processors(), restart=restart, beside=beside or switch) as (services, build):
        if switch:
            switch_with_bar(services, read_model, reason, expected)
        elif beside:
            say(f"{build.name} is built beside; `asset-ledger projections switch {name}` compares and serves from it")


@contextmanager
def _rebuilt(
    read_model: Projection[Any], processes: int, *, restart: bool, beside: bool
) -> Iterator[tuple[Services, Projection[Any]]]:
    """The services once the build that serves, or the one beside it, has been rebuilt; and that build."""
    settings = Settings(follow=False)
    if beside and hasattr(os, "nice"):
        os.nice(BESIDE_NICENESS)
    with ExitStack() as stack:
        databases = stack.enter_context(open_databases(settings))
        helpers = stack.enter_context(Helpers(settings, databases, read_model, processes - 1))
        services = stack.enter_context(connected(settings, databases))
        build = switches(services, read_model).candidate() if beside else serving_build(services.projector, read_model)
        helped = partial(helpers.helping, build)
        rebuild_with_bar(services.engine, build, console(), restart=restart, beside=beside, helped=helped)
        yield services, build


def rebuild_with_bar(
    engine: Engine,
    projection: Projection[Any],
    on: Console,
    *,
    restart: bool = False,
    beside: bool = False,
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

        folded = rebuild(engine, projection, show_progress, restart=restart, beside=beside, helped=helped)
    seconds = time.perf_counter() - started
    rate = (folded - begun[0]) / seconds
    say(f"rebuilt {projection.name}: {folded:,} events in {seconds:.2f} s, {rate:,.0f} events/s", on)


@app.command()
def lag() -> None:
    """Show the lag of each projection for each tenant, which build serves it, and where a projection has stopped.

    `position` is the number of events that were folded plus those that are quarantined; `seconds` is the age of the
    oldest event after it.
    """
    with opened() as services:
        lags, miscounts = services.engine.progress.lag(), services.engine.progress.miscounted()
    table(
        ["projection", "version", "tenant", "position", "quarantined", "head", "seconds", "behind", "serves", "state"],
        [_cells(lag) for lag in lags],
    )
    for miscount in miscounts:
        warn(str(miscount))


def _cells(lag: Lag) -> list[str]:
    seconds = "" if lag.seconds is None else f"{lag.seconds:,.1f}"
    numbers = (f"{number:,}" for number in (lag.position, lag.quarantined, lag.head))
    return [
        lag.projection,
        f"{lag.version}",
        lag.tenant,
        *numbers,
        seconds,
        f"{lag.behind:,}",
        "yes" if lag.serves else "no",
        lag.state,
    ]


@app.command()
def retry(name: NameArgument) -> None:
    """Let a stopped projection try its event again. Fix the cause first."""
    with opened() as services:
        services.engine.progress.retry(_build(name))
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
    projection = _build(name)
    check_reason(reason)
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
    """Drop the tables that serve nobody: of older versions, and of builds that a switch has left or not come to.

    Upgrades and switches keep these tables, so that services can be upgraded one after the other, and rolled back.
    Run it once no older release serves from them, and no rollback is wanted.
    """
    with opened() as services:
        dropped = [
            name
            for projection in PROJECTIONS.values()
            for drop in (drop_old, drop_unused)
            for name in drop(services.projector, projection)
        ]
    for name in dropped:
        say(f"dropped {name}")
    if not dropped:
        say("nothing to drop")


app.command("switch")(switch_)
app.command("compare")(compare_)
app.command()(rollback)


def _build(name: str) -> Projection[Any]:
    return BUILDS[name] if name in BUILDS else projection_of(name)
