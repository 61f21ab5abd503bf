"""Between events and the bytes that are stored: one JSON document each, its personal part sealed.

The document's last member is `"sealed":"A256GCM.<nonce and ciphertext in base64url>"`. What is sealed is the
JSON object of the personal fields, under AES-256-GCM (NIST SP 800-38D); the document without that member is the
additional data, so that nothing in the clear can be changed without the seal failing to open.
"""

import base64
import binascii
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.errors import CorruptEntryError, EntryTooLargeError
from domain.event import Event, from_parts, to_parts
from infra.keys.store import Keys

MAX_ENTRY = 65_535
NONCE_BYTES = 12
_SEALED = b',"sealed":"A256GCM.'
_END = b'"}'
_STANDARD = bytes.maketrans(b"-_", b"+/")


class Stored(Protocol):
    """An entry as it was stored: the library's StoredEvent, or anything with its members."""

    @property
    def originator_id(self) -> UUID | str: ...
    @property
    def originator_version(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def state(self) -> bytes: ...


@dataclass(frozen=True)
class EntryToAppend(StoredEvent):
    """An event ready to be appended: the exact bytes, and the time it was decided."""

    recorded_at: datetime


def nonce() -> bytes:
    """96 random bits: safe for 2^32 seals under one key (NIST SP 800-38D, 8.3)."""
    return os.urandom(NONCE_BYTES)


class SealingMapper(Mapper[UUID]):
    """Maps events to stored entries and back."""

    def __init__(self, keys: Keys, nonce: Callable[[], bytes] = nonce) -> None:
        super().__init__(JSONTranscoder())
        self._keys = keys
        self._nonce = nonce

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> EntryToAppend:
        """The event as it is stored. EntryTooLargeError beyond 65,535 bytes."""
        event = cast("Event", domain_event)
        clear, personal = to_parts(event)
        entry = orjson.dumps(clear)
        if personal:
            entry = self._seal(event, entry, orjson.dumps(personal))
        if len(entry) > MAX_ENTRY:
            raise EntryTooLargeError(
                f"The event would have {len(entry):,} bytes; at most {MAX_ENTRY:,} fit in an entry."
            )
        return EntryToAppend(
            event.originator_id, event.originator_version, event.TOPIC, entry, event.envelope.recorded_at
        )

    def to_domain_event(self, stored_event: Stored) -> Event:
        """The event of a stored entry. CorruptEntryError if its bytes disagree with its columns or its seal."""
        entry = stored_event.state
        start = entry.rfind(_SEALED)
        clear_bytes = entry if start < 0 else entry[:start] + b"}"
        clear = orjson.loads(clear_bytes)
        _compare(stored_event, clear)
        # Made already, or once for many events: the most costly values to make from text.
        clear["tenant_id"], clear["originator_id"] = _uuid(clear["tenant_id"]), stored_event.originator_id
        personal = {} if start < 0 else self._open(clear, clear_bytes, entry[start:])
        return from_parts(clear, personal)

    def _seal(self, event: Event, clear: bytes, personal: bytes) -> bytes:
        key = self._keys.sealing(event.envelope.tenant_id, event.envelope.subject)
        nonce = self._nonce()
        box = base64.urlsafe_b64encode(nonce + key.encrypt(nonce, personal, clear))
        return clear[:-1] + _SEALED + box + _END

    def _open(self, clear: dict[str, Any], clear_bytes: bytes, sealed: bytes) -> dict[str, Any]:
        key = self._keys.opening(clear["tenant_id"], clear.get("subject"))
        box = binascii.a2b_base64(sealed[len(_SEALED) : -len(_END)].translate(_STANDARD))
        try:
            personal = key.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], clear_bytes)
        except InvalidTag:
            raise CorruptEntryError(f"the seal of {clear['topic']} of {clear['originator_id']} does not open") from None
        return cast("dict[str, Any]", orjson.loads(personal))


_uuid = lru_cache(1_024)(UUID)


def _compare(stored: Stored, clear: dict[str, Any]) -> None:
    if (
        clear["topic"] != stored.topic
        or clear["originator_version"] != stored.originator_version
        or clear["originator_id"] != str(stored.originator_id)
    ):
        columns = (str(stored.originator_id), stored.originator_version, stored.topic)
        raise CorruptEntryError(f"the bytes of entry {columns} belong to another event")
