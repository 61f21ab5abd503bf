"""One tenant's policy and declared references on behalf of one caller, and the one place where they are enforced.

So are sources: what new assets and jobs are made from has to be assets of the tenant, deleted or not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from eventsourcing.application import AggregateNotFoundError

from api.application.session import Session
from domain import errors
from domain.asset.asset import Asset
from domain.asset.events import AssetCreated
from domain.errors import LedgerError
from domain.event import Event, Recorded
from domain.job.events import JobRequested
from domain.job.job import Job
from domain.tenant import declarations
from domain.tenant.declarations import Declarations, declared_id
from domain.tenant.events import ReferenceDeclared
from domain.tenant.inputs import NewPolicy, NewReference
from domain.tenant.policy import Policy, Use, use_of
from infra.event_log.conflicts import check_expected_revision
from infra.policy_tables import PolicyTables
from infra.tenants import TENANT

REFERRING: Final = (errors.ReferenceNotDeclaredError, errors.ForeignReferenceError)
"""What policies refuse wherever references are given."""
ASKING: Final = (errors.MissingReferenceError, *REFERRING)
"""What they refuse of a new job, and, with tags that are not allowed, of a new asset."""
CREATING: Final = (*ASKING, errors.TagNotAllowedError)

Outcome = tuple[Recorded, bool] | LedgerError
"""How a reference was declared, and whether that was new; or why it was not."""


@dataclass(frozen=True)
class Policies:
    """Sets and reads one tenant's policy, declares references, and lets in what the policy allows."""

    session: Session

    def admit(self, events: Sequence[Event], of: Asset | Job | None = None) -> int | None:
        """Let through what was decided, on an asset or a job if there was one yet.

        Returns the revision of the policy to record it under, None if no policy has a say. Raises SourceNotFoundError,
        and what Policy.check does. Takes no lock: the append sees to it that the policy is still the same, and what is
        declared or in the log stays so.
        """
        for missing in filter(None, self._missing_sources(events)):
            raise missing
        (refusal,), policy_revision = self._judge([[use for event in events if (use := use_of(event, of))]])
        if refusal is not None:
            raise refusal
        return policy_revision

    def admit_each(self, events: Sequence[Event]) -> tuple[list[LedgerError | None], int | None]:
        """The same for new assets that do not depend on each other: why each is refused, if it is."""
        refusals, policy_revision = self._judge([[use] if (use := use_of(event)) else [] for event in events])
        missing = self._missing_sources(events)
        return [source or refusal for source, refusal in zip(missing, refusals, strict=True)], policy_revision

    def policy(self, as_of: int | None = None) -> Recorded | None:
        """How the policy of now or of a position was set; None if there was none yet."""
        log = self.session.log
        try:
            revision = log.state(log.tenant_id, TENANT, position=as_of).policy_revision
        except AggregateNotFoundError:
            return None
        return log.event(log.tenant_id, revision) if revision else None

    def set_policy(self, new: NewPolicy, expected_revision: int | None = None) -> Recorded | None:
        """Put a policy in the place of the one before; returns how the one now in force was set, None if none was.

        StaleRevisionError if the one before is not of the expected revision.
        """
        context, log = self.session.context(new.reason), self.session.log

        def work() -> Recorded | None:
            ours = log.state(log.tenant_id, TENANT)
            check_expected_revision(expected_revision, ours.policy_revision, " of the policy")
            events = ours.set_policy(context, new.policy())
            for event in events:
                self._tables.set(event)
                return self.session.record(event)[0]
            return log.event(log.tenant_id, ours.policy_revision) if ours.policy_revision else None

        return self.session.in_transaction(work)

    def declare(self, news: Sequence[NewReference]) -> list[Outcome]:
        """Make references known, all that can be in one append; tells of each how it was, or why it was not."""
        return self.session.in_transaction(lambda: self._declare(news))

    def _declare(self, news: Sequence[NewReference]) -> list[Outcome]:
        known = Declarations(self.session.tenant_id, self._tables.declared([new.reference() for new in news]))
        decisions: list[tuple[UUID, bool] | LedgerError] = []
        declared: list[ReferenceDeclared] = []
        for new in news:
            try:
                events = known.declare(self.session.context(new.reason), self.session.identity, new)
            except LedgerError as refusal:
                decisions.append(refusal)
                continue
            for event in events:
                known = declarations.evolve(known, event)
            declared += events
            decisions.append((declared_id(self.session.identity, new.reference()), bool(events)))
        if declared:
            self._tables.declare(declared)
        recorded = {entry.event.originator_id: entry for entry in self.session.record(*declared)}
        ids = {decision[0] for decision in decisions if not isinstance(decision, LedgerError)}
        earlier = self.session.log.histories(dict.fromkeys(ids - recorded.keys(), 1))
        recorded |= {entry.event.originator_id: entry for entry in earlier}
        return [it if isinstance(it, LedgerError) else (recorded[it[0]], it[1]) for it in decisions]

    def _missing_sources(self, events: Sequence[Event]) -> list[errors.SourceNotFoundError | None]:
        """Why each event is refused for its sources, if it is. None can name itself: its own id is not there yet."""
        sources = [event.sources or () if isinstance(event, AssetCreated | JobRequested) else () for event in events]
        known = self.session.log.begun_by(AssetCreated.TOPIC, {id_ for ids in sources for id_ in ids})
        missing = (next((id_ for id_ in ids if id_ not in known), None) for ids in sources)
        return [
            None if id_ is None else errors.SourceNotFoundError(f"sources: there is no asset {id_}.") for id_ in missing
        ]

    def _judge(self, decisions: Sequence[Sequence[Use]]) -> tuple[list[LedgerError | None], int | None]:
        """Why each decision is refused, if it is, and the revision of the policy that says so.

        The policy as last read lets through, since the append sees to it that it is the same still; only the one in
        force refuses.
        """
        if not any(decisions):
            return [None for _ in decisions], None
        known = self.session.log.known_policy
        if known is not None and not any(refusals := self._refusals(known[0], decisions)):
            return refusals, known[1]
        policy, revision = self.session.log.known_policy = self._tables.current()
        return self._refusals(policy, decisions), revision

    def _refusals(self, policy: Policy, decisions: Sequence[Sequence[Use]]) -> list[LedgerError | None]:
        closed = {reference for uses in decisions for use in uses for reference in policy.closed(use)}
        declared = self._tables.declared(closed) if closed else {}

        def refusal(uses: Sequence[Use]) -> LedgerError | None:
            try:
                for use in uses:
                    policy.check(use, declared)
            except LedgerError as error:
                return error
            return None

        return [refusal(uses) for uses in decisions]

    @property
    def _tables(self) -> PolicyTables:
        return PolicyTables(self.session.database, self.session.tenant_id)
