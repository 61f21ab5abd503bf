"""The columns of exported lists, derived from the models that the API answers with.

This is the only place that decides on columns, so no two formats can differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

from pydantic import BaseModel
from pydantic_core import to_json

ColumnType = Literal["string", "integer", "number", "boolean", "time", "strings", "json"]
Schema = Mapping[str, Any]

_PLAIN: Final[dict[str, ColumnType]] = {
    "string": "string",
    "integer": "integer",
    "number": "number",
    "boolean": "boolean",
}


@dataclass(frozen=True)
class Column:
    """A column: its name, the members of an answer that lead to its value, its type, and what stands for absence."""

    name: str
    path: tuple[str, ...]
    type: ColumnType
    default: Any = None

    def value(self, answer: Mapping[str, Any]) -> Any:  # noqa: ANN401 - any JSON but objects
        """The value in an answer as JSON: a document as its text, None without one."""
        *parents, last = self.path
        for member in parents:
            answer = answer.get(member) or {}
        value = answer.get(last, self.default) if answer else None
        return json_text(value) if self.type == "json" and value is not None else value


def json_text(value: object) -> str:
    """The JSON of a value, as the API writes it."""
    return to_json(value, inf_nan_mode="null").decode()


@cache
def columns_of(model: type[BaseModel]) -> tuple[Column, ...]:
    """The columns of a list of a model's answers: its members, in their order.

    Members that are models become columns each; of a union, those of any. Other objects and lists of objects are JSON.
    """
    # Computed members are in the schema of what is written, but only the schema of what is read tells times apart.
    read, written = model.model_json_schema(mode="validation"), model.model_json_schema(mode="serialization")
    definitions = written.get("$defs", {}) | read.get("$defs", {})
    return tuple(_columns(written["properties"] | read["properties"], definitions, ()))


def _columns(members: Mapping[str, Schema], definitions: Schema, parents: tuple[str, ...]) -> Iterator[Column]:
    for name, schema in members.items():
        path, value = (*parents, name), _not_null(schema)
        if inner := _members(value, definitions):
            yield from _columns(inner, definitions, path)
        else:
            yield Column(_name(path), path, _type(value), schema.get("default"))


def _not_null(schema: Schema) -> Schema:
    options = [option for option in schema.get("anyOf", ()) if option.get("type") != "null"]
    return options[0] if len(options) == 1 else schema


def _members(schema: Schema, definitions: Schema) -> dict[str, Schema]:
    """The members of a model, or of any model of a union; none of what is no model."""
    members: dict[str, Schema] = {}
    for option in schema.get("oneOf", [schema]):
        model = definitions.get(option.get("$ref", "").rpartition("/")[2], {})
        members |= model.get("properties", {})
    return members


def _name(path: tuple[str, ...]) -> str:
    """The members joined by underscores: `media_width`, `media_kind` of `media` and `media_kind`."""
    name, *below = path
    for member in below:
        name = member if member.startswith(f"{name}_") else f"{name}_{member}"
    return name


def _type(schema: Schema) -> ColumnType:
    match schema:
        case {"type": "array", "items": {"type": "string"}}:
            return "strings"
        case {"type": "string", "format": "date-time"}:
            return "time"
        case {"type": str(plain)}:
            return _PLAIN.get(plain, "json")
    return "json"
