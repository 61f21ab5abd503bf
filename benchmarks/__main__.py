"""`make bench`: measures the rows asked for, prints them, and writes results and plots."""

import os
import platform
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from api.cli import logging_setup
from benchmarks import results
from benchmarks.environment import Ground, forget_settings, prepared
from benchmarks.plots import draw
from benchmarks.results import TARGETS, Result
from benchmarks.schedule import SCALES, Scale
from benchmarks.suite import ROWS, Row, selected

RESULTS = Path(__file__).parent / "results.json"
PLOTS = Path(__file__).parents[1] / "docs" / "benchmarks"
WARNING = 30
WIDTH = 100


def main(console: Console) -> int:
    """Run what SCALE and ROWS ask for; returns the exit status: 1 if a row could not be measured, 2 if none is."""
    name, patterns = os.environ.get("SCALE") or "short", os.environ.get("ROWS", "").split()
    rows = selected(patterns)
    if name not in SCALES or not rows:
        known = " ".join(name for row in ROWS for name in row.names)
        console.print(f"SCALE is one of {', '.join(SCALES)}; ROWS are patterns of: {known}", highlight=False)
        return 2
    started, measurements, failed = time.monotonic(), list[Result](), 0
    console.print(f"{_circumstances()}; scale {name}", highlight=False)
    try:
        with prepared() as ground:
            failed = sum(not measured(row, ground, SCALES[name], measurements, console) for row in rows)
    finally:
        if measurements:
            console.print(table(measurements))
            results.write(measurements, RESULTS)
            draw(measurements, PLOTS)
    console.print(f"{time.monotonic() - started:.0f} s; {failed} rows could not be measured", highlight=False)
    return 1 if failed else 0


def measured(row: Row, ground: Ground, scale: Scale, measurements: list[Result], console: Console) -> bool:
    """Measure a row, tell it, and keep it with what was found; returns whether that could be done."""
    name, started = row.names[0], time.monotonic()
    console.print(f"{name} …", highlight=False)
    try:
        for result in row.measure(ground, scale):
            measurements.append(result)
            console.print(f"  {' '.join(_cells(result))}  [dim]{time.monotonic() - started:.0f} s", highlight=False)
    except Exception as error:  # noqa: BLE001 - whatever happens to one row, the others are measured
        message = escape(f"{type(error).__name__}: {error}")
        console.print(f"  [red]{name} could not be measured:[/] {message}", highlight=False, emoji=False)
        return False
    return True


def table(measurements: list[Result]) -> Table:
    """The results with what they are to reach."""
    table_ = Table()
    for heading in ("row", "ours", "unit", "peer", "ratio", "target", ""):
        table_.add_column(heading, justify="right" if heading in ("ours", "peer", "ratio") else "left", no_wrap=True)
    for result in measurements:
        table_.add_row(*_cells(result))
    return table_


def _cells(result: Result) -> list[str]:
    target = TARGETS.get(result.name)
    mark = "" if target is None else "[green]ok[/]" if target.reached_by(result) else "[yellow]short[/]"
    return [
        result.name,
        _number(result.value),
        result.unit,
        _number(result.peer),
        "" if result.ratio is None else f"{result.ratio:.2f}",
        str(target or ""),
        mark,
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _circumstances() -> str:
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"{now}, {platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )


if __name__ == "__main__":
    logging_setup.configure(WARNING)
    forget_settings(list(os.environ))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    terminal = Console(soft_wrap=True)
    terminal.width = max(terminal.width, WIDTH)  # the table's, even where the output is a file
    try:
        sys.exit(main(terminal))
    except KeyboardInterrupt:
        sys.exit(130)
