"""Objects that hold personal data: sealed like the personal part of an event, so that they are lost with its key.

An object is a nonce and then what AES-256-GCM (NIST SP 800-38D) makes of the bytes; its key in the store is the
additional data, so that it opens nowhere else.
"""

from uuid import UUID

from cryptography.exceptions import InvalidTag

from domain.errors import CorruptEntryError
from infra.content.store import ContentStore
from infra.event_log.mapper import NONCE_BYTES, nonce
from infra.keys.store import Keys


class SealedObjects:
    """One tenant's sealed objects. Raises StoreUnavailableError, and KeyUnavailableError."""

    def __init__(self, store: ContentStore, keys: Keys, tenant_id: UUID) -> None:
        self._store = store
        self._keys = keys
        self._tenant_id = tenant_id

    def write(self, key: str, subject: str | None, content: bytes) -> None:
        """Store an object under the subject's key."""
        once = nonce()
        sealed = self._keys.sealing(self._tenant_id, subject).encrypt(once, content, key.encode())
        self._store.write(key, [once, sealed])

    def read(self, key: str, subject: str | None) -> bytes:
        """What is in an object. ObjectNotFoundError if it is gone, CorruptEntryError if its seal does not open."""
        with self._store.open(key) as chunks:
            box = b"".join(chunks)
        try:
            return self._keys.opening(self._tenant_id, subject).decrypt(
                box[:NONCE_BYTES], box[NONCE_BYTES:], key.encode()
            )
        except (InvalidTag, ValueError):  # a nonce that is cut short is a ValueError
            raise CorruptEntryError(f"the seal of object {key} does not open") from None
