"""Policies and declared references in answers. Requests are inputs of the domain."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Self, cast

from pydantic import BaseModel, Field

from api.application.policies import Outcome
from api.http.batch_bodies import Refusal, Result, result_members
from api.http.schemas import optional
from domain.event import Recorded
from domain.model import example
from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.utc_time import UtcTime

_DECLARED = {
    "reference": "claim:c7",
    "scope": "world:w1",
    "declared_at": "2026-11-20T12:00:00.000000Z",
    "declared_by": "user:u_42",
    "position": 18,
}


class TenantPolicy(BaseModel):
    """The policy, now or at the requested moment. All members are empty if none was set."""

    model_config = example(
        required_references=["client"],
        allowed_tags={"image": ["concept", "final"]},
        closed_kinds=["claim", "client"],
        set_at="2026-11-20T12:00:00.000000Z",
        set_by="user:u_42",
        revision=3,
        position=17,
    )

    required_references: list[str] = Field(
        default=[], description="Kinds of which every new asset and job must have a reference."
    )
    allowed_tags: dict[str, list[str]] = Field(default={}, description="The tags that each media kind may have.")
    closed_kinds: list[str] = Field(default=[], description="Kinds of which only declared references may be used.")
    set_at: UtcTime | None = None
    set_by: str | None = Field(default=None, description="The actor, written `type:id`.")
    revision: int = Field(default=0, description="The revision of the policy, 0 if none was set; also its ETag.")
    position: int | None = Field(default=None, description="The position of its event in the tenant's log.")

    @classmethod
    def of(cls, recorded: Recorded | None) -> Self:
        """The policy of an event; an empty policy for None."""
        if recorded is None:
            return cls()
        event = cast("PolicySet", recorded.event)
        return cls(
            **event.model_dump(exclude={"envelope"}),
            set_at=recorded.effective_at,
            set_by=str(event.envelope.actor),
            revision=event.originator_version,
            position=recorded.position,
        )


class DeclaredReference(BaseModel):
    """A declared reference."""

    model_config = example(**_DECLARED)

    reference: str = Field(description="The reference, written `kind:id`.")
    scope: str | None = Field(
        description="The scope it belongs to, written `kind:id`. Null: it may be used in every scope.",
    )
    declared_at: UtcTime
    declared_by: str = Field(description="The actor, written `type:id`.")
    position: int = Field(description="The position of its event in the tenant's log.")

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        """The reference declared by an event."""
        event = cast("ReferenceDeclared", recorded.event)
        return cls(
            reference=str(Reference(kind=event.kind, id=event.id)),
            scope=str(event.scope) if event.scope else None,
            declared_at=recorded.effective_at,
            declared_by=str(event.envelope.actor),
            position=recorded.position,
        )


class DeclareResult(Result):
    """The result for one reference: 201 declared, 200 declared before, else the problem."""

    declared: DeclaredReference | None = optional("The reference as declared. Absent if it failed.")


def _declared(outcome: tuple[Recorded, bool]) -> dict[str, Any]:
    recorded, is_new = outcome
    return {"status": 201 if is_new else 200, "declared": DeclaredReference.of(recorded)}


class DeclareSummary(BaseModel):
    """The number of references by result."""

    total: int
    declared: int
    declared_before: int
    failed: int


class DeclareResults(BaseModel):
    """The result for each reference, in the order of the request."""

    model_config = example(
        results=[{"index": 0, "status": 201, "declared": _DECLARED}],
        summary={"total": 1, "declared": 1, "declared_before": 0, "failed": 0},
    )

    results: list[DeclareResult]
    summary: DeclareSummary

    @classmethod
    def of(cls, outcomes: Iterable[Outcome | Refusal], request_id: str) -> Self:
        """The results and their summary."""
        members = (result_members(outcome, _declared, request_id) for outcome in outcomes)
        results = [DeclareResult(index=index, **own) for index, own in enumerate(members)]
        counts = Counter(result.status for result in results)
        failed = len(results) - counts[201] - counts[200]
        summary = DeclareSummary(total=len(results), declared=counts[201], declared_before=counts[200], failed=failed)
        return cls(results=results, summary=summary)
