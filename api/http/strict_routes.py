"""What the API describes of itself, used to refuse what it does not describe: parameters and methods."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.routing import Route

from api.http.authentication import session
from api.http.problems import MOST_FIELDS
from api.http.request_body import WholeBodyRequest


@dataclass(frozen=True)
class Description:
    """The app's OpenAPI document, looked up by path, and its routes."""

    app: FastAPI
    routes: tuple[Route, ...]

    @cached_property
    def _query_parameters(self) -> dict[tuple[str, str], frozenset[str]]:
        return {
            (path, method): frozenset(p["name"] for p in operation.get("parameters", []) if p["in"] == "query")
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

    def query_parameters(self, template: str, method: str) -> frozenset[str]:
        """The query parameters of an operation, by its path's template."""
        return self._query_parameters[template, method.lower()]


class StrictRoute(APIRoute):
    """A route that asks for the key before it reads anything else, and refuses a parameter that it does not have.

    A misspelt filter must not be ignored, and a word that another route names is nobody's id.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the checks. A dependency would take several times as long, and comes after the body."""
        handle = self.answering()
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

        return handler

    def answering(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler behind the checks, which resolves the parameters and calls the endpoint."""
        return super().get_route_handler()

    def _check(self, request: Request) -> None:
        description: Description = request.app.state.description
        known = description.query_parameters(self.path_format, request.method)
        if unknown := [name for name in request.query_params if name not in known][:MOST_FIELDS]:
            raise RequestValidationError(
                [
                    {"type": "extra_forbidden", "loc": ("query", name), "msg": "There is no such parameter"}
                    for name in unknown
                ]
            )
