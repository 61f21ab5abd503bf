"""What the API describes of itself, used to refuse what it does not describe: parameters and methods."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.routing import Route

from api.callers import session
from api.problems import MOST_FIELDS
from api.whole_body import WholeBodyRequest


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
        matching = [route for route in self.routes if route.path_regex.match(path)]
        literal = [route for route in matching if route.path == path]
        return {method for route in literal or matching for method in route.methods or ()}

    def query_parameters(self, template: str, method: str) -> frozenset[str]:
        """The query parameters of an operation, by its path's template."""
        return self._query_parameters[template, method.lower()]


class Described(APIRoute):
    """A route that asks for the key before it reads anything else, and refuses a parameter that it does not have.

    A misspelt filter must not be ignored.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the checks. A dependency would take several times as long, and comes after the body."""
        handle = super().get_route_handler()
        needs_key = self.path_format.startswith("/v1/")

        async def handler(request: Request) -> Response:
            request = WholeBodyRequest(request.scope, request.receive)
            if needs_key:
                await session(request)
            if request.query_params:
                self._check(request)
            if self.body_field is not None:
                await request.body()
            return await handle(request)

        return handler

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
