"""Everything that can happen to a tenant."""

from typing import ClassVar
from uuid import UUID

from domain.event import Actor, Event


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


TenantEvent = TenantCreated | KeyIssued | KeyRevoked
