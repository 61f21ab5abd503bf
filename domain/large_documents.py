"""Free documents that do not fit into an event: they are in the store, and the event refers to them."""

import hashlib
from collections.abc import Mapping
from functools import cache
from typing import Final, Self, TypeVar
from uuid import UUID

import orjson

from domain.errors import DocumentTooLargeError
from domain.event import Event
from domain.json_documents import REFERENCE, JsonObject, same_json
from domain.model import Frozen

DOCUMENTS: Final = ("metadata", "prompt_spec", "snapshot")
"""The members that are free documents, wherever something has them."""
MOST_IN_EVENT: Final = 40 * 1024
"""Bytes of JSON that the documents in one event have at the most, together."""
MOST: Final = 1024 * 1024
"""Bytes of JSON that one document has at the most."""

E = TypeVar("E", bound=Event)


class StoredDocument(Frozen):
    """A document that is in the store: its id there, and the SHA-256 (in hex) and the size in bytes of its JSON."""

    id: UUID
    sha256: str
    size: int

    @classmethod
    def of(cls, id_: UUID, json: bytes) -> Self:
        """The document with this JSON, under this id."""
        return cls(id=id_, sha256=hashlib.sha256(json).hexdigest(), size=len(json))

    def is_of(self, json: bytes) -> bool:
        """Whether this is its JSON."""
        return self.size == len(json) and self.sha256 == hashlib.sha256(json).hexdigest()

    def reference(self) -> JsonObject:
        """The reference in its place. No recorded document can look like this."""
        return {REFERENCE: self.model_dump(mode="json")}


def referred(value: object) -> StoredDocument | None:
    """The stored document in whose place a recorded value stands; None if it stands for itself."""
    return StoredDocument.model_validate(value[REFERENCE]) if isinstance(value, dict) and REFERENCE in value else None


def same_document(document: object, recorded: object) -> bool:
    """Whether a value that is given is the recorded one, or the document that this refers to."""
    stored = referred(recorded)
    return same_json(document, recorded) if stored is None else stored.is_of(orjson.dumps(document))


def check_sizes(*documents: JsonObject | None) -> None:
    """Raise DocumentTooLargeError if one of the documents has more than 1 MiB of JSON."""
    size = max((len(orjson.dumps(document)) for document in documents if document), default=0)
    if size > MOST:
        raise DocumentTooLargeError(
            f"A free document (metadata, prompt_spec, snapshot) has {size:,} bytes of JSON; at most {MOST:,} are taken."
        )


def too_large(event: Event) -> dict[str, bytes]:
    """The JSON of the documents that do not fit into the event: the largest ones, until the others have 40 KiB."""
    values = {name: getattr(event, name) for name in _document_fields(type(event))}
    documents = {name: orjson.dumps(document) for name, document in values.items() if document is not None}
    size = sum(map(len, documents.values()))
    leaving = {}
    for name, json in sorted(documents.items(), key=lambda item: len(item[1]), reverse=True):
        if size <= MOST_IN_EVENT:
            break
        leaving[name] = json
        size -= len(json)
    return leaving


def referring(event: E, stored: Mapping[str, StoredDocument]) -> E:
    """The event with references in the place of these documents."""
    references = {name: document.reference() for name, document in stored.items()}
    return event.model_copy(update={"documents": tuple(document.id for document in stored.values()), **references})


def kept_for(event: Event) -> tuple[UUID, ...]:
    """The ids of the documents that the event refers to."""
    ids: tuple[UUID, ...] | None = getattr(event, "documents", None)
    return ids or ()


@cache
def _document_fields(event_class: type[Event]) -> tuple[str, ...]:
    return tuple(name for name in DOCUMENTS if name in event_class.model_fields)
