"""`follow.lag_ms` and `idle.queries`: how read models stay up to date, and rest."""

import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from statistics import quantiles
from uuid import UUID

from api.composition import Services, connected
from benchmarks import decisions
from benchmarks.appends import new_tenant
from benchmarks.environment import KEK, Ground, MeasuringError
from benchmarks.requests import Served, new_key, ours, served, settle
from benchmarks.results import Result
from benchmarks.schedule import Scale
from infra.settings import Settings

APPENDS_A_SECOND = 500
APPENDERS = 16
PAUSE = 0.004
SETTLING = 3


def lag(ground: Ground, scale: Scale) -> Iterator[Result]:
    """From the commit of an append to where all read models show it, in a serving process, at 500 appends a second."""
    with ours(ground) as (_, services, tenant_id):
        _paced(services, tenant_id, 1)
        settle(services)
        watch = Watch(services, tenant_id)
        with watch:
            commits = _paced(services, tenant_id, 5 * scale.seconds)
            settle(services)
        lags = sorted(watch.lag(position, at) for position, at in commits)
        yield Result("follow.lag_ms", quantiles(lags, n=100)[98], "ms (p99)", samples=lags)


def _paced(services: Services, tenant_id: UUID, seconds: float) -> list[tuple[int, float]]:
    """Append at the pace, as due and not as answered; returns each append's position and when it was answered.

    MeasuringError if the pace was not kept.
    """
    log, turn, started = services.log.of(tenant_id), count(), time.perf_counter()
    commits: list[tuple[int, float]] = []

    def run() -> None:
        while (due := next(turn) / APPENDS_A_SECOND) < seconds:
            time.sleep(max(0, started + due - time.perf_counter()))
            (recorded,) = log.record(decisions.sealed(tenant_id))
            commits.append((recorded.position, time.perf_counter()))

    with ThreadPoolExecutor(APPENDERS) as pool:
        for appender in [pool.submit(run) for _ in range(APPENDERS)]:
            appender.result()
    pace = len(commits) / (time.perf_counter() - started)
    if pace < 0.9 * APPENDS_A_SECOND:
        raise MeasuringError(f"only {pace:.0f} appends a second instead of {APPENDS_A_SECOND}")
    return commits


class Watch:
    """Looks every few milliseconds how far all builds that serve are."""

    def __init__(self, services: Services, tenant_id: UUID) -> None:
        self._engine = services.engine
        self._tenant_id = tenant_id
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._seen: list[tuple[int, float]] = []

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()
        self._look()

    def lag(self, position: int, committed: float) -> float:
        """Milliseconds from the commit until the position was first seen in every read model."""
        first = bisect_left(self._seen, (position, 0.0))
        return max(0.0, (self._seen[first][1] - committed) * 1_000)

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE):
            self._look()

    def _look(self) -> None:
        lags = self._engine.progress.lag()
        position = min(lag.position for lag in lags if lag.tenant_id == self._tenant_id and lag.serves)
        self._seen.append((position, time.perf_counter()))


def idle(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Statements a second that the server is asked while a ledger with some assets is served and nobody calls."""
    with ground.databases() as servers:
        with connected(Settings(key_encryption_key=KEK, follow=False), servers) as services:
            key = new_key(services, new_tenant(services))
        with served(ground, servers, key) as ledger:  # alone: nothing of this process is counted
            yield _idle(ground, ledger, 5 * scale.seconds)


def _idle(ground: Ground, ledger: Served, seconds: float) -> Result:
    ledger.filled(100)
    time.sleep(SETTLING)
    ground.run("forget_statements")
    time.sleep(seconds)
    ((statements,),) = ground.run("statements")
    return Result("idle.queries", statements / seconds, "statements/s")
