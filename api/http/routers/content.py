"""Content: upload the bytes of an asset in the request, and download them."""

from json import JSONDecodeError
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter

from api.application.content.lookup import ContentObject, StoredContents, size_of
from api.application.policies import CREATING
from api.http.answers import OF_AN_ASSET, TAKING, recorded, seen
from api.http.authentication import services, share_owners
from api.http.byte_responses import RangeRefusedError, disposition, download, unchanged
from api.http.conditions import IdempotencyKey, IfMatch
from api.http.dependencies import CallerContents, CallerIntake
from api.http.problems import BodyStalledError, documented
from api.http.query_parameters import checked
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import Asset
from api.http.streamed_body import Body, announced_content, content_digest, receive
from api.http.upload_form import UploadForm
from domain import errors
from domain.asset.inputs import Name, NewAsset
from domain.strict_json import parse

router = APIRouter(route_class=RenderedRoute, prefix="/v1", tags=["content"])

BYTES: Any = {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
FORM: Any = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/UploadParts"}}},
    }
}
RAW: Any = {"requestBody": {"required": True, "content": {"application/octet-stream": BYTES["content"]["*/*"]}}}
ANSWERED: Any = {
    200: {"description": "The bytes.", **BYTES},
    206: {"description": "The requested range. Several ranges are answered with the whole (200).", **BYTES},
    304: {"description": "The caller has this content already (If-None-Match)."},
    307: {"description": "A redirect to a signed URL, which expires."},
}
_GONE = (errors.ContentNotFoundError, errors.ContentMissingError, errors.ContentPurgedError)
CONTENT_ANSWERS: Any = documented(*OF_AN_ASSET, *_GONE, RangeRefusedError) | ANSWERED
HEADERS: Any = documented(*OF_AN_ASSET, *_GONE) | {200: {"description": "The headers."}, 304: ANSWERED[304]}
Streamed = Annotated[bool, Query(description="Stream the bytes instead of redirecting to a signed URL.")]
_NEW_ASSET: TypeAdapter[NewAsset] = TypeAdapter(NewAsset)
_FILE_NAME: TypeAdapter[str | None] = TypeAdapter(Name | None)


@router.post(
    "/assets/upload",
    status_code=201,
    openapi_extra=FORM,
    responses=documented(
        *TAKING,
        BodyStalledError,
        errors.OtherRequestError,
        errors.KeyOfDeletedAssetError,
        errors.SourceNotFoundError,
        *CREATING,
    )
    | {200: {"model": Asset, "description": "The request was sent before; this is the asset as it is now."}},
)
async def upload_asset(request: Request, intake: CallerIntake, response: Response, key: IdempotencyKey) -> Asset:
    """Record an asset together with its content, from a form: `asset` (JSON, optional), then `file`.

    Without `asset`, the media is derived from the bytes. The answer has the digest and the size of the received bytes.
    """
    body = Body(request, intake.rules.idle_time)

    def take() -> tuple[Asset, bool]:
        form = UploadForm(request.headers.get("Content-Type", ""), body, ("asset", "sha256"))
        content = announced_content(form.content_type, None, form.field("sha256"))
        file_name = checked(_FILE_NAME, form.file_name or None, "body", "file")
        row, created = intake.create(_new_asset(form.field("asset")), form.file(), content, file_name, key)
        return Asset.of(row), created

    asset, created = await receive(request, take, *share_owners(request))
    return recorded(response, asset, is_new=created)


@router.put(
    "/assets/{asset_id}/content",
    openapi_extra=RAW,
    responses=documented(*OF_AN_ASSET, *TAKING, BodyStalledError, errors.StaleRevisionError),
)
async def put_content(
    request: Request, asset_id: UUID, intake: CallerIntake, if_match: IfMatch, response: Response
) -> Asset:
    """Store the body as the next content version of an asset. Older versions stay readable.

    With `Content-Digest: sha-256=:…:` (RFC 9530), a body that has another digest is refused.
    """
    content = announced_content(
        request.headers.get("Content-Type"), request.headers.get("Content-Length"), content_digest(request)
    )
    body = Body(request, intake.rules.idle_time)
    row = await receive(request, lambda: intake.upload(asset_id, body, content, None, if_match), *share_owners(request))
    return seen(response, Asset.of(row))


@router.get("/assets/{asset_id}/content", response_class=Response, responses=CONTENT_ANSWERS)
@router.head(
    "/assets/{asset_id}/content",
    name="head_content",
    description="Get the headers of an asset's content as it is streamed, without a redirect.",
    response_class=Response,
    responses=HEADERS,
)
def get_content(
    request: Request,
    asset_id: UUID,
    contents: CallerContents,
    version: Annotated[int | None, Query(ge=1, lt=2**31, description="A content version; absent: the newest.")] = None,
    stream: Streamed = False,  # noqa: FBT002
) -> Response:
    """Get the content of an asset, by a redirect to a signed URL or streamed. Both support ranges and ETags."""
    content = contents.find(asset_id, version)
    return _answered(request, contents, content, stream=stream or request.method == "HEAD")


@router.get("/assets/{asset_id}/thumbnail", response_class=Response, responses=CONTENT_ANSWERS)
def get_thumbnail(
    request: Request,
    asset_id: UUID,
    contents: CallerContents,
    size: Annotated[
        Literal["128", "256", "512"], Query(description="The side in pixels of the square that it fits into.")
    ] = "256",
    stream: Streamed = False,  # noqa: FBT002
) -> Response:
    """Get a thumbnail of an image, of the beginning of a video, or of the first page of a PDF."""
    return _answered(request, contents, contents.thumbnail(asset_id, int(size)), stream=stream)


@router.get("/assets/{asset_id}/embedded", response_class=Response, responses=CONTENT_ANSWERS)
def get_embedded(request: Request, asset_id: UUID, contents: CallerContents) -> Response:
    """Get the metadata found inside an asset's content, as JSON, where it is too large to be part of the asset."""
    return _answered(request, contents, contents.embedded(asset_id), stream=True)


@router.get("/assets/{asset_id}/waveform", response_class=Response, responses=CONTENT_ANSWERS)
def get_waveform(
    request: Request,
    asset_id: UUID,
    contents: CallerContents,
    stream: Streamed = False,  # noqa: FBT002
) -> Response:
    """Get a picture of the loudness of an asset, from its beginning to its end."""
    return _answered(request, contents, contents.waveform(asset_id), stream=stream)


def _answered(request: Request, contents: StoredContents, content: ContentObject, *, stream: bool) -> Response:
    headers = {"ETag": f'"{content.etag}"', "Content-Disposition": disposition(content.file_name, content.content_type)}
    if unchanged(request, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    size = size_of(contents.store, content.key)
    if stream:
        return download(request, contents.store, content.key, size, content.content_type, headers)
    url = contents.store.sign_get(
        content.key,
        services(request).rules.url_time,
        content_type=content.content_type,
        disposition=headers["Content-Disposition"],
        etag=headers["ETag"],
    )
    return RedirectResponse(url, 307, {**headers, "Cache-Control": "no-store"})


def _new_asset(asset: str | None) -> NewAsset | None:
    try:
        return checked(_NEW_ASSET, parse(asset.encode()), "body", "asset") if asset is not None else None
    except JSONDecodeError as error:
        detail = {"type": "json_invalid", "loc": ("body", "asset"), "msg": f"not JSON: {error.msg}"}
        raise RequestValidationError([detail]) from None
