"""Declared references: what of the world outside the ledger a tenant has made known."""

from dataclasses import dataclass, replace
from uuid import UUID

from domain.errors import OtherScopeError
from domain.event import Context, Envelope
from domain.identity import Identity, derived_id
from domain.reference import Reference
from domain.tenant.events import ReferenceDeclared
from domain.tenant.inputs import NewReference
from domain.tenant.policy import Declared


@dataclass(frozen=True, slots=True)
class Declarations:
    """What decisions about declaring need to know: what was declared of the references they are about."""

    tenant_id: UUID
    declared: Declared

    def declare(self, context: Context, identity: Identity, new: NewReference) -> tuple[ReferenceDeclared, ...]:
        """Make a reference known; nothing happens if it was with this scope. OtherScopeError if with another."""
        reference = new.reference()
        if reference not in self.declared:
            envelope = Envelope.of(context, self.tenant_id, declared_id(identity, reference), 1, subject=None)
            return (ReferenceDeclared(envelope=envelope, kind=new.kind, id=new.id, scope=new.scope),)
        if (scope := self.declared[reference]) != new.scope:
            raise OtherScopeError(f"{reference} was declared before, with {scope or 'no scope'}.")
        return ()


def declared_id(identity: Identity, reference: Reference) -> UUID:
    """The id of a declared reference's stream: who declares the same at once meets as a revision conflict."""
    return derived_id("reference", "declared", identity.digest("reference", [reference.kind, reference.id]))


def evolve(state: Declarations, event: ReferenceDeclared) -> Declarations:
    """What is declared after the event."""
    return replace(state, declared={**state.declared, Reference(kind=event.kind, id=event.id): event.scope})
