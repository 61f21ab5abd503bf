"""`make bench AGAINST=COMMIT`: the last commit and an older one, row by row in turns, each by its own benchmarks."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.results import LESS_IS_BETTER
from benchmarks.suite import selected

HERE = Path(__file__).parents[1]
ROUNDS = 3
WORSE = 0.95
"""A build that reaches less than this share of the older one is marked."""
WIDTH = 100


class Comparison(NamedTuple):
    """One row of both builds: a value for each round."""

    name: str
    unit: str
    today: Sequence[float]
    older: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' ratios, above 1 where today's build is better."""
        pairs = zip(self.today, self.older, strict=True)
        return median(old / new if self.name in LESS_IS_BETTER else new / old for new, old in pairs)


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


def measure(tree: Path, row: str) -> dict[str, tuple[float, str]]:
    """The values and units of a row and of those measured with it; empty where the tree has no such row."""
    results = tree / "benchmarks" / "results.json"
    results.unlink(missing_ok=True)
    environment = {**os.environ, "ROWS": row, "AGAINST": ""}
    subprocess.run([sys.executable, "-m", "benchmarks"], cwd=tree, env=environment, stdout=sys.stderr, check=False)
    values = json.loads(results.read_text()) if results.exists() else []
    return {value["name"]: (value["value"], value["unit"]) for value in values}


def compare(commit: str, rows: Sequence[str], rounds: int) -> Iterator[Comparison]:
    """Each row in so many turns; rows that only one of the builds could measure are left out."""
    with checked_out("HEAD") as newer, checked_out(commit) as older:
        for row in rows:
            turns = [(measure(newer, row), measure(older, row)) for _ in range(rounds)]
            for name, (_, unit) in turns[0][0].items():
                if all(name in today and name in past for today, past in turns):
                    today, past = ([turn[side][name][0] for turn in turns] for side in (0, 1))
                    yield Comparison(name, unit, today, past)


def table(comparisons: Sequence[Comparison], commit: str) -> Table:
    """The comparisons, with those marked that are worse by more than a twentieth."""
    shown = Table("row", "today", commit[:10], "unit", "ratio", "")
    for comparison in comparisons:
        mark = "[yellow]worse[/]" if comparison.ratio < WORSE else "[green]ok[/]"
        shown.add_row(
            comparison.name,
            f"{median(comparison.today):,.4g}",
            f"{median(comparison.older):,.4g}",
            comparison.unit,
            f"{comparison.ratio:.2f}",
            mark,
        )
    return shown


def _git(*arguments: str) -> None:
    subprocess.run(["git", "-C", str(HERE), *arguments], check=True)


def main() -> int:
    """Compare the rows that ROWS selects with the commit AGAINST; returns 1 if one is worse."""
    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH)
    commit, rounds = os.environ["AGAINST"], int(os.environ.get("ROUNDS") or ROUNDS)
    rows = [row.names[0] for row in selected(os.environ.get("ROWS", "").split())]
    compared = list(compare(commit, rows, rounds))
    console.print(table(compared, commit))
    return int(any(comparison.ratio < WORSE for comparison in compared))


if __name__ == "__main__":
    sys.exit(main())
