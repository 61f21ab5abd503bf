"""Statistics in answers."""

from typing import Any, Self

from pydantic import BaseModel, Field

from domain.model import example
from projections.queries.statistics import Group
from projections.statistics.amounts import written

ITEM: dict[str, Any] = {
    "group": {"day": "2026-11-20", "workflow": "w7"},
    "assets": {"live": 41, "deleted": 2},
    "content": {"versions": 43, "bytes": 73400320},
    "jobs": {
        "requested": 45,
        "started": 46,
        "succeeded": 43,
        "failed": 1,
        "cancelled": 0,
        "requeued": 1,
        "failure_rate": 0.022727272727272728,
    },
    "durations": {"p50": 8.1, "p95": 31.7},
    "costs": [{"amount": "1.72", "currency": "EUR"}],
}


class AssetCounts(BaseModel):
    """How many assets were recorded, by whether they are deleted now."""

    live: int
    deleted: int


class ContentCounts(BaseModel):
    """What the store has of the assets, those that are deleted included."""

    versions: int = Field(description="Content versions that are not purged.")
    bytes: int = Field(description="The size of all of them together.")


class JobCounts(BaseModel):
    """How often something happened to jobs."""

    requested: int = Field(description="Jobs requested for the first time.")
    started: int = Field(description="Attempts that were started.")
    succeeded: int
    failed: int = Field(description="Attempts that failed.")
    cancelled: int
    requeued: int = Field(description="How often a job was queued again, because of a lost lease or on request.")
    failure_rate: float | None = Field(
        description="`failed`, divided by `failed` and `succeeded` together. Null if both are 0."
    )


class Durations(BaseModel):
    """Percentiles of the seconds from the start of an attempt to its end, however it ended; off by 1 % at the most."""

    p50: float | None
    p95: float | None


class CurrencyCost(BaseModel):
    """The cost of all attempts in one currency."""

    amount: str = Field(description="An exact decimal number.")
    currency: str


class GroupStatistics(BaseModel):
    """The measures of one group."""

    group: dict[str, str | None] = Field(
        description="The value of each dimension that was grouped by; null: of what has none."
    )
    assets: AssetCounts
    content: ContentCounts
    jobs: JobCounts
    durations: Durations
    costs: list[CurrencyCost]

    @classmethod
    def of(cls, group: Group) -> Self:
        """The statistics of a group."""
        counts = group.counts
        ended = counts["succeeded"] + counts["failed"]
        outcomes = {name: count for name, count in counts.items() if name in JobCounts.model_fields}
        costs = sorted(group.costs.items())
        return cls(
            group=group.values,
            assets=AssetCounts(live=counts["assets"], deleted=counts["deleted"]),
            content=ContentCounts(versions=counts["contents"], bytes=counts["bytes"]),
            jobs=JobCounts(**outcomes, failure_rate=counts["failed"] / ended if ended else None),
            durations=Durations(p50=group.seconds(50), p95=group.seconds(95)),
            costs=[CurrencyCost(amount=written(amount), currency=currency) for currency, amount in costs],
        )


class StatisticsPage(BaseModel):
    """A page of groups, in the order of their values."""

    model_config = example(items=[ITEM], next=None)

    items: list[GroupStatistics]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")
