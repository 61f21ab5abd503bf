"""Uploads that go to the store by signed URLs, in one piece or in parts."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from api.http.answers import OF_AN_ASSET, TAKING, reachable, seen
from api.http.conditions import IfMatch
from api.http.dependencies import CallerUploads
from api.http.problems import documented
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import Asset
from api.http.schemas.uploads import Completed, NewUpload, PartsWanted, PartUrl, PartUrls, PendingUpload
from domain.errors import ContentTooLargeError, ContentTypeRefusedError, StaleRevisionError, UploadNotFoundError

router = APIRouter(route_class=RenderedRoute, prefix="/v1/assets/{asset_id}/uploads", tags=["content"])

OF_AN_UPLOAD = (*OF_AN_ASSET, UploadNotFoundError)


@router.post("", status_code=201, responses=documented(*OF_AN_ASSET, ContentTooLargeError, ContentTypeRefusedError))
def begin_upload(request: Request, asset_id: UUID, new: NewUpload, uploads: CallerUploads) -> PendingUpload:
    """Begin an upload to a signed URL of the store, whole or in parts. Complete it once the bytes are sent."""
    upload = uploads.begin(asset_id, new.content(), new.part_size)
    if upload.parts is not None:
        return PendingUpload.of(upload, parts=[])
    return PendingUpload.of(upload, url=reachable(request, uploads.put_url(upload)))


@router.get("/{upload_id}", responses=documented(*OF_AN_UPLOAD))
def get_upload(request: Request, asset_id: UUID, upload_id: UUID, uploads: CallerUploads) -> PendingUpload:
    """Read which parts of an upload have arrived, and get a fresh URL to resume it."""
    upload = uploads.under_way(asset_id, upload_id)
    if upload.parts is not None:
        return PendingUpload.of(upload, parts=uploads.parts(upload))
    return PendingUpload.of(upload, url=reachable(request, uploads.put_url(upload)))


@router.post("/{upload_id}/parts", responses=documented(*OF_AN_UPLOAD))
def sign_parts(
    request: Request, asset_id: UUID, upload_id: UUID, parts: PartsWanted, uploads: CallerUploads
) -> PartUrls:
    """Get signed URLs for parts of an upload."""
    upload = uploads.under_way(asset_id, upload_id)
    urls = ((number, uploads.part_url(upload, number)) for number in parts.numbers)
    return PartUrls(items=[PartUrl(number=number, url=reachable(request, url)) for number, url in urls])


@router.post("/{upload_id}/complete", responses=documented(*OF_AN_UPLOAD, *TAKING, StaleRevisionError))
def complete_upload(
    asset_id: UUID,
    upload_id: UUID,
    uploads: CallerUploads,
    if_match: IfMatch,
    response: Response,
    completion: Completed | None = None,
) -> Asset:
    """Complete an upload: its bytes are verified and become the asset's next content version.

    Completing it again answers with the asset as it is now.
    """
    row = uploads.complete(asset_id, upload_id, completion.file_name if completion else None, if_match)
    return seen(response, Asset.of(row))


@router.delete("/{upload_id}", status_code=204, response_class=Response, responses=documented(*OF_AN_UPLOAD))
def abort_upload(asset_id: UUID, upload_id: UUID, uploads: CallerUploads) -> None:
    """Abort an upload, and remove the bytes that have arrived."""
    uploads.abort(uploads.under_way(asset_id, upload_id))
