"""The envelope every event carries, the base of all events, and their parts as JSON."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache, lru_cache
from typing import Any, ClassVar, Literal, NamedTuple, Self, cast
from uuid import UUID

from pydantic import Field

from domain.errors import ReservedActorError, UnknownTopicError
from domain.lenient_reading import reader
from domain.model import PERSONAL, Frozen, Personal, of_valid
from domain.text import MOST_ID_CHARACTERS, OutsideId, Text, searchable
from domain.utc_time import UtcTime

ACTOR_TYPES = "user|worker|system"
"""The types of actors as a part of a regular expression."""
ACTOR_PATTERN = rf"^({ACTOR_TYPES}):[^\u0000]{{1,{MOST_ID_CHARACTERS}}}$"
"""What `Actor.parse` accepts, as a JSON Schema writes it."""


class Actor(Frozen):
    """Who acted: a pseudonymous id, never an e-mail address."""

    id: OutsideId
    type: Literal["user", "worker", "system"]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The actor written `type:id`. Raises pydantic's ValidationError, a ValueError, for any other text."""
        type_, _, id_ = text.partition(":")
        return cls.model_validate({"type": type_, "id": id_})

    def __str__(self) -> str:
        return f"{self.type}:{self.id}"


LEDGER = Actor(id="ledger", type="system")
"""Who acts where nobody asked: the ledger itself, and nobody else."""


def check_unreserved(actor: Actor) -> Actor:
    """The actor itself. ReservedActorError if it is the ledger's own, or looks the same."""
    if actor.type == LEDGER.type and searchable(actor.id).strip() == LEDGER.id:
        raise ReservedActorError
    return actor


class Authenticated(Frozen):
    """What the ledger has checked of who acted: the key's id, and to whom the key was issued."""

    key: UUID
    holder: Actor


class Context(Frozen):
    """The circumstances of one command: passed in, so that the domain reads no clock and no environment."""

    actor: Actor
    authenticated: Authenticated | None = None
    recorded_at: UtcTime
    correlation_id: str
    causation_id: str | None = None
    reason: Text | None = None


class Envelope(Frozen):
    """The circumstances of an event: its tenant, stream and revision, when, by whom, and in which request."""

    tenant_id: UUID
    originator_id: UUID
    originator_version: int
    recorded_at: UtcTime
    actor: Actor
    authenticated: Authenticated | None = None
    subject: str | None = None
    correlation_id: str
    causation_id: str | None = None
    reason: Personal[str | None] = None

    @classmethod
    def of(cls, context: Context, tenant_id: UUID, originator_id: UUID, version: int, subject: str | None) -> Self:
        """The envelope of the event that is `version` in its stream, from the command's circumstances."""
        return of_valid(
            cls,
            {
                "tenant_id": tenant_id,
                "originator_id": originator_id,
                "originator_version": version,
                "recorded_at": context.recorded_at,
                "actor": context.actor,
                "authenticated": context.authenticated,
                "subject": subject,
                "correlation_id": context.correlation_id,
                "causation_id": context.causation_id,
                "reason": context.reason,
            },
        )


class Event(Frozen):
    """An immutable fact. Subclasses state the fact in their docstring and name it by a stable topic.

    Version 2, with which new events begin, says in the envelope which key acted, and names the fields that are sealed.
    """

    TOPIC: ClassVar[str]
    class_version: ClassVar[int] = 2
    envelope: Envelope = Field(repr=False)

    def __init_subclass__(cls, topic: str = "") -> None:
        if not topic:
            raise TypeError(f"{cls.__name__} needs a topic of its own: a stored name must not follow the code")
        if topic in _TYPES:
            raise TypeError(f"topic {topic} belongs to {_TYPES[topic].__name__} already")
        cls.TOPIC = topic
        _TYPES[topic] = cls

    @staticmethod
    def upcast_v1_v2(fields: dict[str, Any]) -> None:
        """Nothing: which key acted in version 1 is not known."""

    @property
    def originator_id(self) -> UUID:
        return self.envelope.originator_id

    @property
    def originator_version(self) -> int:
        return self.envelope.originator_version


StoredDocuments = tuple[UUID, ...] | None
"""The ids of the documents of an event that are in the store; references stand in their places."""
SourceIds = tuple[UUID, ...] | None
"""The ids of the assets that something was made from; None in events of before there were any."""

