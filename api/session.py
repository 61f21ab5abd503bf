"""One caller's session with one tenant: whose log and documents, who acts, on which request."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.documents import Documents, NotKeptError
from domain.errors import LedgerError
from domain.event import Actor, Authenticated, Context, Event, Recorded
from domain.identity import Identity
from infra.clock import DatabaseClock
from infra.content.store import ContentStore
from infra.database import Database
from infra.event_log.fold import Fold, S
from infra.event_log.log import TenantLog, persistently
from infra.keys.store import KeyStore

T = TypeVar("T")


@dataclass(frozen=True)
class Session:
    """What every command and read of one caller needs."""

    log: TenantLog
    database: Database
    keys: KeyStore
    store: ContentStore
    actor: Actor
    correlation_id: str
    causation_id: str | None
    clock: Callable[[], datetime]
    """What events are dated by. Raises ClockApartError where it cannot be trusted."""
    database_clock: DatabaseClock
    """What everything irreversible is decided by."""
    authenticated: Authenticated | None = None
    """The key that the request came with; None for the ledger itself and for operators."""

    @property
    def tenant_id(self) -> UUID:
        return self.log.tenant_id

    @cached_property
    def documents(self) -> Documents:
        """The tenant's documents that do not fit into events."""
        return Documents(self.database, self.keys, self.store, self.tenant_id)

    @property
    def identity(self) -> Identity:
        """The tenant's digests."""
        return self.keys.identity(self.tenant_id)

    def context(self, reason: str | None = None) -> Context:
        """The circumstances of a command that begins now."""
        return Context(
            actor=self.actor,
            authenticated=self.authenticated,
            recorded_at=self.clock(),
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            reason=reason,
        )

    def state(
        self,
        originator_id: UUID,
        fold: Fold[S, Any],
        missing: type[LedgerError],
        revision: int | None = None,
        position: int | None = None,
    ) -> S:
        """What an originator's events come to, up to a revision and a position; `missing` is raised if to nothing."""
        try:
            return self.log.state(originator_id, fold, revision, position)
        except AggregateNotFoundError:
            raise missing from None

    def record(self, *events: Event, under: int | None = None) -> list[Recorded]:
        """Append the events as the log does. To be called in `atomically` or `persistently`, which keep documents."""
        recorded = self.log.record(*self.documents.referred_to(events), under=under)
        self.documents.recorded(recorded)
        return recorded

    def persistently(self, work: Callable[[], T]) -> T:
        """Do the work, and again from the start when another writer was first.

        It takes a transaction only where documents have to be kept, since appends without one share a commit.
        Raises TooManyConflictsError after five times.
        """
        return self._keeping(work, work)

    def atomically(self, work: Callable[[], T]) -> T:
        """Do the work in one transaction, and again from the start when another writer was first.

        If the connection is lost, the log tells whether what the work appends was committed. What it writes where it
        appends nothing must bear being written again. Raises TooManyConflictsError after five times,
        OutcomeUnknownError when nobody knows whether it was committed, ServiceUnavailableError when it was not.
        """

        def whole() -> T:
            return self.database.atomically(self.tenant_id, work, repeatable=True)

        return self._keeping(whole, work)

    def _keeping(self, attempt: Callable[[], T], work: Callable[[], T]) -> T:
        """The attempt; where documents have to be kept first, the work in a transaction once they are."""
        try:
            return persistently(attempt)
        except NotKeptError as error:
            if self.database.in_transaction:
                raise
            missing = error.missing
        with self.documents.kept(missing):
            return self.atomically(work)
