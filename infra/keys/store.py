"""The key store: one AES-256 key per tenant and subject, wrapped by the key-encryption key.

A key that is known here is used only while it is known to be in the database, too: when the server that it was seen on
is out of sight, or another one has taken its place, it is looked up again, and written again where it is gone.
"""

import hashlib
import os
from collections import defaultdict
from contextlib import suppress
from typing import Protocol
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import KeyUnavailableError, OutcomeUnknownError
from domain.identity import Identity
from infra.database import Database
from infra.keys.key_file import KeyFileError
from infra.keys.known import NOWHERE, Known, KnownKeys
from infra.keys.sealed_subjects import SealedSubjects
from infra.server_identity import Lineage, ServerIdentity, unwatched
from infra.sql import beside

_SQL = beside(__file__, "keys.sql")
_NONCE_BYTES = 12
_KNOWN = b"asset-ledger key check"
_SECRET_BYTES = 32
MOST_AT_ONCE = 1_000
"""Keys that are written again by one statement."""


class Keys(Protocol):
    """Where sealing gets its keys from."""

    def sealing(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that seals for the subject, made on first use."""
        ...

    def opening(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that opens what was sealed for the subject. KeyUnavailableError if it cannot be had."""
        ...


class KeyLostError(KeyUnavailableError):
    """The key database has lost a key that entries are sealed with. Restore it; no other key is made in its place."""


class KeyStore:
    """Keys in a database of their own, so that a backup of the log carries none of them."""

    name = "keys"

    def __init__(
        self,
        database: Database,
        key_encryption_key: bytes,
        cached: int = 65_536,
        subjects: SealedSubjects | None = None,
        lineage: Lineage | None = None,
        log_lineage: Lineage | None = None,
    ) -> None:
        self._database = database
        self._wrapping = AESGCM(key_encryption_key)
        self._subjects = subjects
        self._lineage = lineage or unwatched()
        self._log_lineage = log_lineage or unwatched()
        self._keys: KnownKeys[tuple[UUID, str], AESGCM] = KnownKeys(cached)
        self._secrets: KnownKeys[UUID, Identity] = KnownKeys(cached)
        self._lost: set[tuple[UUID, str | None]] = set()
        """Whose keys were missed; None stands for a tenant's secret."""

    def sealing(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that seals for the subject, made on first use; it is in the database.

        Raises KeyLostError if entries are sealed with one that the database has not; ServiceUnavailableError.
        """
        known = self._keys.get((tenant_id, subject or ""))
        if known and known.seen_on is self._lineage.current and known.claimed_on is self._log_lineage.current:
            return known.value
        return self._vouched(tenant_id, subject or "")

    def opening(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that opens what was sealed for the subject. KeyUnavailableError if it cannot be had."""
        known = self._keys.get((tenant_id, subject or "")) or self._look_up(tenant_id, subject or "")
        if known is None:
            self._lost.add((tenant_id, subject or ""))
            raise KeyUnavailableError
        return known.value

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
        known = self._secrets.get(tenant_id)
        if known and known.seen_on is self._lineage.current:
            return known.value
        server = self._lineage.current or NOWHERE
        if known and self._one("find_secret", tenant_id) is None:
            self._write_secret(tenant_id, known.wrapped)
        wrapped = self._one("find_secret", tenant_id)
        if wrapped is None or (known and wrapped != known.wrapped):
            self._lost.add((tenant_id, None))
            raise KeyUnavailableError("The secret that tells requests apart cannot be had right now.")
        self._lost.discard((tenant_id, None))
        identity = known.value if known else Identity(self._unwrap(wrapped, _secret_binding(tenant_id)))
        self._secrets.put(tenant_id, Known(identity, wrapped, b"", server))
        return identity

    def make_secret(self, tenant_id: UUID) -> None:
        """Make the secret of a new tenant."""
        self._write_secret(tenant_id, self._wrap(os.urandom(_SECRET_BYTES), _secret_binding(tenant_id)))
        self.identity(tenant_id)

    def write_again(self) -> None:
        """Write every key and secret that is known here and not in the database, after another server took over."""
        server = self._lineage.current
        if server is None:
            return
        by_tenant: defaultdict[UUID, list[str]] = defaultdict(list)
        for tenant_id, subject in self._keys.not_seen_on(server):
            by_tenant[tenant_id].append(subject)
        for tenant_id, subjects in by_tenant.items():
            for start in range(0, len(subjects), MOST_AT_ONCE):
                self._write_keys_again(tenant_id, subjects[start : start + MOST_AT_ONCE], server)
        for tenant_id in self._secrets.not_seen_on(server):
            with suppress(KeyUnavailableError):
                self.identity(tenant_id)

    def problem(self) -> str | None:
        """That keys are lost, with the remedy; None if none was missed."""
        if not self._lost:
            return None
        return (
            f"the key database lacks {len(self._lost)} keys that entries are sealed with: restore it "
            "from a server or a backup that has them; until then nothing that needs them is recorded or shown"
        )

    def _vouched(self, tenant_id: UUID, subject: str) -> AESGCM:
        """The key, once the key database has it and the log's database says that it is the subject's."""
        log_server = self._log_lineage.current or NOWHERE
        known = self._look_up(tenant_id, subject) or self._made(tenant_id, subject)
        if self._subjects and not self._subjects.claim(tenant_id, subject, known.digest):
            self._keys.drop((tenant_id, subject))
            self._lost.add((tenant_id, subject))
            raise KeyLostError("The key database has another key for a subject than the one that sealed its entries.")
        known.claimed, known.claimed_on = True, log_server
        return known.value

    def _look_up(self, tenant_id: UUID, subject: str) -> Known[AESGCM] | None:
        """The key as it is in the database, where it is written again if it is known here alone."""
        server = self._lineage.current or NOWHERE
        known = self._keys.get((tenant_id, subject))
        wrapped = self._one("find", tenant_id, subject=subject)
        if wrapped is None and known is not None:
            self._write_key(tenant_id, subject, known.wrapped)
            wrapped = self._one("find", tenant_id, subject=subject)
        if wrapped is None:
            return None
        if known is None or known.wrapped != wrapped:
            stored = self._opened(tenant_id, subject, wrapped, server)
            if known and known.claimed and known.digest != stored.digest:
                self._lost.add((tenant_id, subject))
                raise KeyLostError
            known = stored
            self._keys.put((tenant_id, subject), known)
        known.seen_on = server
        self._lost.discard((tenant_id, subject))
        return known

    def _opened(self, tenant_id: UUID, subject: str, wrapped: bytes, server: object) -> Known[AESGCM]:
        binding = _binding(tenant_id, subject)
        key = self._unwrap(wrapped, binding)
        return Known(AESGCM(key), wrapped, hashlib.sha256(binding + key).digest(), server)

    def _made(self, tenant_id: UUID, subject: str) -> Known[AESGCM]:
        """A new key of a subject of whom nothing is sealed; another process may have been first."""
        if self._subjects and self._subjects.has(tenant_id, subject):
            known = self._look_up(tenant_id, subject)  # whoever was first wrote the key before the row
            if known is None:
                self._lost.add((tenant_id, subject))
                raise KeyLostError
            return known
        key = AESGCM.generate_key(bit_length=256)
        self._write_key(tenant_id, subject, self._wrap(key, _binding(tenant_id, subject)))
        known = self._look_up(tenant_id, subject)
        if known is None:
            raise KeyUnavailableError
        return known

    def _write_key(self, tenant_id: UUID, subject: str, wrapped: bytes) -> None:
        self._store("add", tenant_id, subject=subject, wrapped_key=wrapped)

    def _write_keys_again(self, tenant_id: UUID, subjects: list[str], server: ServerIdentity) -> None:
        """Several keys at once; those that are in the database as they are known here are seen on its server."""
        known = {subject: kept for subject in subjects if (kept := self._keys.get((tenant_id, subject)))}
        wrapped = {subject: kept.wrapped for subject, kept in known.items()}
        rows = {"tenant_id": tenant_id, "subjects": list(wrapped), "wrapped_keys": list(wrapped.values())}
        with self._database.transaction(tenant_id) as connection:
            connection.execute(_SQL["add_many"], rows)
            stored = connection.execute(_SQL["find_many"], rows).fetchall()
        for subject, in_database in stored:
            if bytes(in_database) == wrapped[subject]:
                known[subject].seen_on = server

    def _write_secret(self, tenant_id: UUID, wrapped: bytes) -> None:
        self._store("add_secret", tenant_id, wrapped_secret=wrapped)

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
