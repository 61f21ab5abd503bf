"""`rebuild`, `follow.lag_ms` and `idle.queries`: how read models come about, stay up to date, and rest."""

import json
import threading
import time
from bisect import bisect_left
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from statistics import median, quantiles
from typing import Any
from uuid import UUID

import psycopg

from api.composition import Services, connected
from benchmarks import decisions
from benchmarks.appends import new_tenant
from benchmarks.environment import KEK, Ground, MeasuringError, environment
from benchmarks.logs import make_log
from benchmarks.peers import stock
from benchmarks.requests import Served, new_key, ours, served, settle
from benchmarks.results import Result
from benchmarks.schedule import Scale, in_turns
from infra.databases import Databases
from infra.settings import Settings
from infra.sql import load_statements

READ_MODEL = load_statements(stock.__file__, "read_model.sql")
APPENDS_A_SECOND = 500
APPENDERS = 16
COPIED_AT_ONCE = 50  # the library sends them in a pipeline, which never ends once they overfill the socket's buffer
PAUSE = 0.004
SETTLING = 3


def rebuild(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`assets` from empty, and the memory that takes; the peer is the library's runner on the first of the events."""
    with ground.ledger() as (services, servers), ground.empty() as conninfo:
        tenant_id = new_tenant(services)
        make_log(services, tenant_id, scale.assets)
        with psycopg.connect(conninfo) as connection:
            connection.execute(READ_MODEL["table"])
        with stock.StockLedger(stock.environment(conninfo, 1)) as application:
            peer = _Peer(ground, services, tenant_id, application, stock.environment(conninfo, 4))
            each = scale.peer_events // scale.rebuilds
            rebuilds: list[dict[str, Any]] = []

            def measured() -> float:
                ground.run("checkpoint")
                rebuilds.append(_rebuilt(ground, servers))
                return float(rebuilds[-1]["events"] / rebuilds[-1]["seconds"])

            pairs = in_turns(scale, measured, lambda: peer.rate(each), rounds=scale.rebuilds)
        yield pairs.result("rebuild", "events/s")
        yield Result("rebuild.rss", median(figures["megabytes"] for figures in rebuilds), "MB")


def _rebuilt(ground: Ground, servers: Databases) -> dict[str, Any]:
    figures: dict[str, Any] = json.loads(ground.answer("benchmarks.rebuilding", environment(servers)))
    return figures


class _Peer:
    """The library's application with the ledger's events, as many more in each round."""

    def __init__(
        self,
        ground: Ground,
        services: Services,
        tenant_id: UUID,
        application: stock.StockLedger,
        settings: dict[str, str],
    ) -> None:
        self._ground = ground
        self._log = services.log.of(tenant_id)
        self._application = application
        self._settings = settings
        self._copied = 0

    def rate(self, events: int) -> float:
        """Events a second of the next so many events. Copying them is not measured."""
        until = self._copied + events
        while page := self._log.page(self._copied, until, COPIED_AT_ONCE):
            self._application.save(*(recorded.event for recorded in page))
            self._copied = page[-1].position
        self._ground.run("checkpoint")
        output = self._ground.answer("benchmarks.peers.runner", self._settings | {"PEER_UNTIL": str(until)})
        return events / float(json.loads(output)["seconds"])


def lag(ground: Ground, scale: Scale) -> Iterator[Result]:
    """From the commit of an append to where all read models show it, in a serving process, at 500 appends a second."""
    with ours(ground) as (_, services, tenant_id):
        _paced(services, tenant_id, 1)
        settle(services)
        watch = _Watch(services, tenant_id)
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


class _Watch:
    """Looks every few milliseconds how far all projections are."""

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
        position = min(lag.position for lag in self._engine.progress.lag() if lag.tenant_id == self._tenant_id)
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
