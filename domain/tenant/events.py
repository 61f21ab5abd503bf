"""Everything that can happen to a tenant."""

from uuid import UUID

from pydantic import Field

from domain.event import Actor, Event
from domain.model import Personal
from domain.reference import Reference


class TenantCreated(Event, topic="tenant.created"):
    """A tenant and its log were created."""

    name: str


class KeyIssued(Event, topic="tenant.key_issued"):
    """An API key of the tenant was issued to a holder."""

    key_id: UUID
    holder: Actor


class KeyRevoked(Event, topic="tenant.key_revoked"):
    """An API key was revoked. It opens nothing any more."""

    key_id: UUID


class PolicySet(Event, topic="tenant.policy_set"):
    """The tenant's policy was replaced: required references, allowed tags, closed kinds."""

    required_references: tuple[str, ...] = ()
    allowed_tags: dict[str, tuple[str, ...]] = Field(default={})
    closed_kinds: tuple[str, ...] = ()


class ProjectionEventQuarantined(Event, topic="projection.event_quarantined"):
    """A poison event was set aside: a projection of this version goes on after its position without it."""

    projection: str
    version: int
    position: int
    error: Personal[str]


class ProjectionSwitched(Event, topic="projection.switched"):
    """Lists were switched to another build of a read model, with the same rows but for the columns named, or back."""

    projection: str
    version: int
    build: str
    previous: str
    compared_at: int | None = None
    rows: int | None = None
    expected: tuple[str, ...] = ()


class ReferenceDeclared(Event, topic="reference.declared"):
    """A reference was declared, with its scope if it has one."""

    kind: str
    id: str
    scope: Reference | None = None


TenantEvent = TenantCreated | KeyIssued | KeyRevoked | PolicySet | ProjectionEventQuarantined | ProjectionSwitched
