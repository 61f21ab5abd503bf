"""What answers about assets and jobs have in common: the headers that say which version they show, and refusals."""

from fastapi import Request, Response

from api.http.problems import BodyCutShortError
from api.http.schemas.assets import Asset
from api.http.schemas.jobs import Job
from domain.errors import (
    AssetDeletedError,
    AssetNotFoundError,
    ContentMismatchError,
    ContentTooLargeError,
    ContentTypeRefusedError,
    TooManyConflictsError,
)

TAKING = (ContentMismatchError, ContentTooLargeError, ContentTypeRefusedError, BodyCutShortError, TooManyConflictsError)
OF_AN_ASSET = (AssetNotFoundError, AssetDeletedError)


def seen(response: Response, asset: Asset) -> Asset:
    """The asset as the body, its revision as the ETag, its position for reads that must see it."""
    response.headers["ETag"] = f'"{asset.revision}"'
    response.headers["Ledger-Position"] = str(asset.position)
    return asset


def seen_job(response: Response, job: Job) -> Job:
    """The job as the body, its revision as the ETag, its position for reads that must see it."""
    response.headers["ETag"] = f'"{job.revision}"'
    response.headers["Ledger-Position"] = str(job.position)
    return job


def reachable(request: Request, url: str) -> str:
    """The URL for this caller: one of ours begins with the address that the connection reached, unless a setting says
    otherwise. The Host header is the caller's own, and nothing is signed for what it says.
    """
    if not url.startswith("/"):
        return url
    host, port = request.scope["server"]
    return f"{request.scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}{url}"
