"""Between events and the bytes that are stored: one JSON document each, its personal part sealed.

The document's last member is `"sealed":"A256GCM.<nonce and ciphertext in base64url>"`. What is sealed is the
JSON object of the personal fields, under AES-256-GCM (NIST SP 800-38D); the document without that member is the
additional data, so that nothing in the clear can be changed without the seal failing to open. From version 2 on the
additional data name the sealed fields, so that the seal cannot be taken away either.

Whatever reads a log reads it by `SealingMapper.read`, which compares the bytes with the place they were found in.
"""

import base64
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Protocol, cast
from uuid import UUID

import msgspec
import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import JSONTranscoder, Mapper, StoredEvent

from domain.errors import CorruptEntryError, EntryTooLargeError, UnknownTopicError
from domain.event import Event, from_parts, to_parts
from domain.text import storable
from infra.encryption_keys.store import Keys

MAX_ENTRY = 65_535
NONCE_BYTES = 12
_SEALED = b',"sealed":"A256GCM.'
_END = b'"}'
_STANDARD = bytes.maketrans(b"-_+/\\", b"+/!!!")
"""From base64url to base64; what is not base64url, as a JSON string has it, is neither."""
_base64 = msgspec.json.Decoder(bytes).decode
"""The bytes of a JSON string in base64: in less than half the time that the standard library takes."""


class Stored(Protocol):
    """An entry as it was stored, with the columns beside its bytes; `id` is its position."""

    @property
    def id(self) -> int: ...
    @property
    def originator_id(self) -> UUID: ...
    @property
    def originator_version(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def state(self) -> bytes: ...
    @property
    def effective_at(self) -> datetime: ...


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
        self.keys = keys
        self._nonce = nonce

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> EntryToAppend:
        """The event as it is stored. EntryTooLargeError beyond 65,535 bytes."""
        event = cast("Event", domain_event)
        clear, personal = to_parts(event)
        entry = orjson.dumps(clear)
        if personal:
            key, nonce = self.keys.sealing(event.envelope.tenant_id, event.envelope.subject), self._nonce()
            box = base64.urlsafe_b64encode(nonce + key.encrypt(nonce, orjson.dumps(personal), entry))
            entry = entry[:-1] + _SEALED + box + _END
        if len(entry) > MAX_ENTRY:
            raise EntryTooLargeError(
                f"The event would have {len(entry):,} bytes; at most {MAX_ENTRY:,} fit in an entry."
            )
        return EntryToAppend(
            event.originator_id, event.originator_version, event.TOPIC, entry, event.envelope.recorded_at
        )

    def to_domain_event(self, stored_event: StoredEvent) -> Event:
        """The event of an entry that the recorder gave to the library: see `read`."""
        entry: Any = stored_event
        return self.read(entry.tenant_id, entry)

    def read(self, tenant_id: UUID, stored: Stored) -> Event:
        """The event of an entry that was found in a tenant's log.

        Raises CorruptEntryError if it is not what was appended there: it belongs to another log or place, its seal is
        missing or does not open, or no version of the software ever wrote it. UnknownTopicError if a newer version
        did, KeyUnavailableError if it cannot be opened now.
        """
        clear, clear_bytes, box = compared(tenant_id, stored)
        key = None if box is None else self.keys.opening(tenant_id, clear.get("subject"))
        try:
            event = from_parts(clear, {} if box is None or key is None else orjson.loads(opened(key, box, clear_bytes)))
        except UnknownTopicError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            raise _corrupt(tenant_id, stored, error) from None
        if event.envelope.recorded_at > stored.effective_at:
            raise _corrupt(tenant_id, stored, CorruptEntryError("it took effect before it was recorded"))
        return event


def compared(tenant_id: UUID, stored: Stored) -> tuple[dict[str, Any], bytes, bytes | None]:
    """The part of an entry that is in the clear, as JSON and as bytes, and what is sealed.

    Raises CorruptEntryError if the entry belongs to another log or place, or its seal is missing.
    """
    try:
        clear_bytes, box = split(stored.state)
        clear: dict[str, Any] = orjson.loads(clear_bytes)
        _compare(tenant_id, stored, clear, box)
        subject: str | None = clear.get("subject")
        if subject is not None:
            storable(subject)
    except Exception as error:  # noqa: BLE001 - whatever the bytes do to us, they are what is wrong
        raise _corrupt(tenant_id, stored, error) from None
    return clear, clear_bytes, box


def split(entry: bytes) -> tuple[bytes, bytes | None]:
    """What the seal covers, and what is sealed with its nonce if something is."""
    start = entry.rfind(_SEALED)
    if start < 0:
        return entry, None
    if not entry.endswith(_END):
        raise CorruptEntryError("its seal has no end")
    text = b'"' + entry[start + len(_SEALED) : 1 - len(_END)].translate(_STANDARD)
    return entry[:start] + b"}", _base64(text)


def opened(key: AESGCM, box: bytes, clear_bytes: bytes) -> bytes:
    """The JSON of the personal fields. CorruptEntryError if the seal does not open."""
    try:
        return key.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], clear_bytes)
    except InvalidTag:
        raise CorruptEntryError("its seal does not open") from None


def _compare(tenant_id: UUID, stored: Stored, clear: dict[str, Any], box: bytes | None) -> None:
    """Refuse bytes of another log or place, or without their seal. The ids are made already, and need no parsing."""
    if parsed_id(clear["tenant_id"]).int != tenant_id.int:  # UUIDs themselves are compared, and written, in Python
        raise CorruptEntryError(f"it belongs to the log of tenant {clear['tenant_id']}")
    if (
        clear["topic"] != stored.topic
        or clear["originator_version"] != stored.originator_version
        or clear["originator_id"].replace("-", "") != f"{stored.originator_id.int:032x}"
    ):
        raise CorruptEntryError("its bytes belong to another event than its columns")
    if box is None and "sealed_fields" in clear:
        raise CorruptEntryError("its seal is missing")
    clear["tenant_id"], clear["originator_id"] = tenant_id, stored.originator_id


parsed_id = lru_cache(1_024)(UUID)
"""The id of a text; few tenants have many entries."""


def _corrupt(tenant_id: UUID, stored: Stored, error: Exception) -> CorruptEntryError:
    # What validation says of bad bytes repeats them, and they may be personal.
    why = str(error) if isinstance(error, CorruptEntryError) else f"it cannot be read ({type(error).__name__})"
    return CorruptEntryError(f"Position {stored.id} of the log of tenant {tenant_id} is damaged: {why}.")
