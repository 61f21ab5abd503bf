"""Free JSON documents: I-JSON (RFC 7493) of bounded depth."""

import math
from typing import Annotated, Any

import orjson
from pydantic import AfterValidator, Field, JsonValue

from domain.text import storable

REFERENCE = "$document"
"""The only member of what stands in the place of a document that is in the store."""
MAX_DEPTH = 32
MAX_SAFE_INTEGER = 2**53 - 1


def integral(value: object) -> object:
    """The integer of a float that is one: to JSON, 512 and 512.0 are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def check_document(document: dict[str, Any]) -> dict[str, Any]:
    """The document itself; ValueError unless it is I-JSON (RFC 7493) at most 32 levels deep, and no reference."""
    if REFERENCE in document:
        raise ValueError(f"{REFERENCE} refers to a document in the store: send the document itself")
    _check_json(document, MAX_DEPTH)
    return document


def _check_json(value: object, depth: int) -> None:
    match value:
        case str():
            storable(value)
        case bool() | None:
            pass
        case int() if abs(value) > MAX_SAFE_INTEGER:
            raise ValueError("integers beyond 2^53 - 1 lose digits in JSON; send them as strings")
        case float() if not math.isfinite(value):
            raise ValueError("NaN and Infinity are not JSON")
        case dict() | list() if depth == 0:
            raise ValueError(f"must not be nested more than {MAX_DEPTH} levels deep")
        case dict():
            for key, member in value.items():
                storable(key)
                _check_json(member, depth - 1)
        case list():
            for member in value:
                _check_json(member, depth - 1)


JsonObject = dict[str, JsonValue]
"""A free document as it was recorded: nothing is checked again."""

FREE = (
    f"A free document: I-JSON (RFC 7493) at most {MAX_DEPTH} levels deep, without integers beyond 2^53 - 1, U+0000 and"
    " lone surrogates."
)
Document = Annotated[JsonObject, AfterValidator(check_document), Field(description=FREE)]
"""A free document as a caller gives it."""


def same_json(left: object, right: object) -> bool:
    """Whether two values are the same JSON. To Python alone, true, 1 and 1.0 would be equal."""
    return orjson.dumps(left, option=orjson.OPT_SORT_KEYS) == orjson.dumps(right, option=orjson.OPT_SORT_KEYS)
