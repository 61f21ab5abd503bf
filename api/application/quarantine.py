"""Poison events that an operator sets aside, on the record: the projection goes on without them."""

from dataclasses import dataclass
from typing import Any

from api.application.session import Session
from domain.errors import LedgerError
from domain.event import Recorded
from infra.event_log.conflicts import retry_on_conflict
from infra.tenants import TENANT
from projections.checkpoints import quarantine_event, stopped_at
from projections.projection import Projection


class NotStoppedThereError(LedgerError):
    """The projection has not stopped at this position: `asset-ledger projections lag` shows where it has."""


@dataclass(frozen=True)
class Quarantine:
    """Sets aside poison events of one tenant's log."""

    session: Session

    def set_aside(self, projection: Projection[Any], position: int, reason: str) -> Recorded:
        """Let the projection go on after the poison event that it has stopped at; returns the event that says so.

        It is recorded in the transaction that moves the checkpoint. NotStoppedThereError unless the projection has
        stopped at exactly this position; OutcomeUnknownError.
        """
        context, log, database = self.session.context(reason), self.session.log, self.session.database

        def work() -> Recorded:
            failure = quarantine_event(database, log.tenant_id, projection, position)
            if failure is None:
                raise self._refusal(projection, position)
            tenant = log.state(log.tenant_id, TENANT)
            (event,) = tenant.quarantine_event(
                context, projection.name, projection.version, position, failure.partition("\n")[0]
            )
            return self.session.record(event)[0]

        return retry_on_conflict(lambda: database.in_transaction(log.tenant_id, work))

    def _refusal(self, projection: Projection[Any], position: int) -> NotStoppedThereError:
        stopped = stopped_at(self.session.database, self.session.tenant_id, projection)
        state = "not stopped in this log" if stopped is None else f"stopped at position {stopped} of this log"
        return NotStoppedThereError(
            f"{projection.name} is {state}, so position {position} cannot be set aside. "
            "See `asset-ledger projections lag`."
        )
