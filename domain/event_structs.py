"""Structs that stored events are decoded into, made from the events' own definitions.

A fold reads the members of many events and validates none of them again. So its events are of their own classes, and
hold what JSON was decoded into at once: structs with the members of the values that the definition names, and documents
that stay as they are written. Whatever a definition has that no struct can hold is read by its validator.
"""

from collections.abc import Callable
from datetime import datetime
from functools import cache, reduce
from operator import or_
from types import GenericAlias, NoneType, UnionType
from typing import Annotated, Any, Final, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

import msgspec
import orjson
from msgspec.structs import asdict
from pydantic import AwareDatetime
from pydantic.fields import FieldInfo

from domain.event import Envelope, Event, personal_fields
from domain.json_documents import JsonObject
from domain.lenient_reading import reader
from domain.model import Frozen

_PLAIN: Final = frozenset({str, int, float, bool, NoneType, UUID})
_TIME: Final = Annotated[datetime, msgspec.Meta(tz=True)]
_IDS: Final = ("tenant_id", "originator_id")
SEALED_FIELDS: Final = tuple[str, ...] | msgspec.UnsetType
"""The type of the member that names what is sealed; it is unset where nothing is."""
_OBJECT: Final = b"{"
_STRICT: Final[dict[str, Any]] = {"forbid_unknown_fields": True, "kw_only": True, "gc": False}

_reader = cache(reader)
_new: Callable[[type[Event]], Event] = object.__new__
_set = object.__setattr__


class _NoStructError(Exception):
    """No struct holds such a value."""


class EventReader(NamedTuple):
    """Decodes the stored events of one class whose versions have the members of the current one."""

    event_class: type[Event]
    versions: range
    clear: Callable[[bytes], Any]
    """Decodes the document in the clear into a struct, which is the envelope as well; its ids are text."""
    personal: Callable[[bytes], Any]
    """Decodes what was sealed."""
    documents: tuple[str, ...]
    """The members of what was sealed that stay JSON."""
    defaults: dict[str, Any]
    """The members that are sealed if they have a value."""

    def event(self, envelope: Any, personal: bytes | None) -> Event:  # noqa: ANN401 - a struct of `clear`
        """The event of a document in the clear, whose ids have been set, and of what was sealed.

        Raises msgspec's DecodeError, or ValueError for a document that is no object.
        """
        values = asdict(envelope.data)
        if personal is None:
            values |= self.defaults
        else:
            values |= asdict(self.personal(personal))
            reason = values.pop("reason")
            if reason is not None:
                envelope.reason = reason
            for name in self.documents:
                if values[name] is not None:
                    values[name] = _fragment(bytes(values[name]))
        values["envelope"] = envelope
        event: Event = _new(self.event_class)
        _set(event, "__dict__", values)
        return event


def _fragment(document: bytes) -> orjson.Fragment:
    """A document as it was written. ValueError if it is no object."""
    if not document.startswith(_OBJECT):
        raise ValueError("a document is an object")
    return orjson.Fragment(document)


@cache
def event_reader(event_class: type[Event]) -> EventReader | None:
    """What decodes the stored events of a class; None if no struct can hold them."""
    own = {name: field for name, field in event_class.model_fields.items() if name != "envelope"}
    sealed = {name: own.pop(name) for name in personal_fields(event_class)}
    documents = tuple(name for name, field in sealed.items() if _is_document(field.annotation))
    if any(field.is_required() for field in sealed.values()):
        return None  # without its seal the event is none
    try:
        clear = _entry(event_class.__name__, _fields(own))
        plain = {name: field for name, field in sealed.items() if name not in documents}
        personal = msgspec.defstruct(
            f"{event_class.__name__}Personal",
            [
                *_fields(plain),
                *((name, msgspec.Raw, None) for name in documents),
                ("reason", str | None, None),
            ],
            **_STRICT,
        )
    except _NoStructError:
        return None
    return EventReader(
        event_class=event_class,
        versions=_same_versions(event_class),
        clear=msgspec.json.Decoder(clear, dec_hook=_validated).decode,
        personal=msgspec.json.Decoder(personal, dec_hook=_validated).decode,
        documents=documents,
        defaults={name: field.default for name, field in sealed.items()},
    )


