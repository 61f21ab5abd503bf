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

from api.ranges import RangeRefusedError
from api.schemas import FieldProblem, Problem
from domain import errors
from domain.errors import LedgerError
from infra.content.fetching import FetchFailedError, UrlRefusedError
from infra.content.signing import SignatureError, UrlExpiredError
from infra.content.store import PartsRefusedError, StoreFullError, StoreUnavailableError
from infra.keys.store import KeyLostError
from projections.query import CursorError, SearchTooShortError

_LOG = structlog.get_logger()
MOST_FIELDS = 20


class UnauthenticatedError(LedgerError):
    """Give a valid key as `Authorization: Bearer KEY`. Make one with `asset-ledger key issue`."""


class BadHeaderError(LedgerError):
    """A header cannot be understood."""


class BodyCutShortError(LedgerError):
    """The connection was lost before the whole body had arrived. Nothing was recorded."""


class BodyStalledError(LedgerError):
    """The body arrived too slowly, or not at all. Nothing was recorded."""


class BadMomentError(LedgerError):
    """as_of takes a position, such as 17, or a time with its zone, such as 2026-11-20T12:00:00Z."""


STATUS: dict[type[Exception], HTTPStatus] = {
    UnauthenticatedError: HTTPStatus.UNAUTHORIZED,
    BadHeaderError: HTTPStatus.BAD_REQUEST,
    BodyCutShortError: HTTPStatus.BAD_REQUEST,
    BodyStalledError: HTTPStatus.REQUEST_TIMEOUT,
    CursorError: HTTPStatus.BAD_REQUEST,
    SearchTooShortError: HTTPStatus.BAD_REQUEST,
    errors.AssetNotFoundError: HTTPStatus.NOT_FOUND,
    errors.AssetDeletedError: HTTPStatus.NOT_FOUND,
    errors.ContentNotFoundError: HTTPStatus.NOT_FOUND,
    errors.ContentMissingError: HTTPStatus.NOT_FOUND,
    errors.ContentPurgedError: HTTPStatus.GONE,
    errors.ContentHeldError: HTTPStatus.CONFLICT,
    errors.ContentInUseError: HTTPStatus.CONFLICT,
    errors.ContentBeingPurgedError: HTTPStatus.CONFLICT,
    errors.FilterMissingError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.FilterTooWideError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ContentMismatchError: HTTPStatus.CONFLICT,
    errors.ContentTooLargeError: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    errors.ContentTypeRefusedError: HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
    errors.UploadNotFoundError: HTTPStatus.NOT_FOUND,
    RangeRefusedError: HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    SignatureError: HTTPStatus.FORBIDDEN,
    UrlExpiredError: HTTPStatus.FORBIDDEN,
    UrlRefusedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    FetchFailedError: HTTPStatus.BAD_GATEWAY,
    PartsRefusedError: HTTPStatus.CONFLICT,
    errors.OtherRequestError: HTTPStatus.CONFLICT,
    errors.KeyOfDeletedAssetError: HTTPStatus.CONFLICT,
    errors.HoldNotFoundError: HTTPStatus.NOT_FOUND,
    errors.JobNotFoundError: HTTPStatus.NOT_FOUND,
    errors.IllegalTransitionError: HTTPStatus.CONFLICT,
    errors.WrongAttemptError: HTTPStatus.CONFLICT,
    errors.LeaseLostError: HTTPStatus.CONFLICT,
    errors.OtherCompletionError: HTTPStatus.CONFLICT,
    errors.ForeignAssetError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.MissingReferenceError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TagNotAllowedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ReferenceNotDeclaredError: HTTPStatus.NOT_FOUND,
    errors.ForeignReferenceError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.OtherScopeError: HTTPStatus.CONFLICT,
    errors.TenantNotFoundError: HTTPStatus.NOT_FOUND,
    errors.OriginIsPermanentError: HTTPStatus.CONFLICT,
    errors.TooManyReferencesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyHoldsError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyConflictsError: HTTPStatus.CONFLICT,
    errors.StaleRevisionError: HTTPStatus.PRECONDITION_FAILED,
    BadMomentError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.EntryTooLargeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.DocumentTooLargeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.BeyondHeadError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.ReservedActorError: HTTPStatus.FORBIDDEN,
    errors.UnknownTopicError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.CorruptEntryError: HTTPStatus.BAD_GATEWAY,
    errors.KeyUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    KeyLostError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ClockApartError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ClockAheadError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ShareUsedUpError: HTTPStatus.TOO_MANY_REQUESTS,
    errors.ClockBehindError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ServiceUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.OutcomeUnknownError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.QueueFullError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LogBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.TenantBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.StorageFullError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.LogWentBackError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreUnavailableError: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreFullError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ProjectionLagError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ListTooSlowError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ListsBusyError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.ReadModelRebuildingError: HTTPStatus.SERVICE_UNAVAILABLE,
}


NAMES = {
    HTTPStatus.BAD_REQUEST: "bad-request",
    HTTPStatus.NOT_FOUND: "not-found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method-not-allowed",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "body-too-large",
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


def documented(*kinds: type[Exception]) -> dict[int | str, dict[str, Any]]:
    """The responses of a route that may end in these errors, for its OpenAPI description."""
    described: dict[int | str, list[str]] = {}
    for kind in (*kinds, *ANY_REQUEST):
        described.setdefault(STATUS[kind].value, []).append(str(kind()))
    described.setdefault(408, []).append("The body arrived too slowly.")
    described.setdefault(413, []).append("The body is too large.")
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
            kind = next(kind for kind in type(error).__mro__ if kind in STATUS)
            name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
            return _problem(request_id, STATUS[kind], name, str(error))
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
    told = problem_of(error, request.state.request_id)
    headers = {"X-Request-ID": told.request_id}
    if isinstance(error, HTTPException):
        headers |= error.headers or {}
    if told.status == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(request.app.state.description.methods(request.scope["path"])))
    if told.status in {HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS}:
        headers["Retry-After"] = "1"
    if told.status == HTTPStatus.REQUEST_TIMEOUT:
        headers["Connection"] = "close"
    if isinstance(error, RangeRefusedError):
        headers["Content-Range"] = f"bytes */{error.size}"
    if told.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(told.model_dump(), told.status, headers, media_type="application/problem+json")


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
