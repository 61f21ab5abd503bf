"""What changed between two moments: in an asset or a job, and in the list of assets."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.schemas.assets import ASSET, Asset
from api.http.schemas.events import FieldChange
from domain.model import example
from projections.comparison import Comparison
from projections.queries.differences import Difference, Kind


class DiffSide(BaseModel):
    """One of the two moments."""

    position: int = Field(description="The position of the moment; of a revision, that of its event.")
    revision: int | None = Field(description="The revision at the moment. Null: there was nothing yet.")


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
            before=DiffSide(position=before.position, revision=before.revision or None),
            after=DiffSide(position=after.position, revision=after.revision or None),
            events=DiffEvents(count=after.revision - before.revision, first=comparison.first, last=comparison.last),
            changes=[FieldChange(**vars(change)) for change in comparison.changes],
        )


class AssetDifference(BaseModel):
    """An asset that differs between two moments."""

    model_config = example(difference="changed", revision_before=2, asset=ASSET)

    difference: Kind = Field(
        description="`created`: it was not there at the first moment. `deleted` and `restored`: since then. `changed`: "
        "whatever else happened to it."
    )
    revision_before: int | None = Field(description="Its revision at the first moment; null if it was not there.")
    asset: Asset = Field(description="The asset as it was at the second moment.")

    @classmethod
    def of(cls, difference: Difference) -> Self:
        """The difference as answers show it."""
        return cls(
            difference=difference.kind,
            revision_before=difference.revision_before,
            asset=Asset.of(difference.row),
        )


class DifferencePage(BaseModel):
    """A page of assets that differ between two moments, and the positions of these."""

    model_config = example(
        from_position=17,
        to_position=42,
        items=[{"difference": "changed", "revision_before": 2, "asset": ASSET}],
        next="MTcuM2Yy",
    )

    from_position: int = Field(description="The position of the first moment.")
    to_position: int = Field(description="The position of the second moment.")
    items: list[AssetDifference]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")
