"""One caller's session with one tenant: whose log and documents, who acts, on which request."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, TypeVar
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.large_documents import Documents, NotKeptError
from domain.errors import EntryTooLargeError, LedgerError
from domain.event import Actor, Authenticated, Context, Event, Recorded
from domain.identity import Identity
from infra.clock import DatabaseClock
from infra.content.store import ContentStore
from infra.database import Database
from infra.encryption_keys.store import KeyStore
from infra.event_log.conflicts import retry_on_conflict
from infra.event_log.fold import Fold, S
from infra.event_log.log import Changed, TenantLog
from projections.checkpoints import reached
from projections.projection import Projection

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

    def reached(self, projections: Sequence[Projection[Any]]) -> int:
        """The position that all the projections have reached; the head of the log if none is named."""
        return reached(self.database, self.tenant_id, projections) if projections else self.log.head()

    def record(self, *events: Event, policy_revision: int | None = None) -> list[Recorded]:
        """Append the events, all or none; see TenantLog.record.

        Must run in `in_transaction` or `retry_on_conflict`, which put large documents into the store.
        """
        recorded = self.log.record(*self.documents.referred_to(events), policy_revision=policy_revision)
        self.documents.recorded(recorded)
        return recorded

    def record_each(
        self, events: Sequence[Event], policy_revision: int | None = None
    ) -> list[Recorded | EntryTooLargeError]:
        """Append all the events that fit in an entry; see TenantLog.record_each. Must run where `record` must."""
        outcomes = self.log.record_each(self.documents.referred_to(events), policy_revision)
        self.documents.recorded([outcome for outcome in outcomes if isinstance(outcome, Recorded)])
        return outcomes

    def change(
        self,
        originator_id: UUID,
        fold: Fold[S, Any],
        decide: Callable[[S], Sequence[Event]],
        expected_revision: int | None = None,
        admit: Callable[[Sequence[Event], S], int | None] | None = None,
    ) -> Changed[S]:
        """Load, decide, record, and decide again after a conflict; see TenantLog.change."""

        def work() -> Changed[S]:
            changed = self.log.change(
                originator_id,
                fold,
                lambda state: self.documents.referred_to(decide(state)),
                expected_revision,
                admit,
            )
            self.documents.recorded(changed.recorded)
            return changed

        return self._with_documents(work, work)

    def retry_on_conflict(self, work: Callable[[], T]) -> T:
        """Do the work, and again from the start when another writer was first.

        Opens a transaction only where documents have to be kept, since appends without one share a commit.
        Raises TooManyConflictsError after five attempts.
        """
        return self._with_documents(lambda: retry_on_conflict(work), work)

    def in_transaction(self, work: Callable[[], T]) -> T:
        """Do the work in one transaction, and again from the start when another writer was first.

        If the connection is lost, the log tells whether the work's events were committed. Work that appends nothing
        must bear being repeated. Raises TooManyConflictsError after five attempts, OutcomeUnknownError when nobody
        knows whether it was committed, ServiceUnavailableError when it was not.
        """

        def attempt() -> T:
            return self.database.in_transaction(self.tenant_id, work, repeatable=True)

        return self._with_documents(lambda: retry_on_conflict(attempt), work)

    def _with_documents(self, attempt: Callable[[], T], work: Callable[[], T]) -> T:
        """The attempt; if large documents must be stored first, the work in a transaction once they are."""
        try:
            return attempt()
        except NotKeptError as error:
            if self.database.is_in_transaction:
                raise
            missing = error.missing
        with self.documents.kept(missing):
            return self.in_transaction(work)
