"""Differences between two moments in answers."""

from typing import Self

from pydantic import BaseModel, Field

from api.http.schemas.assets import ASSET, Asset
from domain.model import example
from projections.queries.differences import Difference, Kind


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
