"""Segments of tenants' logs: what a batch reads once, for all projections that stand there."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from domain.event import Recorded
from projections.engine.claims import Claim


class PositionRange(NamedTuple):
    """The entries of one tenant after one position up to another. Positions are dense, so their number is known."""

    tenant_id: UUID
    after: int
    until: int


@dataclass
class Segment:
    """The next entries of a tenant's log, and the claims of the projections that fold them."""

    range: PositionRange
    claims: list[Claim]
    next: int
    """The position to decode next."""
    decoded: list[Recorded] = field(default_factory=list)
    """Events that are to be folded next."""
    error: Exception | None = None
    """The reason why the entry at `next` cannot be decoded."""

    @property
    def is_open(self) -> bool:
        """Whether any projection folds what comes next."""
        return self.error is None and any(claim.failure is None for claim in self.claims)


def segments(claims: Iterable[Claim], limit: int) -> dict[UUID, Segment]:
    """The segments by tenant, so that all together have about `limit` entries.

    A projection that stands a whole segment behind another one of its tenant would hold it up, and is left out.
    """
    by_tenant: dict[UUID, list[Claim]] = defaultdict(list)
    for claim in claims:
        by_tenant[claim.tenant_id].append(claim)
    share = max(1, limit // max(1, len(by_tenant)))
    return {tenant_id: _segment(tenant_id, of_tenant, share) for tenant_id, of_tenant in by_tenant.items()}


def _segment(tenant_id: UUID, claims: list[Claim], share: int) -> Segment:
    furthest = max(claim.position for claim in claims)
    near = [claim for claim in claims if claim.position > furthest - share]
    after = min(claim.position for claim in near)
    return Segment(PositionRange(tenant_id, after, min(near[0].head, after + share)), near, after + 1)
