"""Everything that can happen to a tenant."""

from typing import ClassVar
from uuid import UUID

from pydantic import Field

from domain.event import Actor, Event
from domain.model import Personal
from domain.reference import Reference


class TenantCreated(Event):
    """A tenant and its log were created."""

    TOPIC: ClassVar[str] = "tenant.created"

    name: str


class KeyIssued(Event):
    """An API key of the tenant was issued to a holder."""

    TOPIC: ClassVar[str] = "tenant.key_issued"

    key_id: UUID
    holder: Actor


class KeyRevoked(Event):
    """An API key was revoked. It opens nothing any more."""

    TOPIC: ClassVar[str] = "tenant.key_revoked"

    key_id: UUID


class PolicySet(Event):
    """The tenant's policy was replaced: required references, allowed tags, closed kinds."""

    TOPIC: ClassVar[str] = "tenant.policy_set"

    required_references: tuple[str, ...] = ()
    allowed_tags: dict[str, tuple[str, ...]] = Field(default={})
    closed_kinds: tuple[str, ...] = ()


class ProjectionEventQuarantined(Event):
    """A poison event was set aside: a projection of this version goes on after its position without it."""

    TOPIC: ClassVar[str] = "projection.event_quarantined"

    projection: str
    version: int
    position: int
    error: Personal[str]


class ProjectionSwitched(Event):
    """Lists were switched to another build of a read model, with the same rows but for the columns named, or back."""

    TOPIC: ClassVar[str] = "projection.switched"

    projection: str
    version: int
    build: str
    previous: str
    compared_at: int | None = None
    rows: int | None = None
    expected: tuple[str, ...] = ()


class ReferenceDeclared(Event):
    """A reference was declared, with its scope if it has one."""

    TOPIC: ClassVar[str] = "reference.declared"

    kind: str
    id: str
    scope: Reference | None = None


TenantEvent = TenantCreated | KeyIssued | KeyRevoked | PolicySet | ProjectionEventQuarantined | ProjectionSwitched
