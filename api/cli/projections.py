"""`projections`: keep read models up to date, and make them anew."""

import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from api.cli.opening import opened
from api.cli.output import console, say, table
from api.cli.stop_deadline import heed_stop_signals
from projections.catalogue import PROJECTIONS
from projections.engine import Engine
from projections.old_versions import drop_old
from projections.projection import Projection
from projections.running import Follower, rebuild

app = typer.Typer(
    help="Read models are folded from the log and can be made anew from it at any time.", no_args_is_help=True
)
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help=f"One of: {', '.join(PROJECTIONS)}.")]


class EventsPerSecond(ProgressColumn):
    """How many events a second are folded."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed / (task.elapsed or 1):,.0f} events/s")


@app.command()
def run() -> None:
    """Follow the logs until stopped. Any number may run at once; each batch is folded by exactly one."""
    with opened() as services, Follower(services.engine):
        wait_to_be_stopped = heed_stop_signals()
        say("following; stop with Ctrl-C")
        wait_to_be_stopped()


@app.command("rebuild")
def rebuild_(
    name: NameArgument,
    restart: Annotated[bool, typer.Option("--restart", help="Start over, even where one was cut short.")] = False,
) -> None:
    """Make a read model anew from the log, in place: until it is done, lists show what is folded so far.

    Writes go on meanwhile and are included. A rebuild that was killed is resumed, by this command or wherever
    projections run.
    """
    projection = _projection(name)
    with opened() as services:
        rebuild_with_bar(services.engine, projection, console(), restart=restart)


def rebuild_with_bar(engine: Engine, projection: Projection[Any], on: Console, *, restart: bool = False) -> None:
    """Rebuild with a progress bar, and say how fast it was."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        EventsPerSecond(),
        TimeRemainingColumn(),
    )
    begun: list[int] = []
    started = time.perf_counter()
    with Progress(*columns, console=on) as bar:
        task = bar.add_task(f"rebuilding {projection.name}", total=None)

        def show_progress(done: int, total: int) -> None:
            if not begun and done:
                say(f"resuming at event {done:,} of {total:,}", on)
            begun.append(done)
            bar.update(task, completed=done, total=total)

        folded = rebuild(engine, projection, show_progress, restart=restart)
    seconds = time.perf_counter() - started
    rate = (folded - begun[0]) / seconds
    say(f"rebuilt {projection.name}: {folded:,} events in {seconds:.2f} s, {rate:,.0f} events/s", on)


@app.command()
def lag() -> None:
    """Show how far each projection is behind each log, and where one has stopped."""
    with opened() as services:
        rows = [
            (name, str(version), tenant, f"{position:,}", f"{head:,}", f"{head - position:,}", _state(failed, failure))
            for name, version, tenant, _, position, head, failed, failure in services.engine.lag()
        ]
    table(["projection", "version", "tenant", "position", "head", "behind", "state"], rows)


def _state(failed_position: int | None, failure: str | None) -> str:
    """How a projection is doing with one tenant."""
    return f"stopped at {failed_position}: {failure}" if failed_position else failure or "ok"


@app.command()
def retry(name: NameArgument) -> None:
    """Let a projection that has stopped at an event try it again, once what was wrong is mended."""
    with opened() as services:
        services.engine.retry(_projection(name))
    say(f"{name} tries again wherever projections run")


@app.command("drop-old")
def drop_old_() -> None:
    """Drop the tables of older versions of read models. Do it once no older release serves from them any more.

    Until then a rebuild leaves them as they are, so that an upgrade can roll over the services, and be taken back.
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
