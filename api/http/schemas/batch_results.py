"""Answers to batches: a result for each item, in the order of the request, and a summary."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field, StringConstraints, WithJsonSchema, model_validator

from api.http.batch_bodies import MOST_ITEMS, Refusal, Result, result_members
from api.http.problems import problem_of
from api.http.schemas import optional
from api.http.schemas.jobs import Job
from domain.asset.inputs import Reasoned, References
from domain.errors import AssetNotFoundError, JobNotFoundError
from domain.event import Recorded
from domain.model import example
from domain.reference import Reference
from domain.text import Text
from projections.jobs.fold import JobRow

_ID = "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1"


def _refused(refusal: Refusal) -> dict[str, Any]:
    problem = problem_of(refusal, "0193483c-6b10-7c55-8f02-5a1d3c6e9b10").model_dump()
    return {"status": problem["status"], "problem": problem}


class CreatedAsset(BaseModel):
    """The id of a new asset, and the position of its event."""

    id: UUID
    revision: int
    position: int = Field(description="The position of the event in the tenant's log.")


class AssetResult(Result):
    """The result for one new asset."""

    asset: CreatedAsset | None = optional("The new asset. Absent if it failed.")


def _created(recorded: Recorded) -> dict[str, Any]:
    event = recorded.event
    asset = CreatedAsset(id=event.originator_id, revision=event.originator_version, position=recorded.position)
    return {"status": 201, "asset": asset}


class AssetSummary(BaseModel):
    """The number of assets by result."""

    total: int
    created: int
    failed: int


class AssetResults(BaseModel):
    """The result for each asset, in the order of the request."""

    model_config = example(
        results=[
            {"index": 0, "status": 201, "asset": {"id": _ID, "revision": 1, "position": 3}},
            {"index": 1}
            | _refused(
                RequestValidationError([{"type": "missing", "loc": ("body", 1, "media"), "msg": "Field required"}])
            ),
        ],
        summary={"total": 2, "created": 1, "failed": 1},
    )

    results: list[AssetResult]
    summary: AssetSummary

    @classmethod
    def of(cls, outcomes: Iterable[Recorded | Refusal], request_id: str) -> Self:
        """The results and their summary."""
        members = (result_members(outcome, _created, request_id) for outcome in outcomes)
        results = [AssetResult(index=index, **own) for index, own in enumerate(members)]
        failed = sum(result.problem is not None for result in results)
        summary = AssetSummary(total=len(results), created=len(results) - failed, failed=failed)
        return cls(results=results, summary=summary)


class JobResult(Result):
    """The result of one operation on a job."""

    job: Job | None = optional("The job after the operation. Absent if it failed.")


def _changed(outcome: tuple[JobRow, bool]) -> dict[str, Any]:
    row, is_new = outcome
    return {"status": 201 if is_new else 200, "job": Job.of(row)}


class JobSummary(BaseModel):
    """The number of operations by result."""

    total: int
    carried_out: int
    failed: int


class JobResults(BaseModel):
    """The result of each operation, in the order of the request."""

    model_config = example(
        results=[{"index": 0, **_refused(JobNotFoundError())}], summary={"total": 1, "carried_out": 0, "failed": 1}
    )

    results: list[JobResult]
    summary: JobSummary

    @classmethod
    def of(cls, outcomes: Iterable[tuple[JobRow, bool] | Refusal], request_id: str) -> Self:
        """The results and their summary. An operation's outcome is its job, and whether that is new."""
        members = (result_members(outcome, _changed, request_id) for outcome in outcomes)
        results = [JobResult(index=index, **own) for index, own in enumerate(members)]
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

    model_config = example(asset_ids=[_ID], references=["message:m_91"], reason="shown in the chat")

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


def _linked(outcome: str) -> dict[str, Any]:
    return {"status": 200, "outcome": outcome}


class LinkSummary(BaseModel):
    """The number of pairs by result."""

    total: int
    linked: int
    already_linked: int
    failed: int


class LinkResults(BaseModel):
    """The result for each pair: the first asset with each reference, then the second asset, and so on."""

    model_config = example(
        results=[
            {"index": 0, "status": 200, "asset_id": _ID, "reference": "message:m_91", "outcome": "linked"},
            {
                "index": 1,
                **_refused(AssetNotFoundError()),
                "asset_id": "01934800-0000-7000-8000-000000000000",
                "reference": "message:m_91",
                "outcome": "failed",
            },
        ],
        summary={"total": 2, "linked": 1, "already_linked": 0, "failed": 1},
    )

    results: list[LinkResult]
    summary: LinkSummary

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, Reference]], outcomes: Iterable[Linked | Refusal], request_id: str) -> Self:
        """The results and their summary, one result for each pair."""
        members = (result_members(outcome, _linked, request_id) for outcome in outcomes)
        results = [
            LinkResult(index=index, asset_id=asset_id, reference=str(reference), **{"outcome": "failed", **own})
            for index, ((asset_id, reference), own) in enumerate(zip(pairs, members, strict=True))
        ]
        counted = Counter(result.outcome for result in results)
        summary = LinkSummary(
            total=len(results),
            linked=counted["linked"],
            already_linked=counted["already_linked"],
            failed=counted["failed"],
        )
        return cls(results=results, summary=summary)
