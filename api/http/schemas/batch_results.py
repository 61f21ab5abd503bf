"""Answers to batches: a result for each item, in the order of the request, and a summary."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import product
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, WithJsonSchema, model_validator

from api.http.batch_bodies import MOST_ITEMS, Refusal, Result
from api.http.schemas.jobs import Job
from api.http.schemas.optional import is_none
from api.http.schemas.problems import Problem
from domain.asset.inputs import Reasoned, References
from domain.event import Recorded
from domain.reference import Reference
from domain.text import Text
from projections.jobs.fold import JobRow

_ID = "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1"
_UNKNOWN = {
    "type": "urn:asset-ledger:problem:asset-not-found",
    "title": "Asset not found",
    "status": 404,
    "detail": "There is no such asset.",
    "request_id": "0193483c-6b10-7c55-8f02-5a1d3c6e9b10",
}
_UNKNOWN_JOB = _UNKNOWN | {
    "type": "urn:asset-ledger:problem:job-not-found",
    "title": "Job not found",
    "detail": "There is no such job.",
}
_INVALID = {
    "type": "urn:asset-ledger:problem:invalid-request",
    "title": "Invalid request",
    "status": 422,
    "detail": "body.1.media: Field required",
    "request_id": "0193483c-6b10-7c55-8f02-5a1d3c6e9b10",
    "errors": [{"field": "body.1.media", "message": "Field required"}],
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(json_schema_extra={"examples": [value]})


Tell = Callable[[Refusal], Problem]
"""Turns a refusal into a problem."""


class CreatedAsset(BaseModel):
    """The id of a new asset, and the position of its event."""

    id: UUID
    revision: int
    position: int = Field(description="The position of the event in the tenant's log.")

    @classmethod
    def of(cls, recorded: Recorded) -> Self:
        """The asset recorded by an event."""
        event = recorded.event
        return cls(id=event.originator_id, revision=event.originator_version, position=recorded.position)


class AssetResult(Result):
    """The result for one new asset."""

    asset: CreatedAsset | None = Field(
        default=None,
        exclude_if=is_none,
        description="The new asset. Absent if it failed.",
    )

    @classmethod
    def of(cls, index: int, outcome: Recorded | Refusal, tell: Tell) -> Self:
        """The result for a recorded asset or a refusal."""
        if isinstance(outcome, Recorded):
            return cls(index=index, status=201, asset=CreatedAsset.of(outcome))
        problem = tell(outcome)
        return cls(index=index, status=problem.status, problem=problem)


class AssetSummary(BaseModel):
    """The number of assets by result."""

    total: int
    created: int
    failed: int


class AssetResults(BaseModel):
    """The result for each asset, in the order of the request."""

    model_config = _example(
        {
            "results": [
                {"index": 0, "status": 201, "asset": {"id": _ID, "revision": 1, "position": 3}},
                {"index": 1, "status": 422, "problem": _INVALID},
            ],
            "summary": {"total": 2, "created": 1, "failed": 1},
        }
    )

    results: list[AssetResult]
    summary: AssetSummary

    @classmethod
    def of(cls, outcomes: Iterable[Recorded | Refusal], tell: Tell) -> Self:
        """The results and their summary."""
        results = [AssetResult.of(index, outcome, tell) for index, outcome in enumerate(outcomes)]
        failed = sum(result.problem is not None for result in results)
        summary = AssetSummary(total=len(results), created=len(results) - failed, failed=failed)
        return cls(results=results, summary=summary)


class JobResult(Result):
    """The result of one operation on a job."""

    job: Job | None = Field(
        default=None,
        exclude_if=is_none,
        description="The job after the operation. Absent if it failed.",
    )

    @classmethod
    def of(cls, index: int, outcome: tuple[JobRow, bool] | Refusal, tell: Tell) -> Self:
        """The result of a recorded operation (the job, and whether it is new) or of a refusal."""
        if isinstance(outcome, tuple):
            row, created = outcome
            return cls(index=index, status=201 if created else 200, job=Job.of(row))
        problem = tell(outcome)
        return cls(index=index, status=problem.status, problem=problem)


class JobSummary(BaseModel):
    """The number of operations by result."""

    total: int
    carried_out: int
    failed: int


class JobResults(BaseModel):
    """The result of each operation, in the order of the request."""

    model_config = _example(
        {
            "results": [{"index": 0, "status": 404, "problem": _UNKNOWN_JOB}],
            "summary": {"total": 1, "carried_out": 0, "failed": 1},
        }
    )

    results: list[JobResult]
    summary: JobSummary

    @classmethod
    def of(cls, outcomes: Iterable[tuple[JobRow, bool] | Refusal], tell: Tell) -> Self:
        """The results and their summary."""
        results = [JobResult.of(index, outcome, tell) for index, outcome in enumerate(outcomes)]
        failed = sum(result.problem is not None for result in results)
        summary = JobSummary(total=len(results), carried_out=len(results) - failed, failed=failed)
        return cls(results=results, summary=summary)


AssetIds = Annotated[
    tuple[
        Annotated[Text, StringConstraints(max_length=512), WithJsonSchema({"type": "string", "format": "uuid"})], ...
    ],
    Field(min_length=1, max_length=MOST_ITEMS),
]


class LinksRequest(Reasoned):
    """Assets and references. Each asset is linked to each reference; at most 1,000 pairs."""

    model_config = _example({"asset_ids": [_ID], "references": ["message:m_91"], "reason": "shown in the chat"})

    asset_ids: AssetIds
    references: Annotated[References, Field(min_length=1)]

    @model_validator(mode="after")
    def not_too_many(self) -> Self:
        pairs = len(self.asset_ids) * len(self.references)
        if pairs > MOST_ITEMS:
            raise ValueError(f"these are {pairs:,} pairs; at most {MOST_ITEMS:,} fit in a request")
        return self

    def pairs(self) -> Iterator[tuple[str, Reference]]:
        """Each asset with each reference, the first asset's pairs first."""
        return product(self.asset_ids, self.references)


