"""Many requests in one. Each item stands alone: one that fails says why, and the others are carried out."""

from contextlib import suppress
from functools import partial
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import TypeAdapter

from api.application.assets import Assets
from api.http.batch_bodies import CallerBatch, Refusal, described, each, read, together
from api.http.dependencies import CallerAssetCreation, CallerAssets, CallerJobs
from api.http.job_operations import OPERATION, carry_out
from api.http.problems import documented
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.batch_results import AssetResults, JobResults, Linked, LinkResults, LinksRequest
from domain.asset.inputs import NewAsset
from domain.errors import LedgerError, ServiceUnavailableError, TooManyConflictsError
from domain.reference import Reference

ASSETS_PATH = "/v1/assets/batch"
JOBS_PATH = "/v1/jobs/batch"

router = APIRouter(route_class=RenderedRoute)

_NEW_ASSET = TypeAdapter(NewAsset)
_ASSET_ID = TypeAdapter(UUID)
_ASSETS = described(
    {"$ref": "#/components/schemas/NewAsset"},
    [
        {"media": {"media_kind": "image", "format": "png"}, "name": "Castle at dusk", "workflow_id": "w7"},
        {"media": {"media_kind": "audio", "duration": 12.5}, "message_id": "m_91"},
    ],
)
_OPERATIONS = described(
    {"$ref": "#/components/schemas/Operation"},
    [
        {"operation": "request", "media_kind": "image", "prompt_spec": {"text": "a castle"}, "workflow_id": "w7"},
        {"operation": "start", "job_id": "5f0f3f9e-9a57-5d0c-8a6e-3f1b7a2c4d5e", "attempt": 1},
    ],
)


@router.post(ASSETS_PATH, tags=["assets"], responses=documented(TooManyConflictsError), openapi_extra=_ASSETS)
def create_assets(batch: CallerBatch, creation: CallerAssetCreation, response: Response) -> AssetResults:
    """Record up to 1,000 assets, as a JSON list or as NDJSON. The valid items are recorded together.

    An invalid item fails alone. Sending the same batch again records its assets again.
    """
    items = batch.read(_NEW_ASSET)
    outcomes = together(items, creation.create_each)
    results = AssetResults.of(outcomes, batch.request_id)
    positions = (result.asset.position for result in results.results if result.asset)
    response.headers["Ledger-Position"] = str(max(positions, default=0))
    return results


@router.post("/v1/links", tags=["assets"], responses=documented())
def link_assets(request: LinksRequest, assets: CallerAssets, response: Response) -> LinkResults:
    """Link several assets to several references, each to each, such as the message they appeared in.

    At most 1,000 pairs. Each pair fails alone. Linking again changes nothing.
    """
    ids = read(_ASSET_ID, request.asset_ids, ("body", "asset_ids"))
    outcomes = each(ids, lambda asset_id: _linked(assets, asset_id, request.references, request.reason))
    width = len(request.references)
    each_pair = (o for outcome in outcomes for o in (outcome if isinstance(outcome, list) else [outcome] * width))
    results = LinkResults.of(request.pairs(), each_pair, assets.session.correlation_id)
    with suppress(ServiceUnavailableError):  # what is recorded is told, even if nothing can be read now
        response.headers["Ledger-Position"] = str(assets.session.reached(()))
    return results


@router.post(JOBS_PATH, tags=["jobs"], responses=documented(), openapi_extra=_OPERATIONS)
def change_jobs(batch: CallerBatch, jobs: CallerJobs, response: Response) -> JobResults:
    """Carry out up to 1,000 operations on jobs, one after the other, from a JSON list or NDJSON.

    An operation takes the parameters of its own route, under the same names. Each operation fails alone.
    """
    operations = batch.read(OPERATION)
    outcomes = each(operations, partial(carry_out, jobs))
    results = JobResults.of(outcomes, batch.request_id)
    positions = (result.job.position for result in results.results if result.job)
    response.headers["Ledger-Position"] = str(max(positions, default=0))
    return results


def _linked(
    assets: Assets, asset_id: UUID, references: tuple[Reference, ...], reason: str | None
) -> list[Linked | Refusal]:
    """What became of each reference: all in one event, but if one is refused, each in its own."""

    def link(*some: Reference) -> list[Linked | Refusal]:
        new, outcomes = assets.link(asset_id, some, reason), list[Linked | Refusal]()
        for reference in some:
            outcomes.append("linked" if reference in new else "already_linked")
            new.discard(reference)
        return outcomes

    try:
        return link(*references)
    except ServiceUnavailableError:
        raise
    except LedgerError as refusal:
        if len(references) == 1:
            return [refusal]
        return list(each(references, lambda reference: link(reference)[0]))
