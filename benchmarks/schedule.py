"""Two sides measured in turns, so that what else the machine does meets both."""

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.results import Result


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    rounds: int
    seconds: float
    """Of each side in each round."""
    assets: int
    """Of the log that is rebuilt, with three events each."""
    catalogue: int
    """Assets of the catalogue that is read, with five events each."""
    peer_events: int
    """Of that log, as many as the peer folds in all rounds together."""
    rebuilds: int
    upload: int
    """Mebibytes of the file that is uploaded; of the one whose memory is measured, twice as many."""
    files: int
    """Small ones that are imported."""
    changes: int
    """Of an old history."""
    budget: float
    """Seconds after which a row begins no further round."""


SCALES = {
    "smoke": Scale(
        rounds=2,
        seconds=0.2,
        assets=1_000,
        catalogue=400,
        peer_events=500,
        rebuilds=2,
        upload=8,
        files=200,
        changes=64,
        budget=10,
    ),
    "short": Scale(
        rounds=5,
        seconds=2,
        assets=200_000,
        catalogue=50_000,
        peer_events=20_000,
        rebuilds=3,
        upload=1_024,
        files=20_000,
        changes=2_000,
        budget=60,
    ),
    "long": Scale(
        rounds=15,
        seconds=5,
        assets=1_000_000,
        catalogue=1_000_000,
        peer_events=60_000,
        rebuilds=5,
        upload=2_048,
        files=100_000,
        changes=2_000,
        budget=900,
    ),
}


@dataclass(frozen=True)
class Pairs:
    """What both sides reached in each round."""

    ours: Sequence[float]
    peer: Sequence[float]

    @property
    def ratio(self) -> float:
        """The median of the rounds' own ratios."""
        return median(ours / peer for ours, peer in zip(self.ours, self.peer, strict=True))

    def result(self, name: str, unit: str) -> Result:
        """The medians as a row."""
        return Result(name, median(self.ours), unit, median(self.peer), self.ratio)


def in_turns(scale: Scale, ours: Callable[[], float], peer: Callable[[], float], rounds: int | None = None) -> Pairs:
    """Measure ours, the peer, ours, the peer, and so on; at least one round, and none begun beyond the budget.

    What this process has loaded is out of the garbage collector's sight, as in a process that serves.
    """
    gc.collect()
    gc.freeze()
    until = time.monotonic() + scale.budget
    pairs: list[tuple[float, float]] = []
    while len(pairs) < (rounds or scale.rounds) and (not pairs or time.monotonic() < until):
        pairs.append((ours(), peer()))
    return Pairs([value for value, _ in pairs], [value for _, value in pairs])
