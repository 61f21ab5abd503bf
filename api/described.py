"""What the API describes of itself, used to refuse what it does not describe: parameters and methods."""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError

METHODS = {"get", "put", "post", "patch", "delete"}


@dataclass(frozen=True)
class Description:
    """The app's OpenAPI document, looked up by path."""

    app: FastAPI

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        paths = self.app.openapi()["paths"]
        return [(re.compile(re.sub(r"\\\{[^}]+\\\}", "[^/].*", re.escape(path))), paths[path]) for path in paths]

    def methods(self, path: str) -> set[str]:
        """The methods that a path has."""
        operations = (operations for pattern, operations in self._paths if pattern.fullmatch(path))
        return {method.upper() for each in operations for method in each if method in METHODS}

    def query_parameters(self, template: str, method: str) -> set[str]:
        """The query parameters of an operation, by its path's template."""
        operation = self.app.openapi()["paths"][template][method.lower()]
        return {p["name"] for p in operation.get("parameters", []) if p["in"] == "query"}


def only_described_parameters(request: Request) -> None:
    """Refuse a parameter that the operation does not have: a misspelt filter must not be ignored."""
    description: Description = request.app.state.description
    known = description.query_parameters(request.scope["route"].path_format, request.method)
    if unknown := [name for name in request.query_params if name not in known]:
        raise RequestValidationError(
            [
                {"type": "extra_forbidden", "loc": ("query", name), "msg": "There is no such parameter", "input": None}
                for name in unknown
            ]
        )
