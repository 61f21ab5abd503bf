"""The API's description, and pages that show it in a browser. Everything they load comes from this service."""

import hashlib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Final, NamedTuple

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Scope, Send

from api.http.byte_responses import unchanged

router = APIRouter(include_in_schema=False)

_ASSETS: Final = Path(str(files("fastapi_offline"))) / "static"
_SERVED: Final = {
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui.css": "text/css",
    "redoc.standalone.js": "text/javascript",
    "favicon.png": "image/png",
}
_START: Final = """SwaggerUIBundle({url: "openapi.json", dom_id: "#page", deepLinking: true, validatorUrl: null});
"""
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Asset Ledger</title><link rel="icon" href="docs/favicon.png">{head}</head>
<body>{body}</body>
</html>
"""
_SWAGGER_UI: Final = _PAGE.format(
    head='<link rel="stylesheet" href="docs/swagger-ui.css">',
    body='<div id="page"></div><script src="docs/swagger-ui-bundle.js"></script><script src="docs/start.js"></script>',
)
_REDOC: Final = _PAGE.format(
    head="",
    body='<redoc spec-url="openapi.json" disable-google-font></redoc><script src="docs/redoc.standalone.js"></script>',
)
_BLOCK: Final = 64 * 1024


class Rendered(NamedTuple):
    """The OpenAPI document as it is sent."""

    body: bytes
    etag: str


class OpenApiDocument:
    """The OpenAPI document, rendered once, when it is first asked for: that takes a second."""

    def __init__(self, describe: Callable[[], dict[str, object]]) -> None:
        self._describe = describe
        self._one_at_a_time = Lock()
        self._rendered: Rendered | None = None

    async def rendered(self) -> Rendered:
        """The document's bytes; rendered in a thread if they are not yet."""
        return await run_in_threadpool(self._render) if self._rendered is None else self._rendered

    def _render(self) -> Rendered:
        with self._one_at_a_time:
            if self._rendered is not None:
                return self._rendered
            body = bytes(JSONResponse(self._describe()).body)
            self._rendered = rendered = Rendered(body, f'"{hashlib.sha256(body).hexdigest()}"')
            return rendered


class _BytesResponse(Response):
    """Bytes that all answers share, sent block by block: who reads slowly makes the service hold no copy of them."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for first in range(0, len(self.body), _BLOCK):
            end = first + _BLOCK
            block = bytes(self.body[first:end])
            await send({"type": "http.response.body", "body": block, "more_body": end < len(self.body)})


@router.api_route("/openapi.json", methods=["GET", "HEAD"])
async def openapi_document(request: Request) -> Response:
    """The description as an OpenAPI document. ServiceUnavailableError while too many are being loaded."""
    request.state.slots.enter_context(request.app.state.pages.slot())
    document: OpenApiDocument = request.app.state.openapi_document
    body, etag = await document.rendered()
    headers = {"ETag": etag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
    if unchanged(request, etag):
        return Response(status_code=304, headers=headers)
    return _BytesResponse(body, headers=headers, media_type="application/json")


@router.get("/docs")
def swagger_ui() -> Response:
    """The description with forms to try it."""
    return HTMLResponse(_SWAGGER_UI, headers=_HEADERS)


@router.get("/redoc")
def redoc() -> Response:
    """The description to read."""
    return HTMLResponse(_REDOC, headers=_HEADERS)


@router.get("/docs/{name}")
async def asset(request: Request, name: str) -> Response:
    """A script, a style or a picture of the pages. ServiceUnavailableError while too many are being loaded."""
    request.state.slots.enter_context(request.app.state.pages.slot())
    if name == "start.js":
        return Response(_START, media_type="text/javascript", headers=_HEADERS)
    if name not in _SERVED:
        raise HTTPException(404, "Not Found")
    return FileResponse(_ASSETS / name, headers=_HEADERS, media_type=_SERVED[name])
