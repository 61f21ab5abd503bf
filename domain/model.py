"""The base of values and events, and the marks on their fields."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """A value: immutable, and strict about members it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def example(**members: Any) -> ConfigDict:  # noqa: ANN401 - any JSON
    """The configuration of a model whose JSON Schema shows an example with these members."""
    return ConfigDict(json_schema_extra={"examples": [members]})


PERSONAL: Final = object()
"""Marks a field that holds personal data: it is sealed before it is stored."""
T = TypeVar("T")
Personal = Annotated[T, PERSONAL]
