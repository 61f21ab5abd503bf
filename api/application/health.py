"""What a process knows of its health, found out on connections and in a thread that nobody else can fill."""

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, Self
from uuid import UUID

import structlog

from domain.errors import LedgerError
from infra.api_keys import look_up
from infra.content.store import ContentStore
from infra.database import Database
from infra.migrations import MigrationError, check_history
from infra.supervision import SupervisedThread
from projections.checkpoints import lags
from projections.engine.engine import Engine
from projections.engine.progress import Failure, Lag

CACHED_SECONDS = 1.0
ANSWER_SECONDS = 1.0
LOOK_SECONDS = 0.02
STANDSTILL_SECONDS = 30.0
"""Events that nobody has folded for so long, while nothing was folded at all: nobody follows."""
DISK_SECONDS = 60.0
"""How long a disk counts as full after it was seen to be."""
FEWEST_BYTES = 64 << 20
"""A content store with less room than this is full."""

_LOG = structlog.get_logger()


class Check(Protocol):
    """A condition under which this process must not be trusted, as `/health` reports it."""

    @property
    def name(self) -> str:
        """The name it is reported under."""
        ...

    def problem(self) -> str | None:
        """The condition with its remedy, as last seen; None if all is well. Never waits, never raises."""
        ...


@dataclass(frozen=True)
class Report:
    """The health of what all processes share, as it was at a time of the monotonic clock."""

    at: float
    unfit: dict[str, str] = field(default_factory=dict)
    """By name, what keeps this process from serving at all."""
    problems: dict[str, str] = field(default_factory=dict)
    """By name, what else somebody has to look at."""
    stopped: tuple[Failure, ...] = ()
    """Where projections have stopped, or wait for a key."""


class Own(NamedTuple):
    """How far the projections are in the log of one tenant."""

    tenant_id: UUID
    lags: list[Lag]


NEVER = Report(float("-inf"))
SILENT = Report(0, unfit={"database": "The database does not answer within a second."})


class HealthProbe:
    """Asks the database how it is when somebody wants to know. A context manager."""

    def __init__(self, engine: Engine, projector: Database, service: Database, conditions: Sequence[Check]) -> None:
        self._engine = engine
        self._projector = projector
        self._service = service
        self._conditions = conditions
        self._asked = threading.Event()
        self._ended = False
        self._latest = NEVER
        self._folded: tuple[int, float] | None = None
        self._looking_up = False
        self.thread = SupervisedThread("health-probe", self._run)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        self._asked.set()
        self.thread.join()

    async def report(self) -> Report:
        """A report that is a second old at the most, after at most a second; of a database that is silent, so."""
        started = time.monotonic()
        while self._latest.at < started - CACHED_SECONDS:
            if time.monotonic() > started + ANSWER_SECONDS:
                return SILENT
            self._asked.set()
            await asyncio.sleep(LOOK_SECONDS)
        return self._latest

    def own(self, token: str, tenant_id: UUID | None) -> Own | None:
        """What the token's tenant may know, its id being known already or not; None if it cannot be told just now."""
        if self._looking_up:
            return None
        self._looking_up = True
        try:
            if tenant_id is None:
                caller = look_up(self._service, token)
                if caller is None:
                    return None
                tenant_id = caller.tenant_id
            return Own(tenant_id, lags(self._service, tenant_id, self._engine.projections))
        except LedgerError:
            return None
        finally:
            self._looking_up = False

    def _run(self) -> None:
        while not self._ended:
            self.thread.beat()
            if self._asked.wait(CACHED_SECONDS):
                self._asked.clear()
                self._report(self._look())

    def _report(self, report: Report) -> None:
        before = self._latest.unfit | self._latest.problems
        for name, problem in (report.unfit | report.problems).items():
            if name not in before:
                _LOG.error("unhealthy", check=name, problem=problem)
        self._latest = report

    def _look(self) -> Report:
        problems = {check.name: problem for check in self._conditions if (problem := check.problem())}
        try:
            with self._projector.connection() as connection:
                check_history(connection, "ledger")
            stopped = tuple(self._engine.progress.failures())
            if standstill := self._standstill():
                problems["following"] = standstill
            if miscounts := self._engine.progress.miscounted():
                problems["checkpoints"] = " ".join(map(str, miscounts))
        except MigrationError as error:
            return Report(time.monotonic(), {"schema": str(error)}, problems)
        except LedgerError as error:
            return Report(time.monotonic(), {"database": str(error)}, problems)
        return Report(time.monotonic(), {}, problems, stopped)

    def _standstill(self) -> str | None:
        """What to do if nobody folds what has been recorded long ago."""
        now = time.monotonic()
        folded, seconds = self._engine.progress.delay()
        if self._folded is None:
            self._folded = (folded, now - STANDSTILL_SECONDS)
        elif self._folded[0] != folded:
            self._folded = (folded, now)
        if seconds < STANDSTILL_SECONDS or now - self._folded[1] < STANDSTILL_SECONDS:
            return None
        return f"Nobody has followed for {seconds:.0f} s: run `asset-ledger projections run`, or `serve` that follows."


@dataclass(frozen=True)
class DatabaseFull:
    """Whether a database has said lately that its disk is full."""

    databases: tuple[Database, ...]
    name: str = "database-disk"

    def problem(self) -> str | None:
        """What to do if one has."""
        earliest = time.monotonic() - DISK_SECONDS
        if any(database.disk_full is not None and database.disk_full > earliest for database in self.databases):
            return "The disk of the database is full: free or add space. Nothing can be recorded meanwhile."
        return None


@dataclass(frozen=True)
class ContentFull:
    """Whether the content store has room, as far as that can be told."""

    store: ContentStore
    name: str = "content-disk"

    def problem(self) -> str | None:
        """What to do if there is none."""
        room = self.store.room()
        if room is None or room >= FEWEST_BYTES:
            return None
        return f"The disk of the content store has {room >> 20} MiB left: free or add space."
