"""Answers to lists of assets and of jobs."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Response

from api.application.reads import Reads
from api.http.paging import PageQuery, tell_rebuilding
from api.http.schemas.assets import Asset, AssetPage
from api.http.schemas.jobs import Job, JobPage
from api.http.schemas.page_json import ASSET_MEMBERS, JOB_MEMBERS, asset_json, job_json, page_json
from projections.paging import NEWEST_FIRST, Moment, Order, Page
from projections.queries.filters import Filter
from projections.queries.row_list import Statements


@dataclass(frozen=True)
class ListAnswer:
    """How a list is answered: with models of its rows, or with JSON that the database made of them."""

    page: type[AssetPage] | type[JobPage]
    item: type[Asset] | type[Job]
    members: Statements
    json: Callable[[Sequence[Any]], str]

    def answer(
        self,
        listed: Reads[Any, Any, Any],
        response: Response,
        selected: Filter,
        asked: PageQuery,
        order: Order = NEWEST_FIRST,
        as_of: Moment | None = None,
        *,
        total: bool = False,
    ) -> bytes:
        """The JSON of a page of what is selected, now or at a moment. CursorError, SearchTooShortError."""
        page: Page[Any]
        items: Iterable[str]
        if as_of is None:
            page = listed.documents(selected, asked.limit, asked.cursor, order, self.members)
            items = map(self.json, page.items)
        else:
            page = listed.find(selected, asked.limit, asked.cursor, order, as_of)
            items = (self.item.of(row).model_dump_json(by_alias=True) for row in page.items)
        tell_rebuilding(response, page)
        count = listed.count(selected, as_of) if total else None
        return page_json(self.page(items=[], next=page.next, total=count), items)


ASSET_ANSWER: Final = ListAnswer(AssetPage, Asset, ASSET_MEMBERS, asset_json)
JOB_ANSWER: Final = ListAnswer(JobPage, Job, JOB_MEMBERS, job_json)
