"""Folds the log into `audit_trail`: one row per event, never changed again."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple, get_args
from uuid import UUID

from domain.event import Event, Recorded
from domain.reference import Reference
from domain.tenant.events import ReferenceDeclared
from domain.text import searchable
from projections.projection import OF_ASSETS, OF_JOBS, OF_TENANTS, Changes, Key, Projection

_TEXT_FIELDS = ("name", "file_name", "description", "tags", "hold", "message")


class AuditRow(NamedTuple):
    """That an actor did something to an asset or to the tenant."""

    tenant_id: UUID
    position: int
    originator_id: UUID
    revision: int
    topic: str
    actor: str
    key_id: UUID | None
    effective_at: datetime
    correlation_id: str
    refs: list[str]
    text_search: str


def fold(_rows: Mapping[Key, AuditRow], recorded: Recorded) -> Changes[AuditRow]:
    """The event's own row."""
    event, envelope = recorded.event, recorded.event.envelope
    return {
        (envelope.tenant_id, recorded.position): AuditRow(
            tenant_id=envelope.tenant_id,
            position=recorded.position,
            originator_id=envelope.originator_id,
            revision=envelope.originator_version,
            topic=event.TOPIC,
            actor=str(envelope.actor),
            key_id=envelope.authenticated.key if envelope.authenticated else None,
            effective_at=recorded.effective_at,
            correlation_id=envelope.correlation_id,
            refs=_references_of(event),
            text_search=_searchable_text(event),
        )
    }


def _references_of(event: Event) -> list[str]:
    """Every reference that the event names, once."""
    own = [str(reference) for reference in _members(event, _reference_fields(type(event)))]
    if isinstance(event, ReferenceDeclared):
        own.append(f"{event.kind}:{event.id}")
    return list(dict.fromkeys(own))


def _searchable_text(event: Event) -> str:
    """What people wrote, case-folded, one piece apart from the next."""
    own = _members(event, _text_fields(type(event)))
    return searchable("\n".join(word for word in (event.envelope.reason, *own) if isinstance(word, str)))


def _members(event: Event, names: Iterable[str]) -> Iterator[object]:
    for name in names:
        value = getattr(event, name)
        if isinstance(value, tuple):
            yield from value
        elif value is not None:
            yield value


@cache
def _reference_fields(event_class: type[Event]) -> tuple[str, ...]:
    fields = event_class.model_fields
    return tuple(name for name, field in fields.items() if Reference in _inside(field.annotation))


@cache
def _text_fields(event_class: type[Event]) -> tuple[str, ...]:
    return tuple(name for name in _TEXT_FIELDS if name in event_class.model_fields)


def _inside(annotation: object) -> set[object]:
    """The types that an annotation is made of."""
    return {annotation}.union(*map(_inside, get_args(annotation)))


AUDIT_TRAIL = Projection(
    name="audit_trail",
    version=3,
    row=AuditRow,
    key={"tenant_id": "uuid", "position": "bigint"},
    fold=fold,
    folder=Path(__file__).parent,
    folds=OF_ASSETS | OF_JOBS | OF_TENANTS,
    sliced_by="position",
)
