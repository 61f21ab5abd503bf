"""The key store: one AES-256 key per tenant and subject, wrapped by the key-encryption key."""

import os
from functools import lru_cache
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import KeyUnavailableError, OutcomeUnknownError
from domain.identity import Identity
from infra.database import Database
from infra.keys.key_file import KeyFileError
from infra.sql import beside

_SQL = beside(__file__, "keys.sql")
_NONCE_BYTES = 12
_KNOWN = b"asset-ledger key check"
_SECRET_BYTES = 32


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
        self._identities = lru_cache(cached)(self._identity)

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

    def check(self) -> None:
        """Refuse a key-encryption key that is not the one in use here: KeyFileError."""
        with self._database.connection() as connection:
            connection.execute(_SQL["add_check"], {"wrapped": self._wrap(_KNOWN, _KNOWN)})
            row = connection.execute(_SQL["find_check"]).fetchone()
        try:
            self._unwrap(row[0] if row else bytes(_NONCE_BYTES), _KNOWN)
        except KeyUnavailableError:
            raise KeyFileError(
                "the key-encryption key is not the one that this key database was begun with: give that one"
            ) from None

    def identity(self, tenant_id: UUID) -> Identity:
        """The tenant's digests. KeyUnavailableError if its secret is gone: a new one would forget every request."""
        return self._identities(tenant_id)

    def _find(self, tenant_id: UUID, subject: str) -> AESGCM:
        wrapped = self._one("find", tenant_id, subject=subject)
        if wrapped is None:
            raise KeyUnavailableError
        return AESGCM(self._unwrap(wrapped, _binding(tenant_id, subject)))

    def _add(self, tenant_id: UUID, subject: str) -> None:
        wrapped = self._wrap(AESGCM.generate_key(bit_length=256), _binding(tenant_id, subject))
        self._store("add", tenant_id, subject=subject, wrapped_key=wrapped)

    def make_secret(self, tenant_id: UUID) -> None:
        """Make the secret of a new tenant."""
        made = self._wrap(os.urandom(_SECRET_BYTES), _secret_binding(tenant_id))
        self._store("add_secret", tenant_id, wrapped_secret=made)

    def _identity(self, tenant_id: UUID) -> Identity:
        wrapped = self._one("find_secret", tenant_id)
        if wrapped is None:
            raise KeyUnavailableError("The secret that tells requests apart cannot be had right now.")
        return Identity(self._unwrap(wrapped, _secret_binding(tenant_id)))

    def _store(self, statement: str, tenant_id: UUID, **parameters: object) -> None:
        """Add a row, unless there is one. KeyUnavailableError if nobody knows: nothing was sealed with it yet."""

        def work() -> None:
            with self._database.connection() as connection:
                connection.execute(_SQL[statement], {"tenant_id": tenant_id, **parameters})

        try:
            self._database.atomically(tenant_id, work, repeatable=True)
        except OutcomeUnknownError as error:
            raise KeyUnavailableError from error

    def _one(self, statement: str, tenant_id: UUID, **parameters: object) -> bytes | None:
        with self._database.reading(tenant_id) as connection:
            row = connection.execute(_SQL[statement], {"tenant_id": tenant_id, **parameters}).fetchone()
        return bytes(row[0]) if row else None

    def _wrap(self, key: bytes, binding: bytes) -> bytes:
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._wrapping.encrypt(nonce, key, binding)

    def _unwrap(self, wrapped: bytes, binding: bytes) -> bytes:
        try:
            return self._wrapping.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], binding)
        except InvalidTag:
            raise KeyUnavailableError(
                "The key-encryption key does not open the key store: it is not the one that sealed it."
            ) from None


def _secret_binding(tenant_id: UUID) -> bytes:
    return b"secret" + tenant_id.bytes


def _binding(tenant_id: UUID, subject: str) -> bytes:
    """What a wrapped key is bound to: it opens nothing in another row."""
    return tenant_id.bytes + subject.encode()
