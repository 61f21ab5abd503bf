"""The tenant aggregate."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple, assert_never
from uuid import UUID

from domain.errors import KeyNotFoundError
from domain.event import Actor, Context, Envelope, check_unreserved
from domain.tenant.events import (
    KeyIssued,
    KeyRevoked,
    PolicySet,
    ProjectionEventQuarantined,
    ProjectionSwitched,
    TenantCreated,
    TenantEvent,
)
from domain.tenant.policy import NO_POLICY, Policy


class Compared(NamedTuple):
    """The rows that two builds of a read model had in common at a position, in all columns but those expected."""

    compared_at: int
    rows: int
    expected: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tenant:
    """What decisions about a tenant need to know, at one revision."""

    id: UUID
    version: int
    keys: frozenset[UUID] = frozenset()
    revoked: frozenset[UUID] = frozenset()
    policy: Policy = NO_POLICY
    policy_revision: int = 0

    def issue_key(self, context: Context, key_id: UUID, holder: Actor) -> tuple[TenantEvent, ...]:
        """Give a key to its holder. ReservedActorError if that is the ledger itself."""
        return (KeyIssued(envelope=self._next(context), key_id=key_id, holder=check_unreserved(holder)),)

    def revoke_key(self, context: Context, key_id: UUID) -> tuple[TenantEvent, ...]:
        """Revoke a key; nothing happens if it is revoked already. KeyNotFoundError if it never was."""
        if key_id in self.revoked:
            return ()
        if key_id not in self.keys:
            raise KeyNotFoundError
        return (KeyRevoked(envelope=self._next(context), key_id=key_id),)

    def set_policy(self, context: Context, policy: Policy) -> tuple[PolicySet, ...]:
        """Put a policy in the place of the one before; nothing happens if it is the same."""
        if policy == self.policy:
            return ()
        return (PolicySet(envelope=self._next(context), **dict(policy)),)

    def quarantine_event(
        self, context: Context, projection: str, version: int, position: int, error: str
    ) -> tuple[ProjectionEventQuarantined, ...]:
        """Set aside the event at which a projection has stopped with this error."""
        quarantined = ProjectionEventQuarantined(
            envelope=self._next(context), projection=projection, version=version, position=position, error=error
        )
        return (quarantined,)

    def switch_projection(
        self,
        context: Context,
        projection: str,
        version: int,
        build: str,
        previous: str,
        compared: Compared | None = None,
    ) -> tuple[ProjectionSwitched, ...]:
        """Switch lists from one build of a read model to another; back to an earlier one without comparing them."""
        envelope, shown = self._next(context), compared._asdict() if compared else {}
        switched = ProjectionSwitched(
            envelope=envelope, projection=projection, version=version, build=build, previous=previous, **shown
        )
        return (switched,)

    def _next(self, context: Context) -> Envelope:
        return Envelope.of(context, self.id, self.id, self.version + 1, subject=None)


def create(context: Context, tenant_id: UUID, name: str) -> TenantCreated:
    """The event that opens a tenant: position 1 of its log."""
    return TenantCreated(envelope=Envelope.of(context, tenant_id, tenant_id, 1, subject=None), name=name)


def evolve(tenant: Tenant, event: TenantEvent) -> Tenant:
    """The tenant after the event."""
    tenant = replace(tenant, version=event.originator_version)
    match event:
        case TenantCreated():
            return Tenant(id=event.originator_id, version=1)
        case KeyIssued():
            return replace(tenant, keys=tenant.keys | {event.key_id})
        case KeyRevoked():
            return replace(tenant, keys=tenant.keys - {event.key_id}, revoked=tenant.revoked | {event.key_id})
        case PolicySet():
            return replace(tenant, policy=Policy.of(event), policy_revision=event.originator_version)
        case ProjectionEventQuarantined() | ProjectionSwitched():
            return tenant
        case _:
            assert_never(event)


def project(tenant: Tenant | None, events: Iterable[TenantEvent]) -> Tenant | None:
    """Fold events onto a tenant, from nothing if there is none yet: the library's projector function."""
    for event in events:
        if isinstance(event, TenantCreated):
            tenant = Tenant(id=event.originator_id, version=1)
        elif tenant is not None:
            tenant = evolve(tenant, event)
    return tenant
