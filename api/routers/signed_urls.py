"""Signed URLs of the directory store. Who has one needs no key, and nobody writes one by hand: not described."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.arriving import Body
from api.bodies import number, taken
from api.callers import signed_content
from api.downloads import download
from api.signed import SignedContent

router = APIRouter(include_in_schema=False)
Signed = Annotated[SignedContent, Depends(signed_content)]


@router.get("/v1/content/{key:path}")
@router.head("/v1/content/{key:path}")
def get_signed(request: Request, key: str, content: Signed) -> Response:
    """The object that a signed URL names. What may be got may be asked for by HEAD."""
    store, grant, size = content.readable(key, request.query_params)
    signed = {"Content-Disposition": grant.disposition, "ETag": grant.etag}
    headers = {name: value for name, value in signed.items() if value is not None}
    return download(request, store, key, size, grant.content_type or "application/octet-stream", headers)


@router.put("/v1/content/{key:path}")
async def put_signed(request: Request, key: str, content: Signed) -> Response:
    """Take the object, or the part, that a signed URL names."""
    body, given = Body(request, content.rules.idle_time), request.headers
    tag = await taken(
        request,
        lambda: content.write(
            key, request.query_params, given.get("Content-Type"), number(given.get("Content-Length")), body
        ),
    )
    return Response(status_code=200, headers={"ETag": f'"{tag}"'})
