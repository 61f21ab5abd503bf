"""Claims of projections that have a tenant's events to fold: each for one worker alone, until its transaction ends."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from domain.errors import ServiceUnavailableError
from domain.event import Recorded
from infra.connections import Connection
from infra.sql import load_statements
from projections.engine.progress import versions_of
from projections.projection import Projection

_SQL = load_statements(__file__, "claims.sql")

TENANTS_PER_BATCH = 100


@dataclass
class Claim:
    """A projection with events of a tenant to fold, and how far they could be folded."""

    projection: Projection[Any]
    tenant_id: UUID
    position: int
    """The checkpoint when it was claimed."""
    head: int
    folded: int = 0
    failed_position: int | None = None
    """The position of a poison event, before which the projection has stopped."""
    failure: str | None = None
    """The reason why the projection has stopped, or waits for a key."""

    @property
    def next(self) -> int:
        """The position to fold next."""
        return self.position + self.folded + 1

    def unfolded(self, decoded: Sequence[Recorded]) -> Sequence[Recorded]:
        """Those of some events, which follow each other, that are to be folded; none once the projection has failed."""
        if self.failure is not None or not decoded:
            return ()
        return decoded[max(0, self.next - decoded[0].position) :]

    def wait(self, error: Exception) -> None:
        """Hold the tenant back until a later batch can read its events."""
        self.failure = str(error)


def claim(
    connection: Connection, projections: Sequence[Projection[Any]], *, waiting: bool, only: UUID | None = None
) -> list[Claim]:
    """Claim tenants for the projections that have events of theirs to fold; if they wait for a key, only if `waiting`.

    What another worker has claimed is left to it, and nothing is waited for.
    """
    choice = {"claims": TENANTS_PER_BATCH * len(projections), "waiting": waiting, "only": only}
    rows = connection.execute(_SQL["claim"], versions_of(projections) | choice).fetchall()
    return [Claim(projections[number - 1], *values) for number, *values in rows]


def advance(connection: Connection, claims: Iterable[Claim]) -> None:
    """Move the checkpoints to where the folds ended. ServiceUnavailableError if one is not where it was claimed.

    A rebuild may have dropped them. Whoever lost its claim, and does not know it yet, folds nothing twice.
    """
    columns: dict[str, list[Any]] = defaultdict(list)
    for each in claims:
        columns["projections"].append(each.projection.name)
        columns["versions"].append(each.projection.version)
        columns["tenant_ids"].append(each.tenant_id)
        columns["positions"].append(each.position)
        columns["folded"].append(each.folded)
        columns["failed"].append(each.failed_position)
        columns["failures"].append(each.failure)
    if connection.execute(_SQL["advance"], columns).rowcount != len(columns["tenant_ids"]):
        raise ServiceUnavailableError("The read model was started over meanwhile.")
