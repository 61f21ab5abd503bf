"""Pages of lists, and their order."""

from typing import Annotated, Any, Literal

from fastapi import Depends, Response
from pydantic import BaseModel, Field

from api.http.query_parameters import queried
from projections.paging import Order, Page
from projections.queries.filters import TimesFilter
from projections.queries.lineage import Lineage


def tell_rebuilding(response: Response, listed: Page[Any] | Lineage) -> None:
    """Name the read models that are being made anew: until they are whole, there may be more than is shown."""
    if listed.rebuilding:
        response.headers["Ledger-Rebuilding"] = ", ".join(listed.rebuilding)


class PageQuery(BaseModel):
    """What every list takes."""

    limit: int = Field(default=50, ge=1, le=200, description="How many items a page has at the most.")
    cursor: str | None = Field(default=None, max_length=200, description="The `next` of the page before.")


Paged = Annotated[PageQuery, Depends(queried(PageQuery))]


class OrderedQuery(TimesFilter):
    """The order of assets and of jobs, in lists and exports."""

    sort: Literal["created", "updated"] = Field(
        default="created",
        description="What the order goes by: the first event or the last one. What changes while you page by "
        "`updated` moves: with `order=asc` it comes again, with `order=desc` it may be missed.",
    )
    order: Literal["desc", "asc"] = Field(default="desc", description="The last ones first, or the first ones.")

    def in_order(self) -> Order:
        """The order asked for."""
        return Order(self.sort, self.order)


class SortedQuery(OrderedQuery, PageQuery):
    """What lists of assets and of jobs take besides."""

    total: bool = Field(default=False, description="Whether to count all that there are.")
