"""What changed in an asset or a job between two moments."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.schemas.events import FieldChange
from domain.model import example
from projections.comparison import Comparison, Side


class DiffSide(BaseModel):
    """One of the two moments."""

    position: int = Field(description="The position of the moment; of a revision, that of its event.")
    revision: int | None = Field(description="The revision at the moment. Null: there was nothing yet.")

    @classmethod
    def of(cls, side: Side) -> Self:
        """The side of a comparison."""
        return cls(position=side.position, revision=side.revision or None)


class DiffEvents(BaseModel):
    """The events of the asset or job after the earlier moment up to the later one."""

    count: int
    first: int | None = Field(description="The position of the first; null if there are none.")
    last: int | None = Field(description="The position of the last; null if there are none.")


class Diff(BaseModel):
    """What changed between two moments, and by how many events. What was changed and changed back does not show."""

    model_config = example(
        asset_id="0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
        job_id=None,
        before={"position": 3, "revision": 1},
        after={"position": 9, "revision": 3},
        events={"count": 2, "first": 4, "last": 8},
        changes=[{"field": "tags", "before": ["concept"], "after": ["concept", "approved"]}],
    )

    asset_id: UUID | None = Field(description="The asset; null for a job.")
    job_id: UUID | None = Field(description="The job; null for an asset.")
    before: DiffSide = Field(description="The moment `from`.")
    after: DiffSide = Field(description="The moment `to`.")
    events: DiffEvents
    changes: list[FieldChange]

    @classmethod
    def of(cls, comparison: Comparison, *, asset_id: UUID | None = None, job_id: UUID | None = None) -> Self:
        """The diff of a comparison."""
        before, after = comparison.before, comparison.after
        return cls(
            asset_id=asset_id,
            job_id=job_id,
            before=DiffSide.of(before),
            after=DiffSide.of(after),
            events=DiffEvents(count=after.revision - before.revision, first=comparison.first, last=comparison.last),
            changes=[FieldChange(**vars(change)) for change in comparison.changes],
        )
