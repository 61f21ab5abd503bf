"""What the API answers about policies and declared references. What it accepts are the domain's own inputs."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Self, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from api.batch import Refusal, Result
from api.policies import Outcome
from api.schemas import Problem, is_none
from domain.event import Recorded
from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.values import UtcTime

Tell = Callable[[Refusal], Problem]
"""The problem that an error is told as."""

_DECLARED: dict[str, JsonValue] = {
    "reference": "claim:c7",
    "scope": "world:w1",
    "declared_at": "2026-11-20T12:00:00.000000Z",
    "declared_by": "user:u_42",
    "position": 18,
}


class TenantPolicy(BaseModel):
    """The policy as it is, or as it was at the moment asked for. All of it is empty if none was set."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "required_references": ["client"],
                    "allowed_tags": {"image": ["concept", "final"]},
                    "closed_kinds": ["claim", "client"],
                    "set_at": "2026-11-20T12:00:00.000000Z",
                    "set_by": "user:u_42",
                    "revision": 3,
                    "position": 17,
                }
            ]
        }
    )

    required_references: list[str] = Field(default=[], description="Kinds that every new asset and job must have.")
    allowed_tags: dict[str, list[str]] = Field(default={}, description="The tags that each media kind may have.")
    closed_kinds: list[str] = Field(default=[], description="Kinds of which only declared references may be used.")
    set_at: UtcTime | None = None
    set_by: str | None = Field(default=None, description="The actor, written `type:id`.")
    revision: int = Field(default=0, description="0: none was set yet. Also its ETag.")
    position: int | None = Field(default=None, description="Its event's place in the tenant's log.")

    @classmethod
    def of(cls, recorded: Recorded | None) -> Self:
        """The policy that was set so."""
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
    """A reference that was made known."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DECLARED]})

    reference: str = Field(description="Written `kind:id`.")
    scope: str | None = Field(description="What it belongs to, written `kind:id`; null: it may be used everywhere.")
    declared_at: UtcTime
    declared_by: str = Field(description="The actor, written `type:id`.")
    position: int = Field(description="Its event's place in the tenant's log.")

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        """The reference that was declared so."""
        event = cast("ReferenceDeclared", recorded.event)
        return cls(
            reference=str(Reference(kind=event.kind, id=event.id)),
            scope=str(event.scope) if event.scope else None,
            declared_at=recorded.effective_at,
            declared_by=str(event.envelope.actor),
            position=recorded.position,
        )


class DeclareResult(Result):
    """What became of one reference: 201 declared, 200 declared before, else the problem."""

    declared: DeclaredReference | None = Field(
        default=None, exclude_if=is_none, description="The reference as it is declared; absent if it failed."
    )

    @classmethod
    def of(cls, index: int, outcome: Outcome | Refusal, tell: Tell) -> Self:
        """The result of an outcome."""
        if isinstance(outcome, tuple):
            recorded, made = outcome
            return cls(index=index, status=201 if made else 200, declared=DeclaredReference.of(recorded))
        problem = tell(outcome)
        return cls(index=index, status=problem.status, problem=problem)


class DeclareSummary(BaseModel):
    """How many references there were, and what became of them."""

    total: int
    declared: int
    declared_before: int
    failed: int


class DeclareResults(BaseModel):
    """What became of each reference, in the order given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "results": [{"index": 0, "status": 201, "declared": _DECLARED}],
                    "summary": {"total": 1, "declared": 1, "declared_before": 0, "failed": 0},
                }
            ]
        }
    )

    results: list[DeclareResult]
    summary: DeclareSummary

    @classmethod
    def of(cls, outcomes: Iterable[Outcome | Refusal], tell: Tell) -> Self:
        """The results of all outcomes."""
        results = [DeclareResult.of(index, outcome, tell) for index, outcome in enumerate(outcomes)]
        told = Counter(result.status for result in results)
        failed = len(results) - told[201] - told[200]
        summary = DeclareSummary(total=len(results), declared=told[201], declared_before=told[200], failed=failed)
        return cls(results=results, summary=summary)
