"""Plain values shared by everything that is recorded: strings from outside, times, free JSON documents."""

import math
import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import orjson
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    JsonValue,
    PlainSerializer,
    StringConstraints,
    WrapValidator,
)
from pydantic_core import CoreSchema

REFERENCE = "$document"
"""The only member of what stands in the place of a document that is in the store."""
MAX_DEPTH = 32
MAX_SAFE_INTEGER = 2**53 - 1
_RFC3339 = re.compile(r"^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")


def example(**members: Any) -> ConfigDict:  # noqa: ANN401 - any JSON
    """The configuration that shows a model's example in the API's description."""
    return ConfigDict(json_schema_extra={"examples": [members]})


class Frozen(BaseModel):
    """A value: immutable, and strict about members it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def storable(text: str) -> str:
    """The text itself; ValueError for what neither UTF-8 nor PostgreSQL can hold."""
    if "\x00" in text:
        raise ValueError("must not contain the character U+0000")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must not contain lone surrogates") from None
    return text


def in_utc(value: object, validate: Callable[[object], datetime]) -> datetime:
    """The time in UTC; ValueError for a number, for a text without its zone, and at the ends of the calendar."""
    if isinstance(value, datetime) and value.tzinfo is UTC:
        return value
    if not (isinstance(value, datetime) or (isinstance(value, str) and _RFC3339.match(value))):
        raise ValueError("must be a date and time with its zone, such as 2026-11-20T12:00:00Z (RFC 3339)")
    try:
        return validate(value).astimezone(UTC)
    except OverflowError:
        raise ValueError("is beyond the years 1 to 9999 in UTC") from None


def iso_micros(time: datetime) -> str:
    """RFC 3339 in UTC with exactly six fractional digits, such as 2026-11-20T15:04:05.000000Z."""
    utc = time if time.tzinfo is UTC else time.astimezone(UTC)
    if not utc.microsecond:
        return utc.isoformat(timespec="microseconds")[: -len("+00:00")] + "Z"
    return orjson.dumps(utc, option=orjson.OPT_UTC_Z)[1:-1].decode()  # several times faster, but for no fraction


@dataclass(frozen=True)
class SchemaMembers:
    """What a validator of ours checks, as members of the JSON Schema of what it validates."""

    members: dict[str, Any]

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | self.members

    def __hash__(self) -> int:
        return id(self)


def integral(value: object) -> object:
    """The integer of a float that is one: to JSON, 512 and 512.0 are the same number."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Text = Annotated[str, AfterValidator(storable), SchemaMembers({"pattern": r"^[^\u0000]*$"})]
OutsideId = Annotated[Text, StringConstraints(min_length=1, max_length=512)]
UtcTime = Annotated[
    AwareDatetime,
    WrapValidator(in_utc),
    PlainSerializer(iso_micros, when_used="json"),
]


def searchable(text: str) -> str:
    """The text as search compares it: compatibility-normalised and case-folded (Unicode, section 3.13)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


class PersonalMark:
    """Marks a field that holds personal data: it is sealed before it is stored."""


PERSONAL = PersonalMark()
T = TypeVar("T")
Personal = Annotated[T, PERSONAL]


def is_personal(metadata: Iterable[object]) -> bool:
    """True if a field's annotations carry the personal mark."""
    return any(isinstance(mark, PersonalMark) for mark in metadata)


class Imported(Frozen):
    """Where something comes from that was recorded by an importer: its place at a source, and the times it has there.

    They are the source's word. When it was recorded here is in the envelope, as of every event.
    """

    source: str
    place: str
    created_at: UtcTime | None = None
    started_at: UtcTime | None = None
    finished_at: UtcTime | None = None


def imported_from(imported: Imported | None) -> dict[str, Any] | None:
    """The same as JSON, without what is not known."""
    return imported.model_dump(mode="json", exclude_none=True) if imported else None


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

Document = Annotated[JsonObject, AfterValidator(check_document)]
"""A free document as a caller gives it."""


def same_json(one: object, other: object) -> bool:
    """Whether two values are the same JSON. To Python alone, true, 1 and 1.0 would be equal."""
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)
