"""One build's side of a comparison: a row by the build's own benchmarks, whose measurements wait for their turns.

Run in the build's tree, whatever its commit, as `PYTHONPATH=. python -P PATH/turns.py ROW`. Whenever it waits it prints
an empty line, and goes on when it is sent one; at the end it prints the row's values as JSON.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import wraps
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ParamSpec, TypeVar

SCALE = {"rounds": 20, "seconds": 1.0, "assets": 40_000, "rebuilds": 8, "upload": 256, "files": 5_000, "budget": 900.0}
"""Turns so short that what else the machine does meets both builds."""
LONGER = {"follow.lag_ms": 4.0, "idle.queries": 4.0}
"""Seconds, in place of those, of rows that count what happens now and then."""
OLDER_NAMES = {"schedule": "rounds", "suite": "rows", "environment": "ground", "decisions": "deciding"}
"""The names that modules have in builds before version 0.2.0."""
OLDER_ROWS = {"rebuild.assets": "rebuild"}
"""The rows that builds measured before those of a name: the same by one process."""

_OUTPUT = os.fdopen(os.dup(sys.stdout.fileno()), "w")
P = ParamSpec("P")
T = TypeVar("T")


def measure(name: str) -> list[dict[str, object]]:
    """The names, units and values of a row: a value for each turn, or one in all where the row itself reduces them."""
    schedule, load, values, turn = _module("schedule"), _module("load"), list[float](), _Turn()

    def in_turns(scale: Any, ours: Callable[[], float], _peer: object, rounds: int | None = None) -> object:  # noqa: ANN401
        """Measure ours alone: the other build has the peer's turns. No collection walks what has been loaded."""
        gc.collect()
        gc.freeze()
        for _ in range(rounds or scale.rounds):
            wait()
            with turn:
                values.append(ours())
        return schedule.Pairs(values, values)

    schedule.in_turns, load.load, load.for_seconds = in_turns, turn.of_its_own(load.load), for_seconds
    suite, older = _module("suite"), OLDER_ROWS.get(name, name)
    rows = suite.selected([name]) or suite.selected([older])
    measure_row = rows[0].measure if rows else ADDED.get(name)
    if measure_row is None:
        return []
    environment = _module("environment")
    environment.forget_settings(list(os.environ))
    wait()
    with environment.prepared() as ground:
        scale = replace(schedule.SCALES["short"], **SCALE | {"seconds": LONGER.get(name, SCALE["seconds"])})
        results = list(measure_row(ground, scale))
    first, names = results[0], {older: name}
    return [
        {
            "name": names.get(result.name, result.name),
            "unit": result.unit,
            "values": values if values and result is first else [result.value],
        }
        for result in results
    ]


def lone(ground: Any, scale: Any) -> Iterator[Any]:  # noqa: ANN401 - of whichever build
    """The row `append.lone` of builds that have none."""
    appends, decisions = _module("appends"), _module("decisions")
    with ground.ledger() as (services, _):
        works = [appends.on(services, appends.new_tenant(services), decisions.impersonal) for _ in range(64)]
        work = appends.in_rotation(works)
        yield appends.compared(ground, scale, work, work, 16).result("append.lone", "events/s")


ADDED = {"append.lone": lone}
"""Rows that today's benchmarks have and older ones need not."""


def for_seconds(seconds: float) -> Callable[[int], bool]:
    """Send more until the time is up, which begins with the first question: a load may have to wait for its turn."""
    until: list[float] = []

    def more(_sent: int) -> bool:
        if not until:
            until.append(time.perf_counter() + seconds)
        return time.perf_counter() < until[0]

    return more


def wait() -> None:
    """Return when it is this build's turn."""
    _OUTPUT.write("\n")
    _OUTPUT.flush()
    if not sys.stdin.readline():
        sys.exit("The comparison has ended.")


def _module(name: str) -> Any:  # noqa: ANN401 - of whichever build
    known = name if find_spec(f"benchmarks.{name}") else OLDER_NAMES[name]
    return import_module(f"benchmarks.{known}")


class _Turn:
    """Held while a row measures; what measures by itself waits for a turn of its own."""

    def __init__(self) -> None:
        self._held = False

    def __enter__(self) -> None:
        self._held = True

    def __exit__(self, *_: object) -> None:
        self._held = False

    def of_its_own(self, function: Callable[P, T]) -> Callable[P, T]:
        @wraps(function)
        def waiting(*arguments: P.args, **options: P.kwargs) -> T:
            if not self._held:
                wait()
            return function(*arguments, **options)

        return waiting


if __name__ == "__main__":
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # where a build prints what is not for the comparison
    with _OUTPUT:
        json.dump(measure(sys.argv[1]), _OUTPUT)
