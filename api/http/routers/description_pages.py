"""Pages that show the API's description in a browser. Everything they load comes from this service."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, HTMLResponse

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
