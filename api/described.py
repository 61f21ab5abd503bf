"""What the API describes of itself, used to refuse what it does not describe: parameters and methods."""

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

METHODS = {"get", "head", "put", "post", "patch", "delete"}


@dataclass(frozen=True)
class Description:
    """The app's OpenAPI document, looked up by path."""

    app: FastAPI

    @cached_property
    def _paths(self) -> dict[str, dict[str, Any]]:
        paths: dict[str, dict[str, Any]] = self.app.openapi()["paths"]
        return paths

    @cached_property
    def _query_parameters(self) -> dict[tuple[str, str], frozenset[str]]:
        return {
            (path, method): frozenset(p["name"] for p in operation.get("parameters", []) if p["in"] == "query")
            for path, operations in self._paths.items()
            for method, operation in operations.items()
        }

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {path: re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/].*", re.escape(path))) for path in self._paths}

    def methods(self, path: str) -> set[str]:
        """The methods that a path has."""
        found = (self._paths[path_] for path_, pattern in self._patterns.items() if pattern.fullmatch(path))
        return {method.upper() for operations in found for method in operations if method in METHODS}

    def query_parameters(self, template: str, method: str) -> frozenset[str]:
        """The query parameters of an operation, by its path's template."""
        return self._query_parameters[template, method.lower()]


class Described(APIRoute):
    """A route that refuses a parameter which its operation does not have: a misspelt filter must not be ignored."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the check. A dependency would take several times as long."""
        handle = super().get_route_handler()

        async def handler(request: Request) -> Response:
            if request.query_params:
                self._check(request)
            return await handle(request)

        return handler

    def _check(self, request: Request) -> None:
        description: Description = request.app.state.description
        known = description.query_parameters(self.path_format, request.method)
        if unknown := [name for name in request.query_params if name not in known]:
            raise RequestValidationError(
                [
                    {"type": "extra_forbidden", "loc": ("query", name), "msg": "There is no such parameter"}
                    for name in unknown
                ]
            )
