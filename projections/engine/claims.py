"""Claims of tenants that have events to fold: each for one worker alone, until its transaction ends."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from domain.errors import ServiceUnavailableError
from domain.event import Recorded
from infra.connections import Connection
from infra.sql import load_statements
from projections.engine.progress import version_of
from projections.projection import Projection

_SQL = load_statements(__file__, "claims.sql")

TENANTS_PER_BATCH = 100


@dataclass
class Claim:
    """A tenant with events to fold, and how far they could be folded."""

    tenant_id: UUID
    position: int
    """The checkpoint when the tenant was claimed."""
    head: int
    until: int = 0
    """The position up to which this batch reads."""
    folded: int = 0
    decoded: list[Recorded] = field(default_factory=list)
    """Events that are to be folded next."""
    failed_position: int | None = None
    """The position of a poison event, before which the tenant has stopped."""
    failure: str | None = None
    """The reason why the tenant has stopped, or waits for a key."""

    @property
    def next(self) -> int:
        """The position to fold next."""
        return self.position + self.folded + 1

    def wait(self, error: Exception) -> None:
        """Hold the tenant back until a later batch can read its events."""
        self.failure = str(error)


class PositionRange(NamedTuple):
    """The entries of one tenant after one position up to another. Positions are dense, so their number is known."""

    tenant_id: UUID
    after: int
    until: int


def claim(
    connection: Connection, projection: Projection[Any], *, waiting: bool, only: UUID | None = None
) -> dict[UUID, Claim]:
    """Claim tenants that have events to fold; those that wait for a key only if `waiting`."""
    choice = {"tenants": TENANTS_PER_BATCH, "waiting": waiting, "only": only}
    rows = connection.execute(_SQL["claim"], version_of(projection) | choice).fetchall()
    return {tenant_id: Claim(tenant_id, position, head) for tenant_id, position, head in rows}


def position_ranges(claims: Collection[Claim], limit: int) -> list[PositionRange]:
    """The ranges to read of each tenant, so that all together have about `limit` events."""
    share = max(1, limit // len(claims))
    for tenant in claims:
        tenant.until = min(tenant.head, tenant.position + share)
    return [PositionRange(tenant.tenant_id, tenant.position, tenant.until) for tenant in claims]


def advance(connection: Connection, projection: Projection[Any], claims: Iterable[Claim]) -> None:
    """Move the checkpoints to where the folds ended. ServiceUnavailableError if they are not where they were claimed.

    A rebuild may have dropped them. Whoever lost its claim, and does not know it yet, folds nothing twice.
    """
    columns: dict[str, list[Any]] = defaultdict(list)
    for tenant in claims:
        columns["tenant_ids"].append(tenant.tenant_id)
        columns["positions"].append(tenant.position)
        columns["folded"].append(tenant.folded)
        columns["failed"].append(tenant.failed_position)
        columns["failures"].append(tenant.failure)
    if connection.execute(_SQL["advance"], version_of(projection) | columns).rowcount != len(columns["tenant_ids"]):
        raise ServiceUnavailableError("The read model was started over meanwhile.")
