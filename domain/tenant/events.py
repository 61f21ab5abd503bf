"""Everything that can happen to a tenant."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from domain.event import Actor, Event
from domain.reference import Reference


class TenantCreated(Event):
    """A tenant was opened, and with it its log."""

    TOPIC: ClassVar[str] = "tenant.created"

    name: str


class KeyIssued(Event):
    """A key was issued; whoever holds it acts for the tenant as the named actor."""

    TOPIC: ClassVar[str] = "tenant.key_issued"

    key_id: UUID
    holder: Actor


class KeyRevoked(Event):
    """A key was revoked; it opens nothing any more."""

    TOPIC: ClassVar[str] = "tenant.key_revoked"

    key_id: UUID


class PolicySet(Event):
    """The tenant's policy took the place of the one before: references required, tags allowed, kinds closed."""

    TOPIC: ClassVar[str] = "tenant.policy_set"

    required_references: tuple[str, ...] = ()
    allowed_tags: dict[str, tuple[str, ...]] = Field(default={})
    closed_kinds: tuple[str, ...] = ()


class ReferenceDeclared(Event):
    """Something outside the ledger was made known, with the scope that it belongs to if it belongs to one."""

    TOPIC: ClassVar[str] = "reference.declared"

    kind: str
    id: str
    scope: Reference | None = None


TenantEvent = TenantCreated | KeyIssued | KeyRevoked | PolicySet
