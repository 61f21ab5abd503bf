"""What answers about assets and jobs have in common: the headers that say which version they show, and refusals."""

from typing import TypeVar

from fastapi import Request, Response

from api.http.problems import BodyCutShortError
from api.http.schemas.assets import Asset
from api.http.schemas.jobs import Job
from domain import errors

TAKING = (
    errors.ContentMismatchError,
    errors.ContentTooLargeError,
    errors.ContentTypeRefusedError,
    BodyCutShortError,
    errors.TooManyConflictsError,
)
OF_AN_ASSET = (errors.AssetNotFoundError, errors.AssetDeletedError)

Shown = TypeVar("Shown", Asset, Job)


def seen(response: Response, shown: Shown) -> Shown:
    """The asset or job as the body, its revision as the ETag, its position for reads that must see it."""
    response.headers["ETag"] = f'"{shown.revision}"'
    response.headers["Ledger-Position"] = str(shown.position)
    return shown


def recorded(response: Response, shown: Shown, *, is_new: bool) -> Shown:
    """The same for an asset or job that a request names or makes: 201 if it is new, and where it is."""
    response.status_code = 201 if is_new else 200
    response.headers["Location"] = f"/v1/{'assets' if isinstance(shown, Asset) else 'jobs'}/{shown.id}"
    return seen(response, shown)


def reachable(request: Request, url: str) -> str:
    """The URL for this caller: one of ours begins with the address that the connection reached, unless a setting says
    otherwise. The Host header is the caller's own, and nothing is signed for what it says.
    """
    if not url.startswith("/"):
        return url
    host, port = request.scope["server"]
    return f"{request.scope['scheme']}://{f'[{host}]' if ':' in host else host}:{port}{url}"
