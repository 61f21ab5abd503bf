"""Checkpoints: how far each projection has folded each tenant's log, and where it has stopped."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from infra.database import Database
from infra.sql import load_statements
from projections.projection import Projection
from projections.served_builds import EVERYBODY

_SQL = load_statements(__file__, "progress.sql")


class Pending(NamedTuple):
    """The kinds of work that wait for a projection."""

    projection: Projection[Any]
    events: bool
    unenrolled: bool
    rebuilding: bool


class Activity(NamedTuple):
    """Counters of which one changes whenever work may have come up. `positions` is the sum of all logs' heads."""

    positions: int
    tenants: int
    rebuilds: int
    failures: int
    waiting: bool
    """Whether a tenant waits for a key."""


class Totals(NamedTuple):
    """The events that a projection has folded, of those recorded, and the tenants that have stopped or wait."""

    folded: int
    recorded: int
    failures: int


class Lag(NamedTuple):
    """The checkpoint of one projection in one tenant's log, and the log's head.

    The checkpoint is the number of events that were folded plus those that are quarantined.
    """

    projection: str
    version: int
    tenant_id: UUID
    tenant: str
    position: int
    head: int
    quarantined: int
    failed_position: int | None
    failure: str | None
    seconds: float | None
    """The age of the first event after the checkpoint; None at the head."""
    build: str
    """The name of the build whose checkpoint it is."""
    serves: bool
    """Whether the tenant is served from this build."""

    @property
    def behind(self) -> int:
        """The number of events that are not folded yet."""
        return self.head - self.position

    @property
    def cause(self) -> str | None:
        """The first line of the failure: those after it may repeat whole rows."""
        return None if self.failure is None else self.failure.partition("\n")[0]

    @property
    def state(self) -> str:
        """How the projection is doing, in words."""
        return f"stopped at {self.failed_position}: {self.failure}" if self.failed_position else self.failure or "ok"


class Miscount(NamedTuple):
    """A checkpoint that is not the sum of its parts; `listed` is the number of events in quarantine."""

    projection: str
    version: int
    tenant_id: UUID
    position: int
    applied: int
    quarantined: int
    listed: int

    def __str__(self) -> str:
        return (
            f"{self.projection} of tenant {self.tenant_id} stands at {self.position}, but {self.applied} events were "
            f"folded and {self.quarantined} quarantined, of which {self.listed} are listed: rebuild {self.projection}."
        )


class Quarantined(NamedTuple):
    """A poison event that was set aside, when, and why it could not be folded."""

    projection: str
    version: int
    tenant: str
    position: int
    at: datetime
    failure: str


class Failure(NamedTuple):
    """A tenant whose projection has stopped or waits for a key; `position` is the last one folded."""

    projection: str
    version: int
    tenant_id: UUID
    position: int
    failure: str
    serves: bool
    """Whether the tenant is served from this build."""


class Delay(NamedTuple):
    """The events folded by all projections, and the age in seconds of the oldest event that is not."""

    folded: int
    seconds: float


class Progress:
    """The checkpoints of some projections in every tenant's log: those of all their builds that exist."""

    def __init__(self, database: Database, projections: Iterable[Projection[Any]]) -> None:
        self._database = database
        self.projections = tuple(projections)
        self._builds = tuple(build for projection in self.projections for build in projection.builds)

    def enrol(self) -> None:
        """Add the checkpoints of tenants that have none yet."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["wait_for_enrolment"])
            connection.execute(_SQL["enrol"], self._versions())

    def activity(self) -> Activity:
        """The current counters: one statement, which compares no checkpoint with its log."""
        return Activity(*self._row("activity"))

    def pending(self, *, waiting: bool = True) -> list[Pending]:
        """The work of each build that exists, once there is a tenant.

        `waiting` says whether tenants that wait for a key count.
        """
        rows = self._rows("pending", {**self._versions(), "waiting": waiting})
        flags = {(name, version): kinds for name, version, *kinds in rows}
        return [Pending(p, *map(bool, kinds)) for p in self._builds if (kinds := flags.get((p.name, p.version)))]

    def totals(self, projection: Projection[Any]) -> Totals:
        """The projection's events and failures, over all tenants."""
        return Totals(*self._row("totals", version_of(projection)))

    def backlog(self, projection: Projection[Any]) -> int:
        """The number of events to fold, without tenants that have stopped or wait for a key."""
        return int(self._row("backlog", version_of(projection))[0])

    def lag(self) -> list[Lag]:
        """Every checkpoint, by projection and tenant's name."""
        return [Lag(*row) for row in self._rows("lag", {**self._versions(), "everybody": EVERYBODY})]

    def late(self, seconds: float, most: int) -> list[Lag]:
        """The checkpoints that have stopped, wait for a key or are late by so much, the worst first; no rebuilds."""
        return [Lag(*row) for row in self._rows("late", {**self._versions(), "seconds": seconds, "most": most})]

    def miscounted(self) -> list[Miscount]:
        """The first checkpoints that are not the sum of the events folded and quarantined: there must be none."""
        return [Miscount(*row) for row in self._rows("miscounted", self._versions())]

    def quarantined(self) -> list[Quarantined]:
        """The events that were set aside, of every version of every projection."""
        return [Quarantined(*row) for row in self._rows("quarantined", {})]

    def failures(self) -> list[Failure]:
        """The tenants whose projections have stopped or wait for a key."""
        return [Failure(*row) for row in self._rows("failures", self._versions())]

    def delay(self) -> Delay:
        """How late the projections are, without tenants that a failure or a rebuild holds back."""
        return Delay(*self._row("delay", self._versions()))

    def retry(self, projection: Projection[Any]) -> None:
        """Let the projection try again where it has stopped."""
        with self._database.transaction() as connection:
            connection.execute(_SQL["retry"], version_of(projection))

    def _versions(self) -> dict[str, Any]:
        return versions_of(self._builds)

    def _rows(self, statement: str, parameters: dict[str, Any]) -> list[tuple[Any, ...]]:
        with self._database.connection() as connection:
            return connection.execute(_SQL[statement], parameters).fetchall()

    def _row(self, statement: str, parameters: dict[str, Any] | None = None) -> tuple[Any, ...]:
        (row,) = self._rows(statement, parameters or {})
        return row


def version_of(projection: Projection[Any]) -> dict[str, Any]:
    """The projection's name and version, as parameters."""
    return {"projection": projection.name, "version": projection.version}


def versions_of(projections: Iterable[Projection[Any]]) -> dict[str, Any]:
    """The names and versions of projections, and the read models that they are builds of, as parameters."""
    named = list(projections)
    return {
        "projections": [p.name for p in named],
        "versions": [p.version for p in named],
        "read_models": [p.read_model for p in named],
    }
