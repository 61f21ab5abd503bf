"""The base of values and events, and the marks on their fields."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler
from pydantic_core import CoreSchema


class Frozen(BaseModel):
    """A value: immutable, and strict about members it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def example(**members: Any) -> ConfigDict:  # noqa: ANN401 - any JSON
    """The configuration of a model whose JSON Schema shows an example with these members."""
    return ConfigDict(json_schema_extra={"examples": [members]})


@dataclass(frozen=True)
class SchemaMembers:
    """The members that a validator adds to the JSON Schema of its field."""

    members: dict[str, Any]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | self.members

    def __hash__(self) -> int:
        return id(self)


class PersonalMark:
    """Marks a field that holds personal data: it is sealed before it is stored."""


PERSONAL = PersonalMark()
T = TypeVar("T")
Personal = Annotated[T, PERSONAL]


def is_personal(metadata: Iterable[object]) -> bool:
    """True if a field's annotations carry the personal mark."""
    return any(isinstance(mark, PersonalMark) for mark in metadata)
