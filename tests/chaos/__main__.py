"""The crash test as a program: `python -m tests.chaos --events 10000000 --seed 1`."""

import logging
import secrets
import sys
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from api.cli import logging_setup
from tests.chaos.plan import Size
from tests.chaos.running import Report, run

LONG = 1_000_000
"""From so many events on nearly all are appended in batches."""


def main(
    events: Annotated[int, typer.Option(help="How many events are to be acknowledged.")] = 100_000,
    seed: Annotated[int | None, typer.Option(help="Chooses what is done and when; by chance if not given.")] = None,
    rounds: Annotated[int, typer.Option(help="How often every fault happens.")] = 3,
    projections: Annotated[str, typer.Option(help="Which read models take part, by commas; all if none.")] = "",
) -> None:
    """Run the ledger under faults, check everything, and report; ends with 1 if anything is wrong."""
    logging_setup.configure(logging.CRITICAL)
    size = Size(
        events=events,
        rounds=rounds,
        batches=0.9 if events >= LONG else 0.3,
        projections=tuple(filter(None, projections.split(","))),
    )
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("starting", total=events)
        report = run(
            size,
            secrets.randbits(32) if seed is None else seed,
            lambda what, done: progress.update(task, description=what, completed=done),
        )
    show(console, report)
    sys.exit(bool(report.wrong))


def show(console: Console, report: Report) -> None:
    """Print what was done and what came of it."""
    table = Table("what", "how many", title=f"seed {report.seed}")
    for what, many in {**report.faults, **{f"appends {k}": v for k, v in report.appends.items()}}.items():
        table.add_row(what, f"{many:,}")
    table.add_row("events acknowledged", f"{report.events:,}")
    table.add_row("events a second", f"{report.events / report.phases['work']:,.0f}")
    for phase, seconds in report.phases.items():
        table.add_row(f"seconds of {phase}", f"{seconds:,}")
    console.print(table)
    console.print(asdict(report)["wrong"] or "Nothing was lost, doubled, skipped or folded otherwise.")


if __name__ == "__main__":
    typer.run(main)
