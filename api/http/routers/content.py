"""Content: send the bytes of an asset, in the request or to a signed URL, and get them back."""

from json import JSONDecodeError
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from pydantic import TypeAdapter, ValidationError

from api.application.content.lookup import ContentObject, StoredContents, size_of
from api.application.policies import CREATING
from api.http.answers import OF_AN_ASSET, TAKING, recorded, seen
from api.http.authentication import holders, services
from api.http.byte_ranges import RangeRefusedError
from api.http.byte_responses import disposition, download, unchanged
from api.http.conditions import IdempotencyKey, IfMatch
from api.http.dependencies import CallerContents, CallerIntake
from api.http.problems import BodyStalledError, documented, invalid
from api.http.query_parameters import checked
from api.http.rendered_routes import RenderedRoute
from api.http.schemas.assets import Asset
from api.http.streamed_body import Body, announced_content, content_digest, receive
from api.http.strict_json import parse
from api.http.upload_form import UploadForm
from domain import errors
from domain.asset.inputs import Name, NewAsset

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
    206: {"description": "The range asked for. Several ranges are answered by the whole (200).", **BYTES},
    304: {"description": "The caller has them already (If-None-Match)."},
    307: {"description": "Where the bytes are, for a while."},
}
_GONE = (errors.ContentNotFoundError, errors.ContentMissingError, errors.ContentPurgedError)
FOUND: Any = documented(*OF_AN_ASSET, *_GONE, RangeRefusedError) | ANSWERED
HEADERS: Any = documented(*OF_AN_ASSET, *_GONE) | {200: {"description": "The headers."}, 304: ANSWERED[304]}
Streamed = Annotated[bool, Query(description="Answer the bytes themselves instead of a signed URL.")]
_NEW_ASSET: TypeAdapter[NewAsset] = TypeAdapter(NewAsset)
_FILE_NAME: TypeAdapter[str | None] = TypeAdapter(Name | None)


@router.post(
    "/assets/upload",
    status_code=201,
    openapi_extra=FORM,
    responses=documented(*TAKING, BodyStalledError, errors.OtherRequestError, errors.KeyOfDeletedAssetError, *CREATING)
    | {200: {"model": Asset, "description": "The same key and body came before: this is the asset as it is now."}},
)
async def upload_asset(request: Request, intake: CallerIntake, response: Response, key: IdempotencyKey) -> Asset:
    """Record an asset together with its bytes, from a form: `asset` (as JSON, if you want to say more), then `file`.

    Without `asset`, what it is follows from the bytes. The answer's digest and size are those of what arrived.
    """
    body = Body(request, intake.rules.idle_time)

    def take() -> tuple[Asset, bool]:
        form = UploadForm(request.headers.get("Content-Type", ""), body)
        content = announced_content(form.content_type, None, form.field("sha256"))
        file_name = checked(_FILE_NAME, form.file_name or None, "body", "file")
        row, created = intake.create(_new_asset(form.field("asset")), form.file(), content, file_name, key)
        return Asset.of(row), created

    asset, created = await receive(request, take, *holders(request))
    return recorded(response, asset, is_new=created)


@router.put(
    "/assets/{asset_id}/content",
    openapi_extra=RAW,
    responses=documented(*OF_AN_ASSET, *TAKING, BodyStalledError, errors.StaleRevisionError),
)
async def put_content(
    request: Request, asset_id: UUID, intake: CallerIntake, if_match: IfMatch, response: Response
) -> Asset:
    """Send the bytes of an asset as the body. They become its next content version; the older ones stay readable.

    Say `Content-Digest: sha-256=:…:` (RFC 9530), and bytes that are not these are refused.
    """
    content = announced_content(
        request.headers.get("Content-Type"), request.headers.get("Content-Length"), content_digest(request)
    )
    body = Body(request, intake.rules.idle_time)
    row = await receive(request, lambda: intake.upload(asset_id, body, content, None, if_match), *holders(request))
    return seen(response, Asset.of(row))


@router.get("/assets/{asset_id}/content", response_class=Response, responses=FOUND)
@router.head(
    "/assets/{asset_id}/content",
    name="head_content",
    description="Get the headers that come with the bytes of an asset when they are streamed. It never redirects.",
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
    """Get the bytes of an asset: by a redirect to a signed URL, or streamed through. Ranges and ETags work on both."""
    content = contents.find(asset_id, version)
    return _answered(request, contents, content, stream=stream or request.method == "HEAD")


@router.get("/assets/{asset_id}/thumbnail", response_class=Response, responses=FOUND)
def get_thumbnail(
    request: Request,
    asset_id: UUID,
    contents: CallerContents,
    size: Annotated[
        Literal["128", "256", "512"], Query(description="It fits into a square of so many pixels.")
    ] = "256",
    stream: Streamed = False,  # noqa: FBT002
) -> Response:
    """Get a small picture of an asset: of an image, of a video's beginning, of a PDF's first page."""
    return _answered(request, contents, contents.thumbnail(asset_id, int(size)), stream=stream)


@router.get("/assets/{asset_id}/embedded", response_class=Response, responses=FOUND)
def get_embedded(request: Request, asset_id: UUID, contents: CallerContents) -> Response:
    """Get what was found inside an asset's bytes, as JSON, where it is too large to be told with the asset."""
    return _answered(request, contents, contents.embedded(asset_id), stream=True)


@router.get("/assets/{asset_id}/waveform", response_class=Response, responses=FOUND)
def get_waveform(
    request: Request,
    asset_id: UUID,
    contents: CallerContents,
    stream: Streamed = False,  # noqa: FBT002
) -> Response:
    """Get a picture of how loud an asset sounds from its beginning to its end."""
    return _answered(request, contents, contents.waveform(asset_id), stream=stream)


def _answered(request: Request, contents: StoredContents, content: ContentObject, *, stream: bool) -> Response:
    """The bytes, or where they are."""
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
        return _NEW_ASSET.validate_python(parse(asset.encode())) if asset is not None else None
    except JSONDecodeError as error:
        detail = {"type": "json_invalid", "loc": ("body", "asset"), "msg": f"not JSON: {error.msg}"}
        raise RequestValidationError([detail]) from None
    except ValidationError as error:
        raise invalid(error, "body", "asset") from None
