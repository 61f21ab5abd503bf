"""What routes refuse at once, how their handlers are called and their answers written.

FastAPI declares and describes the parameters, and validates them; this calls the rest in one pass (ADR 0021).
"""

import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from email.message import Message
from functools import cached_property, lru_cache, partial, wraps
from http import HTTPStatus
from inspect import iscoroutinefunction
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import get_flat_params, request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.routing import Route

from api.http.authentication import session
from api.http.problems import MOST_FIELDS
from api.http.query_parameters import FAMILY, is_member
from api.http.request_body import WholeBodyRequest

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True)
class Description:
    """The app's OpenAPI document, looked up by path, and its routes."""

    app: FastAPI
    routes: tuple[Route, ...]

    @cached_property
    def query_parameters(self) -> dict[tuple[str, str], dict[str, bool]]:
        """Of each operation, by its path and its method, the query parameters: whether they can be repeated."""
        return {
            (path, method.upper()): {
                p["name"]: p["schema"].get("type") == "array"
                for p in operation.get("parameters", [])
                if p["in"] == "query"
            }
            for path, operations in self.app.openapi()["paths"].items()
            for method, operation in operations.items()
        }

    def methods(self, path: str) -> set[str]:
        """The methods that a path has. What a route names literally is no parameter of another one."""
        matching = (route for route in self.routes if route.path_regex.match(path))
        return self.literal.get(path) or {method for route in matching for method in route.methods or ()}

    @cached_property
    def literal(self) -> dict[str, set[str]]:
        """The methods of each path that a route names literally."""
        methods: dict[str, set[str]] = {}
        for route in self.routes:
            if not route.param_convertors:
                methods.setdefault(route.path, set()).update(route.methods or ())
        return methods


class RenderedRoute(APIRoute):
    """A route that asks for the key before it reads anything else, and refuses a parameter that it does not have.

    A misspelt filter must not be ignored, and a word that another route names is nobody's id. The handler's model, or
    its JSON, is written as the answer right away, in the handler's thread.

    FastAPI would validate the model a second time, in another thread. A handler that sets headers or the status, or
    depends on something that does, takes the `response`.
    """

    direct: Handler | None
    """The handler of a route that needs nothing of FastAPI's; else None."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else self._rendering(endpoint), **options)

    def get_route_handler(self) -> Handler:
        """The handler, behind the checks. A dependency would take several times as long, and comes after the body."""
        is_plain = not iscoroutinefunction(self.endpoint) and _is_plain(self.dependant)
        handle = partial(_answer, self.dependant) if is_plain else super().get_route_handler()
        needs_key, has_ids = self.path_format.startswith("/v1/"), bool(self.param_convertors)
        brings_body = not {*(self.methods or ())} <= {"GET", "HEAD"}

        async def handler(request: Request) -> Response:
            if brings_body:
                request = WholeBodyRequest(request.scope, request.receive)
            if has_ids and request.scope["path"] in request.app.state.description.literal:
                raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
            if needs_key:
                await session(request)
            if request.query_params:
                self._check(request)
            if self.body_field is not None:
                await request.body()
            return await handle(request)

        self.direct = handler if is_plain else None
        return handler

    def _check(self, request: Request) -> None:
        description: Description = request.app.state.description
        known = description.query_parameters[self.path_format, request.method]
        unknown = [name for name in request.query_params if name not in known]
        if FAMILY in known:
            unknown = [name for name in unknown if not is_member(name)]
        if unknown:
            raise RequestValidationError(
                [_refusal(name, "There is no such parameter") for name in unknown[:MOST_FIELDS]]
            )
        names = [name for name, _ in request.query_params.multi_items() if not known.get(name, True)]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise RequestValidationError([_refusal(name, "It can be given once") for name in twice])

    def _rendering(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(endpoint)
        def render(**arguments: Any) -> Response:  # noqa: ANN401 - whatever the handler takes
            answer = endpoint(**arguments)
            if isinstance(answer, Response):
                return answer
            prepared: Response | None = arguments.get("response")
            status = (prepared and prepared.status_code) or self.status_code or 200
            body = answer.model_dump_json(by_alias=True) if isinstance(answer, BaseModel) else answer
            rendered = Response(body, status, media_type="application/json" if body else None)
            if prepared:
                rendered.raw_headers.extend(prepared.raw_headers)
            return rendered

        return render


def _refusal(parameter: str, why: str) -> dict[str, Any]:
    return {"type": "extra_forbidden", "loc": ("query", parameter), "msg": why}


def _is_plain(dependant: Dependant) -> bool:
    """Whether the handler takes a body at most, and its dependencies nothing but the request and the response."""
    return not (dependant.header_params or dependant.cookie_params or dependant.body_params[1:]) and all(
        iscoroutinefunction(inner.call) and not (inner.dependencies or inner.body_params or get_flat_params(inner))
        for inner in dependant.dependencies
    )


async def _answer(dependant: Dependant, request: Request) -> Response:
    """Resolve the parameters and call the handler in a thread. RequestValidationError, and whatever they raise."""
    body = await _body(request) if dependant.body_params else None
    response = Response()
    response.raw_headers.clear()
    response.status_code = 0
    values: dict[str, Any] = {}
    for dependency in dependant.dependencies:
        resolve = cast("Callable[..., Coroutine[Any, Any, Any]]", dependency.call)
        value = await resolve(**_whole(dependency, request, response))
        if dependency.name:
            values[dependency.name] = value
    values |= await _validated(dependant, request, body) | _whole(dependant, request, response)
    return await run_in_threadpool(cast("Callable[..., Response]", dependant.call), **values)


def _whole(dependant: Dependant, request: Request, response: Response) -> dict[str, Any]:
    names = (dependant.request_param_name, request), (dependant.response_param_name, response)
    return {name: value for name, value in names if name}


async def _validated(dependant: Dependant, request: Request, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    values, errors = _in_path(dependant, request.path_params)
    if dependant.query_params:
        in_query, refusals = request_params_to_args(dependant.query_params, request.query_params)
        values, errors = values | in_query, errors + refusals
    if dependant.body_params:
        in_body, refusals = await request_body_to_args(dependant.body_params, body, embed_body_fields=False)
        values, errors = values | in_body, errors + refusals
    if errors:
        raise RequestValidationError(errors, body=body)
    return values


def _in_path(dependant: Dependant, texts: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """The parameters in the path, and what is wrong with them: each is there, once, under its own name."""
    values: dict[str, Any] = {}
    errors: list[Any] = []
    for field in dependant.path_params:
        value, refusals = field.validate(texts[field.alias], values, loc=("path", field.alias))
        values[field.name] = value
        errors += refusals or ()
    return values, errors


async def _body(request: Request) -> Any:  # noqa: ANN401 - any JSON
    """The body's value; its bytes if they are not said to be JSON, None if there are none. RequestValidationError."""
    body = await request.body()
    if not body or not _is_json(request.headers.get("Content-Type", "")):
        return body or None
    try:
        return await request.json()
    except json.JSONDecodeError as error:
        refusal = {"type": "json_invalid", "loc": ("body", error.pos), "msg": "JSON decode error", "input": {}}
        raise RequestValidationError([refusal | {"ctx": {"error": error.msg}}], body=error.doc) from error


@lru_cache(64)
def _is_json(content_type: str) -> bool:
    message = Message()
    message["Content-Type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))
