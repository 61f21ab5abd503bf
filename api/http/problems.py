"""Errors as problem details (RFC 9457): one table from the error's class to its status."""

import re
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

from api.http.byte_responses import RangeRefusedError
from api.http.schemas.problems import FieldProblem, Problem
from domain import errors
from domain.errors import LedgerError, UnfitError
from infra.content.fetching import FetchFailedError
from infra.content.signed_urls import SignatureError
from projections.paging import CursorError
from projections.select import SearchTooShortError

_LOG = structlog.get_logger()
MOST_FIELDS = 20


class UnauthenticatedError(LedgerError):
    """Give a valid key as `Authorization: Bearer KEY`. Make one with `asset-ledger key issue`."""


class BadHeaderError(LedgerError):
    """A header cannot be understood."""


class BodyCutShortError(LedgerError):
    """The body broke off before all of it had arrived. Nothing was recorded."""


class BodyStalledError(LedgerError):
    """The body arrived too slowly, or not at all. Nothing was recorded."""


class BadMomentError(UnfitError):
    """as_of takes a position, such as 17, or a time with its zone, such as 2026-11-20T12:00:00Z."""


STATUS: dict[type[Exception], HTTPStatus] = {
    errors.NotFoundError: HTTPStatus.NOT_FOUND,
    errors.ConflictError: HTTPStatus.CONFLICT,
    errors.UnfitError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.UnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    BadHeaderError: HTTPStatus.BAD_REQUEST,
    BodyCutShortError: HTTPStatus.BAD_REQUEST,
    BodyStalledError: HTTPStatus.REQUEST_TIMEOUT,
    CursorError: HTTPStatus.BAD_REQUEST,
    SearchTooShortError: HTTPStatus.BAD_REQUEST,
    errors.ContentPurgedError: HTTPStatus.GONE,
    errors.ContentTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ContentTypeRefusedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    RangeRefusedError: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    SignatureError: HTTPStatus.FORBIDDEN,
    FetchFailedError: HTTPStatus.BAD_GATEWAY,
    errors.StaleRevisionError: HTTPStatus.PRECONDITION_FAILED,
    errors.ReservedActorError: HTTPStatus.FORBIDDEN,
    errors.CorruptEntryError: HTTPStatus.BAD_GATEWAY,
    errors.ShareUsedUpError: HTTPStatus.TOO_MANY_REQUESTS,
}
"""The status of an error is that of the nearest class above it in this table."""
BASES = frozenset({errors.NotFoundError, errors.ConflictError, errors.UnfitError, errors.UnavailableError})
"""Classes of errors that are never raised themselves."""


NAMES = {
    HTTPStatus.BAD_REQUEST: "bad-request",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "content-encoding-refused",
    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE: "header-too-large",
}
"""Problems that the framework finds. Named here, since the standard phrases change between versions of Python."""


ANY_REQUEST = (
    UnauthenticatedError,
    BadHeaderError,
    errors.ReservedActorError,
    errors.CorruptEntryError,
    errors.ShareUsedUpError,
    errors.ServiceUnavailableError,
)
"""How every request of a caller may end."""


def status_of(kind: type[Exception]) -> HTTPStatus:
    """The status that a class of errors is answered with. StopIteration for one that no request may end in."""
    return next(STATUS[base] for base in kind.__mro__ if base in STATUS)


def documented(*kinds: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that may end in these errors, for its OpenAPI description."""
    described: dict[int | str, list[str]] = {}
    for kind in (*kinds, *ANY_REQUEST):
        described.setdefault(status_of(kind).value, []).append(str(kind()))
    described.setdefault(408, []).append("The body arrived too slowly.")
    described.setdefault(413, []).append("The body is too large.")
    described.setdefault(415, []).append("The body has a content encoding.")
    described.setdefault(422, []).append("A field does not fit.")
    described.setdefault(431, []).append("The header is too large, or has too many fields.")
    return {
        status: {
            "description": " ".join(texts),
            "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, texts in described.items()
    }


def install(app: FastAPI) -> None:
    """Let every error of the app be answered as a problem."""
    for kind in (LedgerError, RequestValidationError, HTTPException):
        app.exception_handler(kind)(answered)
    app.exception_handler(Exception)(_bug)


def invalid(error: ValidationError, *place: str | int) -> RequestValidationError:
    """What is wrong with a part of the request, as FastAPI tells it."""
    details = error.errors(include_url=False, include_context=False, include_input=False)[:MOST_FIELDS]
    return RequestValidationError([{**detail, "loc": (*place, *detail["loc"])} for detail in details])


def problem_of(error: Exception, request_id: str) -> Problem:
    """The problem that an error is told as: refused by the ledger, invalid, HTTP's own, or else a fault."""
    match error:
        case LedgerError():
            name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
            return _problem(request_id, status_of(type(error)), name, str(error))
        case RequestValidationError():
            fields = _fields(error)
            detail = "; ".join(f"{f.field}: {f.message}" for f in fields[:3])
            return _problem(request_id, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", detail, fields)
        case HTTPException():
            status = HTTPStatus(error.status_code)
            return _problem(request_id, status, NAMES.get(status, "http-error"), str(error.detail))
    detail = "This is a fault of the service. It is in its log under the request id."
    return _problem(request_id, HTTPStatus.INTERNAL_SERVER_ERROR, "internal-error", detail)


async def answered(request: Request, error: Exception) -> JSONResponse:
    """The answer to a request that ended in an error."""
    problem = problem_of(error, request.state.request_id)
    headers = {"X-Request-ID": problem.request_id}
    if isinstance(error, HTTPException):
        headers |= error.headers or {}
    if problem.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(request.app.state.description.methods(request.scope["path"])))
    if problem.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = "1"
    if problem.status == HTTPStatus.REQUEST_TIMEOUT:
        headers["Connection"] = "close"
    if isinstance(error, RangeRefusedError):
        headers["Content-Range"] = f"bytes */{error.size}"
    if problem.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(problem.model_dump(), problem.status, headers, media_type="application/problem+json")


async def _bug(request: Request, error: Exception) -> JSONResponse:
    _LOG.error("fault", request_id=request.state.request_id, exc_info=error)
    return await answered(request, error)


def _problem(
    request_id: str, status: HTTPStatus, name: str, detail: str, fields: list[FieldProblem] | None = None
) -> Problem:
    return Problem(
        type=f"urn:asset-ledger:problem:{name}",
        title=name.replace("-", " ").capitalize(),
        status=status,
        detail=detail,
        request_id=request_id,
        errors=fields,
    )


def _fields(error: RequestValidationError) -> list[FieldProblem]:
    return [
        FieldProblem(field=_printable(".".join(map(str, e["loc"]))), message=_printable(_message(e)))
        for e in error.errors()[:MOST_FIELDS]
    ]


def _message(detail: dict[str, Any]) -> str:
    """What is wrong; of JSON, what the parser says."""
    why = detail.get("ctx", {}).get("error") if detail["type"] == "json_invalid" else None
    return f"not JSON: {why}" if why else str(detail["msg"])


def _printable(text: str) -> str:
    """The text without what UTF-8 cannot carry: it may have come from the request."""
    return text.encode("utf-8", "replace").decode()