def _same_versions(event_class: type[Event]) -> range:
    """The versions from which an upcast to the current one changes no member."""
    first = event_class.class_version
    while first > 1 and getattr(event_class, f"upcast_v{first - 1}_v{first}") is getattr(
        Event, f"upcast_v{first - 1}_v{first}", None
    ):
        first -= 1
    return range(first, event_class.class_version + 1)


def _entry(name: str, own: list[tuple[Any, ...]]) -> type[msgspec.Struct]:
    """The struct of a whole document in the clear: the envelope, the event's name and version, and its own members."""
    data = msgspec.defstruct(f"{name}Data", own, **_STRICT)
    envelope: list[tuple[Any, ...]] = [
        (field, str) if field in _IDS else (field, kind, *default)
        for field, kind, *default in _fields(Envelope.model_fields)
    ]
    beside: list[tuple[Any, ...]] = [
        ("topic", str),
        ("schema_version", int),
        ("data", data),
        ("sealed_fields", SEALED_FIELDS, msgspec.UNSET),
    ]
    return msgspec.defstruct(name, [*envelope, *beside], **_STRICT)


def _fields(fields: dict[str, FieldInfo]) -> list[tuple[Any, ...]]:
    """What a struct has in the place of a model's fields: names, types, and defaults."""
    return [
        (name, _type(field.annotation), *(() if field.is_required() else (field.default,)))
        for name, field in fields.items()
    ]


def _type(annotation: Any) -> Any:  # noqa: ANN401 - whatever stands in an annotation
    """The type of a member in a struct. Rules are left out, as `lenient_reading` does."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation in _PLAIN or origin is Literal:
        return annotation
    if annotation is AwareDatetime:
        return _TIME
    if origin is Annotated:
        return _type(arguments[0])
    if origin is tuple and arguments[1:] == (Ellipsis,):
        return GenericAlias(tuple, (_type(arguments[0]), ...))
    if origin in {Union, UnionType}:
        return reduce(or_, map(_type, arguments))
    if isinstance(annotation, type) and issubclass(annotation, Frozen):
        return _struct(annotation)
    raise _NoStructError(f"no struct holds {annotation}")


@cache
def _struct(model: type[Frozen]) -> type[Any]:
    """The struct with the members of a model; the model itself, which its validator makes, if no struct can be it."""
    own = dict(model.model_fields)
    tag = next((name for name, field in own.items() if _only_value(field.annotation) is not None), None)
    options: dict[str, Any] = {}
    shared: dict[str, Any] = {name: vars(model)[name] for name in ("__str__",) if name in vars(model)}
    if tag is not None:
        value = _only_value(own.pop(tag).annotation)
        options = {"tag_field": tag, "tag": value}
        shared[tag] = value
    try:
        fields = _fields(own)
    except _NoStructError:
        return model
    if any(_TIME in get_args(kind) for _, kind, *_ in fields):
        return model
    shared["members"] = lambda self: ({} if tag is None else {tag: value}) | asdict(self)
    return msgspec.defstruct(model.__name__, fields, namespace=shared, frozen=True, **_STRICT, **options)


def _only_value(annotation: Any) -> Any:  # noqa: ANN401 - whatever stands in an annotation
    """The value of a literal that has one: what tells the members of a union apart."""
    values = get_args(annotation) if get_origin(annotation) is Literal else ()
    return values[0] if len(values) == 1 else None


def _is_document(annotation: Any) -> bool:  # noqa: ANN401 - whatever stands in an annotation
    return annotation == JsonObject or set(get_args(annotation)) == {JsonObject, NoneType}


def _validated(model: type[Frozen], value: object) -> Frozen:
    """A value that no struct holds, read as its definition says. Raises pydantic's ValidationError, a ValueError."""
    validated: Frozen = _reader(model).validate_python(value)
    return validated
