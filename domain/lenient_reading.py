"""Reads facts as they were recorded: their shape is checked, but not the rules that were checked when they were made.

A rule that is tightened later must never make an old fact unreadable; and a long log is read faster without them.
"""

from typing import Any

from pydantic import TypeAdapter
from pydantic_core import SchemaValidator

_CALLS = frozenset({"function-before", "function-after", "function-wrap"})
_PLAIN = frozenset({"str", "int", "float"})


def reader(kind: type[Any]) -> SchemaValidator:
    """What validates the shape of a model or another type: its members, their types, and that there are no others."""
    # Else the models inside would be read by their own validators, rules and all.
    return SchemaValidator(_shape(TypeAdapter(kind).core_schema), _use_prebuilt=False)


def _shape(schema: Any) -> Any:  # noqa: ANN401 - a schema, or anything inside one
    match schema:
        case {"type": str(kind), "schema": inner} if kind in _CALLS:
            return _shape(inner)
        case {"type": str(kind)} if kind in _PLAIN:
            return {"type": kind}
        case {"type": "tagged-union", "discriminator": discriminator} if callable(discriminator):
            return {"type": "any"}  # free JSON: whatever was parsed
        case dict():
            return {name: _shape(member) for name, member in schema.items()}
        case list() | tuple():
            return type(schema)(map(_shape, schema))
    return schema
