"""What holds personal data beside the log: sealed like the personal part of an event, so that it is lost with its key.

It is a nonce and then what AES-256-GCM (NIST SP 800-38D) makes of the bytes; where it is kept, such as its key in the
store, is the additional data, so that it opens nowhere else.
"""

from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import CorruptEntryError
from infra.content.store import ContentStore
from infra.encryption_keys.store import Keys
from infra.event_log.mapper import NONCE_BYTES, nonce


@dataclass(frozen=True)
class SealedObjects:
    """One tenant's sealed objects. Raises StoreUnavailableError, and KeyUnavailableError."""

    store: ContentStore
    keys: Keys
    tenant_id: UUID

    def write(self, key: str, subject: str | None, content: bytes) -> None:
        """Store an object under the subject's key."""
        self.store.write(key, [seal(self.keys.sealing(self.tenant_id, subject), content, key)])

    def read(self, key: str, subject: str | None) -> bytes:
        """What is in an object. ObjectNotFoundError if it is gone, CorruptEntryError if its seal does not open."""
        with self.store.open(key) as chunks:
            box = b"".join(chunks)
        return unseal(self.keys.opening(self.tenant_id, subject), box, key)


def seal(key: AESGCM, content: bytes, place: str) -> bytes:
    """The content sealed for the place that it is kept in."""
    once = nonce()
    return once + key.encrypt(once, content, place.encode())


def unseal(key: AESGCM, box: bytes, place: str) -> bytes:
    """What is sealed in a place. CorruptEntryError if its seal does not open."""
    try:
        return key.decrypt(box[:NONCE_BYTES], box[NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):  # a nonce that is cut short is a ValueError
        raise CorruptEntryError(f"the seal of {place} does not open") from None
