"""Poison events: a projection that cannot fold one stops before it, for that tenant only.

An entry that is missing, or cannot be decoded or folded, is known by its position: `stop_before` ends the projection's
part of the batch there, for that tenant, and the rest of the batch is written. A row that the database refuses does not
tell its event: `isolate` folds ever smaller batches, of one projection, until the event stands alone. Where only an
index refuses it, at the end of a rebuild, `ReadModelTables.finish` starts over with the indexes in place, and its batch
is refused.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

from infra.database import Database
from infra.sql import load_statements
from projections.engine.claims import Claim
from projections.engine.progress import version_of
from projections.engine.row_buffer import RowsRefusedError
from projections.projection import Projection

_SQL = load_statements(__file__, "poison_events.sql")

MOST_CHARACTERS = 1_000
"""So much of a failure is kept."""


class PoisonBatchError(Exception):
    """A batch with a row that can never be written: its tenants with their checkpoints, and the reason."""

    def __init__(self, checkpoints: dict[UUID, int], reason: str) -> None:
        super().__init__(reason)
        self.checkpoints = checkpoints


def stop_before(claim: Claim, position: int, error: Exception) -> None:
    """Stop the projection before the poison event at the position, until somebody retries."""
    claim.failed_position = position
    claim.failure = _failure(error)


@contextmanager
def refused_rows(claims: Iterable[Claim]) -> Iterator[None]:
    """PoisonBatchError where the block raises RowsRefusedError: an event of one of the claims is poison."""
    try:
        yield
    except RowsRefusedError as error:
        checkpoints = {claim.tenant_id: claim.position for claim in claims}
        raise PoisonBatchError(checkpoints, _failure(cast(Exception, error.__cause__))) from error


def isolate(
    database: Database, projection: Projection[Any], tenant_id: UUID, limit: int, fold_batch: Callable[[int], int]
) -> int:
    """Stop the tenant before the poison event that is among its next `limit` events; returns the number folded.

    Calls `fold_batch` with ever smaller sizes until it raises PoisonBatchError for a single event. Where none is raised
    any more, because another process was faster, nothing is stopped.
    """
    folded, size = 0, limit
    while folded < limit:
        try:
            count = fold_batch(size)
        except PoisonBatchError as poison:
            if size == 1:
                _stop_at(database, projection, tenant_id, poison.checkpoints[tenant_id], str(poison))
                break
            size = (size + 1) // 2
        else:
            folded += count
            if not count:
                break
    return folded


def _stop_at(database: Database, projection: Projection[Any], tenant_id: UUID, checkpoint: int, failure: str) -> None:
    """Stop the tenant at its checkpoint, before the event that follows, if the checkpoint has not moved."""
    parameters = {"tenant_id": tenant_id, "position": checkpoint, "failure": failure}
    with database.connection() as connection:
        connection.execute(_SQL["stop_tenant"], version_of(projection) | parameters)


def _failure(error: Exception) -> str:
    """The error as checkpoints keep it and `projections lag` shows it."""
    return f"{type(error).__name__}: {error}".replace("\x00", "")[:MOST_CHARACTERS]
