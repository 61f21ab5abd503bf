"""Assets recorded with content that is fetched from URLs."""

from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Final

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from api.application.content.intake import Intake
from api.application.policies import CREATING
from api.application.slots import Slots
from api.http.authentication import share_owners
from api.http.batch_bodies import attempt, untried
from api.http.dependencies import CallerIntake
from api.http.problems import documented, problem_of
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import ASSET, Asset
from api.http.schemas.problems import Problem
from domain.asset.inputs import NewAsset
from domain.errors import ServiceUnavailableError, SourceNotFoundError
from domain.model import Frozen, example
from domain.text import Text

router = APIRouter(route_class=RenderedRoute, prefix="/v1/assets", tags=["content"])

AT_ONCE: Final = 5
SECONDS_EACH: Final = 60.0


class UrlItem(Frozen):
    """A URL to fetch, and the asset to record with its content."""

    url: Annotated[Text, Field(min_length=1, max_length=4_096)]
    asset: NewAsset | None = Field(default=None, description="Absent: the media is derived from the bytes.")


class UrlsRequest(Frozen):
    """Up to 100 URLs."""

    model_config = example(items=[{"url": "https://example.org/castle.png"}])

    items: Annotated[list[UrlItem], Field(min_length=1, max_length=100)]


class UrlResult(BaseModel):
    """The result for one URL: the asset, or the problem."""

    url: str
    asset: Asset | None = None
    problem: Problem | None = None


class UrlResults(BaseModel):
    """The result for each URL, in the order of the request."""

    model_config = example(results=[{"url": "https://example.org/castle.png", "asset": ASSET, "problem": None}])

    results: list[UrlResult]


@router.post("/from-urls", responses=documented(SourceNotFoundError, *CREATING))
async def fetch_assets(request: Request, urls: UrlsRequest, intake: CallerIntake, response: Response) -> UrlResults:
    """Fetch up to 100 URLs, five at a time, and record an asset with the content of each. Each URL fails alone.

    Only hosts on the public internet are reached, by http or https, over at most five redirects and within a minute.
    """
    slots: Slots = request.app.state.fetching
    results = await slots.run(lambda: _fetched(intake, urls.items), *share_owners(request))
    positions = (result.asset.position for result in results if result.asset)
    response.headers["Ledger-Position"] = str(max(positions, default=0))
    return UrlResults(results=results)


def _fetched(intake: Intake, items: list[UrlItem]) -> list[UrlResult]:
    """The result for each URL. Once the ledger cannot answer, no other is tried: each would wait for it anew."""
    gone: list[ServiceUnavailableError] = []

    def work(item: UrlItem) -> Asset:
        if gone:
            raise gone[0]
        return Asset.of(intake.fetch(item.url, item.asset, SECONDS_EACH))

    def result(item: UrlItem) -> UrlResult:
        outcome = attempt(work, item)
        if isinstance(outcome, Asset):
            return UrlResult(url=item.url, asset=outcome)
        if isinstance(outcome, ServiceUnavailableError):
            gone.append(untried(outcome))
        return UrlResult(url=item.url, problem=problem_of(outcome, intake.session.correlation_id))

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(result, items))
