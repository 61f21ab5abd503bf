"""The state of the service."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.schemas.optional import optional
from domain.model import example


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
        "events) or `content-disk`. The service's log has details.",
    )
    threads: list["ThreadHealth"] = Field(description="The background threads of this process.")


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
    tenants: int = Field(description="The number of tenants for which it has stopped.")
    tenant_id: UUID | None = optional("The tenant of the request's key, if it is among them.")
    position: int | None = optional("The position of the event in that tenant's log.")
