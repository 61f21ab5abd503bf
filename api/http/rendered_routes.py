"""How the handlers of routes are called and their answers written.

FastAPI declares and describes the parameters, and validates them; this calls the rest in one pass (ADR 0021).
"""

import json
from collections.abc import Callable, Coroutine
from email.message import Message
from functools import lru_cache, partial, wraps
from inspect import iscoroutinefunction
from typing import Any, NamedTuple, cast

from fastapi import Request, Response
from fastapi._compat import ModelField
from fastapi.dependencies.models import Dependant
from fastapi.dependencies.utils import request_body_to_args, request_params_to_args
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from api.http.strict_routes import StrictRoute


class RenderedRoute(StrictRoute):
    """A route whose handler's model, or the JSON of it, is written as the answer right away, in the handler's thread.

    FastAPI would validate the model a second time, in another thread. A handler that sets headers or the status, or
    depends on something that does, takes the `response`.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401 - FastAPI's
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else self._rendering(endpoint), **options)

    def answering(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """One pass over the parameters where they are plain enough; else FastAPI's own."""
        if iscoroutinefunction(self.endpoint) or not _is_plain(self.dependant):
            return super().answering()
        return partial(_answer, self.dependant, [Step.of(dependency) for dependency in self.dependant.dependencies])

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


class Step(NamedTuple):
    """A dependency, and under which names it and the handler take what."""

    name: str | None
    call: Callable[..., Coroutine[Any, Any, Any]]
    request: str | None
    response: str | None

    @classmethod
    def of(cls, dependency: Dependant) -> "Step":
        """The step of a plain dependency."""
        call = cast("Callable[..., Coroutine[Any, Any, Any]]", dependency.call)
        return cls(dependency.name, call, dependency.request_param_name, dependency.response_param_name)


def _is_plain(dependant: Dependant) -> bool:
    """Whether the handler takes a body at most, and its dependencies nothing but the request and the response."""
    return not (dependant.header_params or dependant.cookie_params or dependant.body_params[1:]) and all(
        iscoroutinefunction(dependency.call) and not (dependency.dependencies or any(_parameters(dependency)))
        for dependency in dependant.dependencies
    )


def _parameters(dependant: Dependant) -> tuple[list[ModelField], ...]:
    in_head = dependant.path_params, dependant.query_params, dependant.header_params, dependant.cookie_params
    return (*in_head, dependant.body_params)


async def _answer(dependant: Dependant, steps: list[Step], request: Request) -> Response:
    """Resolve the parameters and call the handler in a thread. RequestValidationError, and whatever they raise."""
    body = await _body(request) if dependant.body_params else None
    response = Response()
    response.raw_headers.clear()
    response.status_code = 0
    values: dict[str, Any] = {}
    for step in steps:
        arguments: dict[str, Any] = {step.request: request} if step.request else {}
        if step.response:
            arguments[step.response] = response
        value = await step.call(**arguments)
        if step.name:
            values[step.name] = value
    values |= await _validated(dependant, request, body)
    if dependant.request_param_name:
        values[dependant.request_param_name] = request
    if dependant.response_param_name:
        values[dependant.response_param_name] = response
    return await run_in_threadpool(cast("Callable[..., Response]", dependant.call), **values)


async def _validated(dependant: Dependant, request: Request, body: Any) -> dict[str, Any]:  # noqa: ANN401 - any JSON
    values, errors = request_params_to_args(dependant.path_params, request.path_params)
    if dependant.query_params:
        in_query, refusals = request_params_to_args(dependant.query_params, request.query_params)
        values, errors = values | in_query, errors + refusals
    if dependant.body_params:
        in_body, refusals = await request_body_to_args(dependant.body_params, body, embed_body_fields=False)
        values, errors = values | in_body, errors + refusals
    if errors:
        raise RequestValidationError(errors, body=body)
    return values


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
