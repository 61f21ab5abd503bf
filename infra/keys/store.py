"""The key store: one AES-256 key per tenant and subject, wrapped by the key-encryption key."""

import os
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import KeyUnavailableError
from infra.database import Connection, Database
from infra.sql import beside

_SQL = beside(__file__, "keys.sql")
_NONCE_BYTES = 12


class Keys(Protocol):
    """Where sealing gets its keys from."""

    def sealing(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that seals for the subject, made on first use."""
        ...

    def opening(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that opens what was sealed for the subject. KeyUnavailableError if it cannot be had."""
        ...


class KeyStore:
    """Keys in a database of their own, so that a backup of the log carries none of them."""

    def __init__(self, database: Database, key_encryption_key: bytes, cached: int = 65_536) -> None:
        self._database = database
        self._wrapping = AESGCM(key_encryption_key)
        self._cached = lru_cache(cached)(self._find)

    def sealing(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that seals for the subject, made on first use."""
        try:
            return self._cached(tenant_id, subject or "")
        except KeyUnavailableError:
            self._add(tenant_id, subject or "")
            return self._cached(tenant_id, subject or "")

    def opening(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that opens what was sealed for the subject. KeyUnavailableError if it cannot be had."""
        return self._cached(tenant_id, subject or "")

    def _find(self, tenant_id: UUID, subject: str) -> AESGCM:
        with self._database.transaction(tenant_id) as connection:
            wrapped = self._wrapped(connection, tenant_id, subject)
        if wrapped is None:
            raise KeyUnavailableError
        try:
            key = self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], _binding(tenant_id, subject))
        except InvalidTag:
            raise KeyUnavailableError(
                "The key-encryption key does not open the key store: it is not the one that sealed it."
            ) from None
        return AESGCM(key)

    def _wrapped(self, connection: Connection, tenant_id: UUID, subject: str) -> bytes | None:
        row = connection.execute(_SQL["find"], {"tenant_id": tenant_id, "subject": subject}).fetchone()
        return bytes(row[0]) if row and isinstance(row[0], bytes) else None

    def _add(self, tenant_id: UUID, subject: str) -> None:
        nonce = os.urandom(_NONCE_BYTES)
        wrapped = nonce + self._wrapping.encrypt(
            nonce, AESGCM.generate_key(bit_length=256), _binding(tenant_id, subject)
        )
        with self._database.transaction(tenant_id) as connection:
            connection.execute(_SQL["add"], {"tenant_id": tenant_id, "subject": subject, "wrapped_key": wrapped})


def _binding(tenant_id: UUID, subject: str) -> bytes:
    """What a wrapped key is bound to: it opens nothing in another row."""
    return tenant_id.bytes + subject.encode()