_TYPES: dict[str, type[Event]] = {}
_CIRCUMSTANCES = ("recorded_at", "actor", "authenticated", "subject", "correlation_id", "causation_id")
_NAMES_SEALED = 2
"""The version from which on an event names its sealed fields in the clear."""
TRIAL = "test."
"""What the topics of tests and benchmarks begin with."""


class Recorded(NamedTuple):
    """An event with its place in the log: position (dense, from 1) and the time that `as_of` goes by."""

    event: Event
    position: int
    effective_at: datetime


def event_types() -> Mapping[str, type[Event]]:
    """Every event class of the ledger by topic."""
    return {topic: kind for topic, kind in _TYPES.items() if not topic.startswith(TRIAL)}


class Parts(NamedTuple):
    """An event as JSON values: those stored in the clear, and those sealed first."""

    clear: dict[str, Any]
    personal: dict[str, Any]


@cache
def personal_fields(event_class: type[Event]) -> frozenset[str]:
    """The names of the event's own fields that hold personal data."""
    return frozenset(name for name, field in event_class.model_fields.items() if PERSONAL in field.metadata)


@cache
def _sealed_names(event_class: type[Event]) -> tuple[str, ...]:
    """What is sealed of the event if it has a value, in the order it is written."""
    return tuple(sorted(personal_fields(event_class) | {"reason"}))


def to_parts(event: Event) -> Parts:
    """The event's JSON document, split. Null values are left out, and so are empty personal ones."""
    own = type(event).__pydantic_serializer__.to_python(event, mode="json")  # as model_dump, without its options
    envelope = own.pop("envelope")
    own["reason"] = envelope["reason"]
    clear = {
        "tenant_id": envelope["tenant_id"],
        "originator_id": envelope["originator_id"],
        "originator_version": envelope["originator_version"],
        "topic": event.TOPIC,
        "schema_version": event.class_version,
    }
    for name in _CIRCUMSTANCES:
        if (value := envelope[name]) is not None:
            clear[name] = value
    personal = {}
    for name in _sealed_names(type(event)):
        if (value := own.pop(name)) is not None and value != []:
            personal[name] = value
    if personal:
        clear["sealed_fields"] = list(personal)
    clear["data"] = {name: value for name, value in own.items() if value is not None}
    return Parts(clear, personal)


def from_parts(clear: dict[str, Any], personal: dict[str, Any]) -> Event:
    """The event of a stored document, upcast to the current version of its class. The parts are used up.

    Raises UnknownTopicError for an event of a newer version of the software, or pydantic's ValidationError for a
    document no version ever wrote.
    """
    version: int = clear.pop("schema_version")
    upcasts, validate = _reading(clear.pop("topic"), version)
    if version >= _NAMES_SEALED:
        clear.pop("sealed_fields", None)
    own: dict[str, Any] = clear.pop("data")
    own |= personal
    if "reason" in own:
        clear["reason"] = own.pop("reason")
    for upcast in upcasts:
        upcast(own)
    clear["actor"] = _actor(tuple(clear["actor"].items()))
    if (authenticated := clear.get("authenticated")) is not None:
        holder = tuple(authenticated.pop("holder").items())
        clear["authenticated"] = _authenticated(tuple(authenticated.items()), holder)
    own["envelope"] = clear
    event: Event = validate(own)
    return event


_reader = cache(reader)
_Fields = dict[str, Any]


@cache
def _reading(topic: str, version: int) -> tuple[list[Callable[[_Fields], None]], Callable[[_Fields], Event]]:
    """The upcasts from this version of the topic to the current one, and the validator. UnknownTopicError."""
    event_class = _TYPES.get(topic)
    if event_class is None:
        raise UnknownTopicError(f"No event has the topic {topic!r} in this version of the software.")
    if not 1 <= version <= event_class.class_version:
        raise UnknownTopicError(f"This version of the software knows no version {version} of {topic}.")
    steps = range(version, event_class.class_version)
    upcasts = [getattr(event_class, f"upcast_v{step}_v{step + 1}") for step in steps]
    return upcasts, _reader(event_class).validate_python


@lru_cache(4_096)
def _actor(members: tuple[tuple[str, Any], ...]) -> Actor:
    """The actor of these members. Few actors do much, so that each is read once for many events."""
    return cast("Actor", _reader(Actor).validate_python(dict(members)))


@lru_cache(4_096)
def _authenticated(members: tuple[tuple[str, Any], ...], holder: tuple[tuple[str, Any], ...]) -> Authenticated:
    parts = {**dict(members), "holder": dict(holder)}
    return cast("Authenticated", _reader(Authenticated).validate_python(parts))
