"""Signed URLs of the directory store. They need no key, and are not described: nobody writes one by hand."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from starlette.concurrency import run_in_threadpool

from api.application.content.lookup import size_of
from api.application.content.signed_access import SignedContent, share_owners
from api.application.slots import Slots
from api.http.byte_responses import download
from api.http.dependencies import signed_content
from api.http.streamed_body import Body, receive, whole_number

router = APIRouter(include_in_schema=False)
Signed = Annotated[SignedContent, Depends(signed_content)]


@router.get("/v1/content/{key:path}")
@router.head("/v1/content/{key:path}")
async def get_signed(request: Request, key: str, content: Signed) -> Response:
    """The object that a signed URL names. A URL for GET also allows HEAD."""
    grant = content.grant("GET", key, request.query_params)
    reading: Slots = request.app.state.downloading
    request.state.slots.enter_context(reading.slot(*share_owners(grant)))
    signed = {"Content-Disposition": grant.disposition, "ETag": grant.etag}
    headers = {name: value for name, value in signed.items() if value is not None}
    kind = grant.content_type or "application/octet-stream"

    def opened() -> Response:
        return download(request, content.store, key, size_of(content.store, key), kind, headers)

    return await run_in_threadpool(opened)


@router.put("/v1/content/{key:path}")
async def put_signed(request: Request, key: str, content: Signed) -> Response:
    """Store the object, or the part, that a signed URL names; one transfer at a time."""
    grant = content.grant("PUT", key, request.query_params)
    body, headers = Body(request, content.rules.idle_time), request.headers
    tag = await receive(
        request,
        lambda: content.write(grant, headers.get("Content-Type"), whole_number(headers.get("Content-Length")), body),
        *share_owners(grant),
    )
    return Response(status_code=200, headers={"ETag": f'"{tag}"'})
