"""The processes of a run: started, killed, started again, ended."""

import logging
import multiprocessing
import random
from collections import Counter
from collections.abc import Callable
from itertools import count, cycle
from multiprocessing.process import BaseProcess
from signal import SIGKILL

from api.cli import logging_setup
from projections.engine.engine import STAGES
from tests.chaos.folding import fold
from tests.chaos.plan import FOLLOWERS, WORKERS, WRITERS, Plan
from tests.chaos.reading import follow
from tests.chaos.writing import write

_START = multiprocessing.get_context("forkserver")
_START.set_forkserver_preload(["tests.chaos.staff"])
END_SECONDS = 3_600
"""In which a follower must come to the end of the longest log."""
FEWEST_PASSES = 8
EVENTS_PER_PASS = 20_000
"""The longer the run, the longer workers live."""


class Staff:
    """Writers, followers and workers. Whoever was killed is replaced, whoever fails by itself is an error."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance = random.Random(f"{plan.seed} staff")  # noqa: S311 - chosen again by the same seed
        self._numbers = count()
        self._points = cycle(STAGES)
        self._running: dict[tuple[str, int], BaseProcess] = {}
        self._dying: dict[int, str] = {}
        self.mortal = True
        """Whether workers still kill themselves."""
        self.deaths: Counter[str] = Counter()
        """How many workers have died, by the point they died at."""

    def begin(self) -> None:
        """Start everybody."""
        for kind, many in (("follower", FOLLOWERS), ("worker", WORKERS), ("writer", WRITERS)):
            for number in range(many):
                self._start(kind, number)

    def kill(self, kind: str, chance: random.Random) -> None:
        """Kill one of a kind, and start another in its place."""
        role = chance.choice([role for role in self._running if role[0] == kind])
        process = self._running[role]
        process.kill()
        process.join()
        self._start(*role)

    def pid(self, kind: str, chance: random.Random) -> int:
        """The process id of one of a kind."""
        process = self._running[chance.choice([role for role in self._running if role[0] == kind])]
        assert process.pid is not None
        return process.pid

    def watch(self) -> None:
        """Replace the workers that have killed themselves. AssertionError if anybody else has ended."""
        for (kind, number), process in list(self._running.items()):
            if process.exitcode is None:
                continue
            if kind != "worker" or process.exitcode != -SIGKILL or number not in self._dying:
                raise AssertionError(f"{kind} {number} ended by itself, with {process.exitcode}")
            self.deaths[self._dying.pop(number)] += 1
            self._start(kind, number)

    def end(self, kind: str) -> None:
        """Let all of a kind come to their end. AssertionError if one does not."""
        ending = [role for role in self._running if role[0] == kind]
        for role in ending:
            self._running[role].terminate()
        for role in ending:
            process = self._running.pop(role)
            process.join(END_SECONDS)
            if process.exitcode != 0:
                raise AssertionError(f"{kind} {role[1]} ended with {process.exitcode}")

    def replace_workers(self) -> None:
        """From now on workers do not kill themselves."""
        self.mortal = False
        for number in range(WORKERS):
            process = self._running["worker", number]
            process.kill()
            process.join()
            self._dying.pop(number, None)
            self._start("worker", number)

    def kill_all(self) -> None:
        """End whoever still runs, at once."""
        for process in self._running.values():
            process.kill()
            process.join()
        self._running.clear()

    def _start(self, kind: str, number: int) -> None:
        plan = self._plan
        if kind == "writer":
            process = _process(write, plan, f"{number}-{next(self._numbers)}")
        elif kind == "follower":
            process = _process(follow, plan, f"follower-{number}")
        else:
            point = next(self._points) if self.mortal else None
            passes = max(FEWEST_PASSES, plan.size.events // EVENTS_PER_PASS)
            if point:
                self._dying[number] = point
            process = _process(fold, plan, point, self._chance.randint(1, passes))
        process.start()
        self._running[kind, number] = process


def _process(work: Callable[..., None], *arguments: object) -> BaseProcess:
    return _START.Process(target=_quietly, args=(work, *arguments))


def _quietly(work: Callable[..., None], *arguments: object) -> None:
    """Work without a word about connections lost, of which there are many; what goes wrong is raised."""
    logging_setup.configure(logging.CRITICAL)
    logging.disable(logging.ERROR)
    work(*arguments)