Linked = Literal["linked", "already_linked"]
LinkOutcome = Linked | Literal["failed"]


class LinkResult(Result):
    """The result for one pair."""

    asset_id: str
    reference: str
    outcome: LinkOutcome

    @classmethod
    def of(cls, index: int, pair: tuple[str, Reference], outcome: Linked | Refusal, tell: Tell) -> Self:
        """The result for a pair, from its outcome or refusal."""
        asset_id, reference = pair[0], str(pair[1])
        if isinstance(outcome, str):
            return cls(index=index, status=200, asset_id=asset_id, reference=reference, outcome=outcome)
        problem = tell(outcome)
        return cls(
            index=index,
            status=problem.status,
            problem=problem,
            asset_id=asset_id,
            reference=reference,
            outcome="failed",
        )


class LinkSummary(BaseModel):
    """The number of pairs by result."""

    total: int
    linked: int
    already_linked: int
    failed: int


class LinkResults(BaseModel):
    """The result for each pair: the first asset with each reference, then the second asset, and so on."""

    model_config = _example(
        {
            "results": [
                {"index": 0, "status": 200, "asset_id": _ID, "reference": "message:m_91", "outcome": "linked"},
                {
                    "index": 1,
                    "status": 404,
                    "problem": _UNKNOWN,
                    "asset_id": "01934800-0000-7000-8000-000000000000",
                    "reference": "message:m_91",
                    "outcome": "failed",
                },
            ],
            "summary": {"total": 2, "linked": 1, "already_linked": 0, "failed": 1},
        }
    )

    results: list[LinkResult]
    summary: LinkSummary

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Reference]], outcomes: Iterable[Linked | Refusal], tell: Tell) -> Self:
        """The results and their summary, one result for each pair."""
        indexed = enumerate(zip(pairs, outcomes, strict=True))
        results = [LinkResult.of(index, pair, outcome, tell) for index, (pair, outcome) in indexed]
        counted = Counter(result.outcome for result in results)
        summary = LinkSummary(
            total=len(results),
            linked=counted["linked"],
            already_linked=counted["already_linked"],
            failed=counted["failed"],
        )
        return cls(results=results, summary=summary)
