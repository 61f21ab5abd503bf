"""Dependencies that read the request themselves, and declare for the API's description what they read.

FastAPI resolves each parameter in about as long as this takes for all of them.
"""

from collections.abc import Awaitable, Callable, Iterator
from functools import cache
from inspect import Parameter, Signature
from types import NoneType, UnionType
from typing import Annotated, Any, Final, TypeVar, Union, get_args, get_origin

from fastapi import FastAPI, Query, Request
from fastapi.dependencies.models import Dependant
from pydantic import BaseModel, TypeAdapter, ValidationError

from api.http.problems import invalid

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
Declaration = Callable[..., None]
FAMILY: Final = "metadata"
"""The parameter whose members may be parameters of their own, `metadata.PATH=VALUE`."""


def declaration(**annotations: Any) -> Declaration:  # noqa: ANN401 - whatever describes a parameter to FastAPI
    """A function for FastAPI to describe, with parameters of these annotations; those that may be None are optional."""

    def declare() -> None: ...

    declare.__signature__ = Signature(  # type: ignore[attr-defined]
        [
            Parameter(name, Parameter.KEYWORD_ONLY, default=_default(annotation), annotation=annotation)
            for name, annotation in annotations.items()
        ]
    )
    return declare


def _default(annotation: Any) -> Any:  # noqa: ANN401 - whatever stands in an annotation
    return None if NoneType in get_args(annotation.__origin__) else Parameter.empty


def declares(**annotations: Any) -> Callable[[T], T]:  # noqa: ANN401 - whatever describes a parameter to FastAPI
    """Mark a dependency that reads parameters of these annotations by itself."""

    def mark(dependency: T) -> T:
        dependency.declaration = declaration(**annotations)  # type: ignore[attr-defined]
        return dependency

    return mark


def queried(model: type[M]) -> Callable[[Request], Awaitable[M]]:
    """A dependency that reads a model from the query. RequestValidationError."""
    many = {name for name, field in model.model_fields.items() if _is_array(field.annotation)}
    adapter = TypeAdapter(model)

    @declares(query=Annotated[model, Query()])
    async def read(request: Request) -> M:
        query = request.query_params
        values: dict[str, Any] = {name: query.getlist(name) if name in many else query[name] for name in query}
        if FAMILY in many and (members := [name for name in query if is_member(name)]):
            named = [f"{name.removeprefix(f'{FAMILY}.')}={value}" for name in members for value in query.getlist(name)]
            values = {name: value for name, value in values.items() if name not in members}
            values[FAMILY] = [*query.getlist(FAMILY), *named]
        return checked(adapter, values, "query")

    return read


def is_member(name: str) -> bool:
    """Whether a parameter is a member of the family."""
    return name.startswith(f"{FAMILY}.")


def checked(adapter: TypeAdapter[T], value: object, *place: str | int) -> T:
    """The value of a part of the request. RequestValidationError."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise invalid(error, *place) from None


def declared(dependant: Dependant) -> Iterator[dict[str, Any]]:
    """The OpenAPI parameters that a route's dependencies declare."""
    for dependency in dependant.dependencies:
        if (declaration := getattr(dependency.call, "declaration", None)) is not None:
            yield from parameters(declaration)
        yield from declared(dependency)


@cache
def parameters(declaration: Declaration) -> list[dict[str, Any]]:
    """The declaration's parameters as FastAPI describes them."""
    app = FastAPI(openapi_url=None)
    app.get("/")(declaration)
    described_parameters: list[dict[str, Any]] = app.openapi()["paths"]["/"]["get"]["parameters"]
    return described_parameters


def _is_array(annotation: Any) -> bool:  # noqa: ANN401 - whatever stands in an annotation
    if get_origin(annotation) in {Union, UnionType}:
        return any(map(_is_array, get_args(annotation)))
    return get_origin(annotation) in {list, tuple}
