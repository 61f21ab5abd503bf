"""One tenant's policy and declared references on behalf of one caller, and the one place where they are enforced."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from api.session import Session
from domain.asset.asset import Asset
from domain.errors import (
    ForeignReferenceError,
    LedgerError,
    MissingReferenceError,
    ReferenceNotDeclaredError,
    TagNotAllowedError,
)
from domain.event import Event, Recorded
from domain.job.job import Job
from domain.reference import Reference
from domain.tenant import declarations, tenant
from domain.tenant.declarations import Declarations, declared_id
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.tenant.inputs import NewPolicy, NewReference
from domain.tenant.policy import Policy, Use, use_of
from infra.event_log.log import expect_revision
from infra.policies import PolicyTables

REFERRING: Final = (ReferenceNotDeclaredError, ForeignReferenceError)
"""What policies refuse wherever references are given."""
ASKING: Final = (MissingReferenceError, *REFERRING)
"""What they refuse of a new job, and, with tags that are not allowed, of a new asset."""
CREATING: Final = (*ASKING, TagNotAllowedError)

Outcome = tuple[Recorded, bool] | LedgerError
"""How a reference was declared, and whether that was new; or why it was not."""


@dataclass(frozen=True)
class Policies:
    """Sets and reads one tenant's policy, declares references, and lets in what the policy allows."""

    session: Session

    def admit(self, events: Sequence[Event], of: Asset | Job | None = None) -> int | None:
        """Let through what was decided, on an asset or a job if there was one yet.

        Returns the revision of the policy to record it under, None if no policy has a say. Raises what
        Policy.check does. Takes no lock: the append sees to it that the policy is still the same, and what is
        declared stays so.
        """
        (refusal,), under = self._judge([[use for event in events if (use := use_of(event, of))]])
        if refusal is not None:
            raise refusal
        return under

    def admit_each(self, events: Iterable[Event]) -> tuple[list[LedgerError | None], int | None]:
        """The same for new assets that do not depend on each other: why each is refused, if it is."""
        return self._judge([[use] if (use := use_of(event)) else [] for event in events])

    def policy(self, as_of: int | None = None) -> Recorded | None:
        """How the policy of now or of a position was set; None if there was none yet."""
        told = [
            recorded
            for recorded in self.session.log.history(self.session.tenant_id)
            if isinstance(recorded.event, PolicySet) and (as_of is None or recorded.position <= as_of)
        ]
        return told[-1] if told else None

    def set_policy(self, new: NewPolicy, expected_revision: int | None = None) -> Recorded | None:
        """Put a policy in the place of the one before; returns how the one now in force was set, None if none was.

        StaleRevisionError if the one before is not of the expected revision.
        """
        context, log = self.session.context(new.reason), self.session.log

        def work() -> Recorded | None:
            ours = log.load(self.session.tenant_id, tenant.project)
            expect_revision(expected_revision, ours.policy_revision, " of the policy")
            events = ours.set_policy(context, new.policy())
            for event in events:
                self._tables.set(event)
            return log.record(*events)[-1] if events else self.policy()

        return self.session.atomically(work)

    def declare(self, news: Sequence[NewReference]) -> list[Outcome]:
        """Make references known, all that can be in one append; tells of each how it was, or why it was not."""
        return self.session.atomically(lambda: self._declare(news))

    def _declare(self, news: Sequence[NewReference]) -> list[Outcome]:
        asked = [new.reference() for new in news]
        known = Declarations(self.session.tenant_id, self._tables.declared(asked))
        outcomes: list[bool | LedgerError] = []
        made: list[ReferenceDeclared] = []
        for new in news:
            try:
                events = known.declare(self.session.context(new.reason), self.session.identity, new)
            except LedgerError as refusal:
                outcomes.append(refusal)
                continue
            for event in events:
                known = declarations.evolve(known, event)
            made += events
            outcomes.append(bool(events))
        recorded = self._first_declared(asked, made)
        return [
            outcome
            if isinstance(outcome, LedgerError)
            else (recorded[declared_id(self.session.identity, one)], outcome)
            for one, outcome in zip(asked, outcomes, strict=True)
        ]

    def _first_declared(
        self, references: Sequence[Reference], made: Sequence[ReferenceDeclared]
    ) -> dict[UUID, Recorded]:
        """How each reference was declared first, by the id of that, once what is new is recorded."""
        ids = {declared_id(self.session.identity, reference) for reference in references}
        earlier = ids - {event.originator_id for event in made}
        recorded = self.session.log.histories(dict.fromkeys(earlier, 1)) if earlier else []
        if made:
            self._tables.declare(made)
            recorded += self.session.log.record(*made)
        return {each.event.originator_id: each for each in recorded}

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
        """Why the policy refuses each decision, if it does."""
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
