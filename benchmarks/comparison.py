"""`make bench AGAINST=COMMIT`: the last commit and an older one, which measure the rows in turns of about a second."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.results import LESS_IS_BETTER
from benchmarks.suite import selected

HERE = Path(__file__).parents[1]
TURNS = Path(__file__).with_name("turns.py")
WORSE = 0.95
"""A build that reaches less than this share of the older one is marked."""
FEWEST_TURNS = 3
"""Rows whose measurement is one turn are measured so often."""
WIDTH = 100
WAITING = "\n"


class Comparison(NamedTuple):
    """One row of both builds: a value for each turn."""

    name: str
    unit: str
    today: Sequence[float]
    older: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the turns' ratios, above 1 where today's build is better."""
        pairs = zip(self.today, self.older, strict=True)
        return median(old / new if self.name in LESS_IS_BETTER else new / old for new, old in pairs)

    def with_turns_of(self, other: "Comparison") -> "Comparison":
        """The turns of both measurements of the row."""
        return self._replace(today=[*self.today, *other.today], older=[*self.older, *other.older])


class Build:
    """A process that measures one row of a build, by the build's own benchmarks, whenever it is its turn."""

    def __init__(self, tree: Path, row: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", TURNS, row],
            cwd=tree,
            env={**os.environ, "PYTHONPATH": str(tree)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._printed = self._next_line()

    @property
    def waits(self) -> bool:
        """Whether the process waits for another turn."""
        return self._printed == WAITING

    @property
    def values(self) -> dict[str, tuple[str, list[float]]]:
        """By name, the units and values of all turns; none if the build has no such row, or could not measure it."""
        measured = json.loads(self._printed or "[]")
        return {row["name"]: (row["unit"], row["values"]) for row in measured}

    def take_turn(self) -> None:
        """Let the process measure until it waits again or has measured all."""
        if self._process.stdin:
            self._process.stdin.write(WAITING)
            self._process.stdin.flush()
        self._printed = self._next_line()

    def end(self) -> None:
        """End the process, which removes what it has made."""
        self._process.communicate()

    def _next_line(self) -> str:
        return self._process.stdout.readline() if self._process.stdout else ""


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """A commit's files in a directory of their own, for as long as the block runs. CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="ledger-older-") as directory:
        tree = Path(directory) / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def compare(newer: Path, older: Path, row: str) -> list[Comparison]:
    """A row, and those that are measured with it, of two trees; nothing if one of them could not measure it."""
    compared = _compare_once(newer, older, row)
    while compared and max(len(each.today) for each in compared) < FEWEST_TURNS:
        again = {each.name: each for each in _compare_once(newer, older, row)}
        compared = [each.with_turns_of(again[each.name]) for each in compared if each.name in again]
    return compared


def _compare_once(newer: Path, older: Path, row: str) -> list[Comparison]:
    with ExitStack() as stack:
        builds = [Build(tree, row) for tree in (newer, older)]
        for build in builds:
            stack.callback(build.end)
        order = builds
        while any(build.waits for build in builds):
            for build in order:
                if build.waits:
                    build.take_turn()
            order = order[::-1]
    today, past = (build.values for build in builds)
    return [Comparison(name, *today[name], past[name][1]) for name in today.keys() & past.keys()]


def table(comparisons: Sequence[Comparison], commit: str) -> Table:
    """The comparisons, with those marked that are worse by more than a twentieth."""
    shown = Table("row", "today", commit[:10], "unit", "turns", "ratio", "")
    for comparison in comparisons:
        mark = "[yellow]worse[/]" if comparison.ratio < WORSE else "[green]ok[/]"
        shown.add_row(
            comparison.name,
            f"{median(comparison.today):,.4g}",
            f"{median(comparison.older):,.4g}",
            comparison.unit,
            str(len(comparison.today)),
            f"{comparison.ratio:.2f}",
            mark,
        )
    return shown


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(HERE), *arguments], check=True)


def main() -> int:
    """Compare the rows that ROWS selects with the commit AGAINST; returns 1 if one is worse or none is compared."""
    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH)
    commit, compared = os.environ["AGAINST"], list[Comparison]()
    with checked_out("HEAD") as newer, checked_out(commit) as older:
        for row in selected(os.environ.get("ROWS", "").split()):
            console.print(f"{row.names[0]} …", highlight=False)
            compared += compare(newer, older, row.names[0])
    console.print(table(compared, commit))
    return int(not compared or any(comparison.ratio < WORSE for comparison in compared))


if __name__ == "__main__":
    sys.exit(main())
