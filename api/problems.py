"""Errors as problem details (RFC 9457): one table from the error's class to its status."""

import re
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.schemas import FieldProblem, Problem
from domain import errors
from domain.errors import LedgerError
from projections.query import CursorError, SearchTooShortError

_LOG = structlog.get_logger()
MOST_FIELDS = 20


class UnauthenticatedError(LedgerError):
    """Give a valid key as `Authorization: Bearer KEY`. Make one with `asset-ledger key issue`."""


class BadHeaderError(LedgerError):
    """A header cannot be understood."""


class BadMomentError(LedgerError):
    """as_of takes a position, such as 17, or a time with its zone, such as 2026-11-20T12:00:00Z."""


STATUS: dict[type[Exception], HTTPStatus] = {
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    BadHeaderError: HTTPStatus.BAD_REQUEST,
    CursorError: HTTPStatus.BAD_REQUEST,
    SearchTooShortError: HTTPStatus.BAD_REQUEST,
    errors.AssetNotFoundError: HTTPStatus.NOT_FOUND,
    errors.AssetDeletedError: HTTPStatus.NOT_FOUND,
    errors.HoldNotFoundError: HTTPStatus.NOT_FOUND,
    errors.TenantNotFoundError: HTTPStatus.NOT_FOUND,
    errors.OriginIsPermanentError: HTTPStatus.CONFLICT,
    errors.TooManyConflictsError: HTTPStatus.CONFLICT,
    errors.StaleRevisionError: HTTPStatus.PRECONDITION_FAILED,
    BadMomentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.EntryTooLargeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DocumentsTooLargeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BeyondHeadError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnknownTopicError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.CorruptEntryError: HTTPStatus.INTERNAL_SERVER_ERROR,
    errors.KeyUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ClockAheadError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ServiceUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ProjectionLagError: HTTPStatus.SERVICE_UNAVAILABLE,
}


NAMES = {
    HTTPStatus.BAD_REQUEST: "bad-request",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
}
"""Problems that the framework finds. Named here, since the standard phrases change between versions of Python."""


def documented(*kinds: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that may end in these errors, for its OpenAPI description."""
    described: dict[int | str, list[str]] = {}
    for kind in (*kinds, UnauthenticatedError, BadHeaderError, errors.ServiceUnavailableError):
        described.setdefault(STATUS[kind].value, []).append(str(kind()))
    described.setdefault(413, []).append("The body is too large.")
    described.setdefault(422, []).append("A field does not fit.")
    return {
        status: {
            "description": " ".join(texts),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, texts in described.items()
    }


def install(app: FastAPI) -> None:
    """Let every error of the app be answered as a problem."""
    app.exception_handler(LedgerError)(_ledger_error)
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http_error)
    app.exception_handler(Exception)(_bug)


def problem(
    request: Request,
    status: HTTPStatus,
    name: str,
    detail: str,
    fields: list[FieldProblem] | None = None,
    more: dict[str, str] | None = None,
) -> JSONResponse:
    """The response that tells of a problem."""
    told = Problem(
        type=f"urn:asset-ledger:problem:{name}",
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        request_id=request.state.request_id,
        errors=fields,
    )
    headers = {"X-Request-ID": request.state.request_id, **(more or {})}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "1"
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(told.model_dump(exclude_none=True), status, headers, media_type="application/problem+json")


async def _ledger_error(request: Request, error: LedgerError) -> JSONResponse:
    kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return problem(request, STATUS[kind], name, str(error))


async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    fields = [
        FieldProblem(field=_printable(".".join(map(str, e["loc"]))), message=_printable(e["msg"]))
        for e in error.errors()[:MOST_FIELDS]
    ]
    detail = "; ".join(f"{f.field}: {f.message}" for f in fields[:3])
    return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, fields)


async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
    status = HTTPStatus(error.status_code)
    headers = dict(error.headers or {})
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(request.app.state.description.methods(request.url.path)))
    return problem(request, status, NAMES.get(status, "http-error"), str(error.detail), more=headers)


async def _bug(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("fault", request_id=request.state.request_id, exc_info=error)
    detail = "This is a fault of the service. It is in its log under the request id."
    return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail)


def _printable(text: str) -> str:
    """The text without what UTF-8 cannot carry: it may have come from the request."""
    return text.encode("utf-8", "replace").decode()
