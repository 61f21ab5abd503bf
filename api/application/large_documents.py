"""Documents that do not fit into their events: in the store before the event is in the log, and fetched again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar
from uuid import UUID

import orjson
import structlog
from uuid_utils.compat import uuid7

from domain.asset.events import Content
from domain.errors import CorruptEntryError, LedgerError, ServiceUnavailableError
from domain.event import Event, Recorded
from domain.json_documents import JsonObject
from domain.large_documents import DOCUMENTS, StoredDocument, kept_for, referred, referring, too_large
from infra.content.encrypted_objects import SealedObjects
from infra.content.store import ContentStore, ObjectNotFoundError
from infra.content.upload_table import UploadTable, object_key, remove
from infra.database import Database
from infra.encryption_keys.store import KeyStore
from projections.assets.fold import AssetRow
from projections.jobs.fold import JobRow
from projections.projection import with_values

SECONDS_TO_RECORD = 3600.0
"""How long a document may be in the store before the event that refers to it is in the log."""

_LOG = structlog.get_logger()
E = TypeVar("E", bound=Event)
R = TypeVar("R", AssetRow, JobRow)


class DocumentToStore(NamedTuple):
    """A document that has to be kept: whose and which one it is, and its JSON."""

    originator_id: UUID
    name: str
    json: bytes


class NotKeptError(Exception):
    """Documents do not fit into their events and are not in the store yet: keep them, and decide again."""

    def __init__(self, missing: Mapping[DocumentToStore, str | None]) -> None:
        super().__init__()
        self.missing = missing
        """By document, the subject whose key seals it."""


@dataclass(frozen=True)
class Documents:
    """One tenant's documents that are in the store. Raises StoreUnavailableError."""

    database: Database
    keys: KeyStore
    store: ContentStore
    tenant_id: UUID
    _kept: dict[DocumentToStore, StoredDocument] = field(default_factory=dict)

    def referred_to(self, events: Sequence[E]) -> list[E]:
        """The events as they fit into entries: with references to what is kept.

        NotKeptError if something is not kept yet. What is recorded of them has to be told to `recorded`.
        """
        large = [(event, _pending(event)) for event in events]
        missing = {
            pending: event.envelope.subject
            for event, documents in large
            for pending in documents
            if pending not in self._kept
        }
        if missing:
            raise NotKeptError(missing)
        return [
            referring(event, {pending.name: self._kept[pending] for pending in documents}) if documents else event
            for event, documents in large
        ]

    def recorded(self, recorded: Sequence[Recorded]) -> None:
        """Note, as part of the transaction around, that events are in the log: their documents stay."""
        for event, *_ in recorded:
            for id_ in kept_for(event):
                if not self._uploads.end(id_):
                    raise ServiceUnavailableError("It took too long to record this. Nothing was recorded; try again.")

    @contextmanager
    def kept(self, missing: Mapping[DocumentToStore, str | None]) -> Iterator[None]:
        """Have the documents in the store while the block runs; what it does not record is removed again.

        Where it is not known whether it was recorded, it is left to the sweep to find out.
        """
        stored = {pending: StoredDocument.of(uuid7(), pending.json) for pending in missing}
        self._begin(stored)
        try:
            for pending, document in stored.items():
                key = object_key(self.tenant_id, pending.originator_id, document.id)
                self._objects.write(key, missing[pending], pending.json)
            self._kept.update(stored)
            yield
        except ServiceUnavailableError:
            raise
        except BaseException:
            self._release(stored)
            raise
        else:
            self._release(stored)
        finally:
            for pending in stored:
                self._kept.pop(pending, None)

    def whole(self, row: R) -> R:
        """The asset or job with its documents; what is gone from the store is shown by its reference."""
        references = ((name, referred(getattr(row, name, None))) for name in DOCUMENTS)
        documents = {name: self._fetched(row, document) for name, document in references if document is not None}
        return with_values(row, {name: document for name, document in documents.items() if document is not None})

    def shown(self, row: R) -> R:
        """The same as the answer to what is recorded already: what cannot be had now is shown by its reference."""
        with suppress(LedgerError):
            return self.whole(row)
        return row

    @property
    def _uploads(self) -> UploadTable:
        return UploadTable(self.database, self.tenant_id)

    @property
    def _objects(self) -> SealedObjects:
        return SealedObjects(self.store, self.keys, self.tenant_id)

    def _begin(self, stored: Mapping[DocumentToStore, StoredDocument]) -> None:
        def work() -> None:
            for pending, document in stored.items():
                self._uploads.begin(document.id, pending.originator_id, Content(), SECONDS_TO_RECORD)

        self.database.in_transaction(self.tenant_id, work, repeatable=True)

    def _release(self, stored: Mapping[DocumentToStore, StoredDocument]) -> None:
        """Remove those that the log does not know; what cannot be removed now is left to the sweep."""
        with suppress(LedgerError):
            with self.database.transaction(self.tenant_id):
                revoked = [pending for pending, document in stored.items() if self._uploads.revoke(document.id)]
            for pending in revoked:
                remove(self.store, object_key(self.tenant_id, pending.originator_id, stored[pending].id))
                self._uploads.forget(stored[pending].id)

    def _fetched(self, row: AssetRow | JobRow, document: StoredDocument) -> JsonObject | None:
        """The document; None if it is gone, or is not what was stored."""
        key = object_key(self.tenant_id, row.id, document.id)
        try:
            json = self._objects.read(key, row.subject)
        except ObjectNotFoundError:
            return None
        except CorruptEntryError:
            json = b""
        if not document.is_of(json):
            _LOG.warning("document damaged", key=key)
            return None
        read: JsonObject = orjson.loads(json)
        return read


def _pending(event: Event) -> list[DocumentToStore]:
    return [DocumentToStore(event.originator_id, name, json) for name, json in too_large(event).items()]
