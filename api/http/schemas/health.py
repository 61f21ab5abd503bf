"""The state of the service."""

from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.schemas import optional
from domain.model import example
from projections.engine.progress import Lag


class Health(BaseModel):
    """Whether the service works, which projections have stopped, and the background threads of this process."""

    model_config = example(
        status="ok", failures=[], watches=[], problems=[], threads=[{"name": "follower", "works": True, "seconds": 0.2}]
    )

    status: Literal["ok", "failing"]
    failures: list["ProjectionFailure"]
    watches: list[str] = Field(
        description="Background threads that have ended, are stuck or fail repeatedly, such as `follower` or "
        "`lease-watch`."
    )
    problems: list[str] = Field(
        description="Other problems that need an operator, such as `database`, `following` (no process folds new "
        "events), `checkpoints` (one is not the sum of the events folded and quarantined) or `content-disk`. The "
        "service's log has details.",
    )
    threads: list["ThreadHealth"] = Field(description="The background threads of this process.")
    lags: list["ProjectionLag"] | None = optional(
        "How far each projection is in the log of the request's key. Absent without a key, or if it could not be read."
    )


class Liveness(BaseModel):
    """Whether this process works by itself. If not, restart it."""

    model_config = example(status="ok", threads=[{"name": "follower", "works": True, "seconds": 0.2}])

    status: Literal["ok", "failing"]
    threads: list["ThreadHealth"]


class Readiness(BaseModel):
    """Whether this process can serve requests. If not, send them to other processes for now."""

    model_config = example(status="ok", problems=[])

    status: Literal["ok", "failing"]
    problems: list[str] = Field(
        description="The reasons if not, such as `database` or `schema`. The service's log has details."
    )


class ThreadHealth(BaseModel):
    """A background thread of this process."""

    name: str
    works: bool
    seconds: float = Field(description="Seconds since the thread's last sign of life.")


class ProjectionFailure(BaseModel):
    """A projection that stopped at an event which it cannot fold, or cannot decrypt yet."""

    projection: str
    version: int
    serves: bool = Field(
        description="Whether these tenants are served from it. A build that is made beside the one that serves, and "
        "stops, leaves the status as it is: it cannot be switched to."
    )
    tenants: int = Field(description="The number of tenants for which it has stopped.")
    tenant_id: UUID | None = optional("The tenant of the request's key, if it is among them.")
    position: int | None = optional("The position of the event in that tenant's log.")


class ProjectionLag(BaseModel):
    """How far a projection is in one tenant's log."""

    projection: str
    version: int
    build: str = Field(description="The build that serves the tenant: the projection's name, or with `_b` after it.")
    position: int = Field(description="The number of events that were folded plus those that are quarantined.")
    quarantined: int = Field(description="Events that an operator has set aside.")
    head: int = Field(description="The last position of the log.")
    seconds: float | None = Field(description="The age of the oldest event after `position`. Null: there is none.")
    stopped_at: int | None = Field(description="The position of the poison event at which it has stopped.")
    failure: str | None = Field(description="The reason why it has stopped, or waits for a key.")

    @classmethod
    def of(cls, lag: Lag) -> Self:
        """The lag of a checkpoint."""
        return cls(
            projection=lag.projection,
            version=lag.version,
            build=lag.build,
            position=lag.position,
            quarantined=lag.quarantined,
            head=lag.head,
            seconds=None if lag.seconds is None else round(lag.seconds, 3),
            stopped_at=lag.failed_position,
            failure=lag.cause,
        )
