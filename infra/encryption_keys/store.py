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

from domain.errors import KeyUnavailableError
from domain.identity import Identity
from infra.database import Database
from infra.encryption_keys.key_file import KeyFileError
from infra.encryption_keys.known_keys import NOWHERE, KnownKey, KnownKeys
from infra.encryption_keys.sealed_subjects import SealedSubjects, add_row
from infra.server_identity import Lineage, ServerIdentity, unwatched
from infra.sql import load_statements

_SQL = load_statements(__file__, "keys.sql")
_NONCE_BYTES = 12
_KNOWN = b"asset-ledger key check"
_SECRET_BYTES = 32
MOST_KNOWN = 65_536
MOST_AT_ONCE = 1_000
"""Keys that are written again by one statement."""


class Keys(Protocol):
    """Where sealing gets its keys from."""

    def sealing(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that seals for the subject, made on first use."""

    def opening(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that opens what was sealed for the subject. KeyUnavailableError if it cannot be had."""

    def existing(self, tenant_id: UUID, subject: str | None) -> AESGCM | None:
        """The subject's key; None if there is none, which is no loss."""


class KeyLostError(KeyUnavailableError):
    """The key database has lost a key that entries are sealed with. Restore it; no other key is made in its place."""


class KeyStore(Keys):
    """Keys in a database of their own, so that a backup of the log carries none of them."""

    name = "keys"

    def __init__(
        self,
        database: Database,
        key_encryption_key: bytes,
        subjects: SealedSubjects | None = None,
        lineage: Lineage | None = None,
        log_lineage: Lineage | None = None,
    ) -> None:
        self._database = database
        self._wrapping = AESGCM(key_encryption_key)
        self._subjects = subjects
        self._lineage = lineage or unwatched()
        self._log_lineage = log_lineage or unwatched()
        self._keys: KnownKeys[tuple[UUID, str], AESGCM] = KnownKeys(MOST_KNOWN)
        self._secrets: KnownKeys[UUID, Identity] = KnownKeys(MOST_KNOWN)
        self._missing: set[tuple[UUID, str | None]] = set()
        """Whose keys were missed; None stands for a tenant's secret."""

    def sealing(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        """The key that seals for the subject, made on first use; it is in the database.

        Raises KeyLostError if entries are sealed with one that the database has not; ServiceUnavailableError.
        """
        entry = self._keys.get((tenant_id, subject or ""))
        if entry and entry.seen_on is self._lineage.current and entry.claimed_on is self._log_lineage.current:
            return entry.value
        return self._vouched(tenant_id, subject or "")

    def opening(self, tenant_id: UUID, subject: str | None) -> AESGCM:
        key = self.existing(tenant_id, subject)
        if key is None:
            self._missing.add((tenant_id, subject or ""))
            raise KeyUnavailableError
        return key

    def existing(self, tenant_id: UUID, subject: str | None) -> AESGCM | None:
        """The subject's key; None if there is none. KeyUnavailableError if the key-encryption key does not open it."""
        entry = self._keys.get((tenant_id, subject or "")) or self._look_up(tenant_id, subject or "")
        return entry.value if entry else None

    def check(self) -> None:
        """Refuse a key-encryption key that is not the one in use here: KeyFileError."""
        with self._database.connection() as connection:  # one server's word
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
        entry = self._secrets.get(tenant_id)
        if entry and entry.seen_on is self._lineage.current:
            return entry.value
        server = self._lineage.current or NOWHERE
        if entry and self._read_wrapped("find_secret", tenant_id) is None:
            add_row(self._database, _SQL["add_secret"], tenant_id, wrapped_secret=entry.wrapped)
        wrapped = self._read_wrapped("find_secret", tenant_id)
        if wrapped is None or (entry and wrapped != entry.wrapped):
            self._missing.add((tenant_id, None))
            raise KeyUnavailableError("The secret that tells requests apart cannot be had right now.")
        self._missing.discard((tenant_id, None))
        identity = entry.value if entry else Identity(self._unwrap(wrapped, _binding(tenant_id, None)))
        self._secrets.put(tenant_id, KnownKey(identity, wrapped, b"", server))
        return identity

    def make_secret(self, tenant_id: UUID) -> None:
        """Make the secret of a new tenant."""
        secret = self._wrap(os.urandom(_SECRET_BYTES), _binding(tenant_id, None))
        add_row(self._database, _SQL["add_secret"], tenant_id, wrapped_secret=secret)
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
        if not self._missing:
            return None
        return (
            f"the key database lacks {len(self._missing)} keys that entries are sealed with: restore it "
            "from a server or a backup that has them; until then nothing that needs them is recorded or shown"
        )

    def _vouched(self, tenant_id: UUID, subject: str) -> AESGCM:
        """The key, once the key database has it and the log's database says that it is the subject's."""
        log_server = self._log_lineage.current or NOWHERE
        entry = self._look_up(tenant_id, subject) or self._make_key(tenant_id, subject)
        if self._subjects and not self._subjects.claim(tenant_id, subject, entry.digest):
            self._keys.drop((tenant_id, subject))
            self._missing.add((tenant_id, subject))
            raise KeyLostError("The key database has another key for a subject than the one that sealed its entries.")
        entry.claimed, entry.claimed_on = True, log_server
        return entry.value

    def _look_up(self, tenant_id: UUID, subject: str) -> KnownKey[AESGCM] | None:
        """The key as it is in the database, where it is written again if it is known here alone."""
        server = self._lineage.current or NOWHERE
        entry = self._keys.get((tenant_id, subject))
        wrapped = self._read_wrapped("find", tenant_id, subject=subject)
        if wrapped is None and entry is not None:
            add_row(self._database, _SQL["add"], tenant_id, subject=subject, wrapped_key=entry.wrapped)
            wrapped = self._read_wrapped("find", tenant_id, subject=subject)
        if wrapped is None:
            return None
        if entry is None or entry.wrapped != wrapped:
            binding = _binding(tenant_id, subject)
            key = self._unwrap(wrapped, binding)
            stored = KnownKey(AESGCM(key), wrapped, hashlib.sha256(binding + key).digest(), server)
            if entry and entry.claimed and entry.digest != stored.digest:
                self._missing.add((tenant_id, subject))
                raise KeyLostError
            entry = stored
            self._keys.put((tenant_id, subject), entry)
        entry.seen_on = server
        self._missing.discard((tenant_id, subject))
        return entry

    def _make_key(self, tenant_id: UUID, subject: str) -> KnownKey[AESGCM]:
        """A new key of a subject of whom nothing is sealed; another process may have been first."""
        is_sealed_for = self._subjects is not None and self._subjects.has(tenant_id, subject)
        if not is_sealed_for:
            wrapped = self._wrap(AESGCM.generate_key(bit_length=256), _binding(tenant_id, subject))
            add_row(self._database, _SQL["add"], tenant_id, subject=subject, wrapped_key=wrapped)
        entry = self._look_up(tenant_id, subject)  # whoever was first wrote the key before the row of the subject
        if entry is None:
            if is_sealed_for:
                self._missing.add((tenant_id, subject))
            raise KeyLostError if is_sealed_for else KeyUnavailableError
        return entry

    def _write_keys_again(self, tenant_id: UUID, subjects: list[str], server: ServerIdentity) -> None:
        """Several keys at once; those that are in the database as they are known here are seen on its server."""
        key_entries = {subject: entry for subject in subjects if (entry := self._keys.get((tenant_id, subject)))}
        wrapped = {subject: entry.wrapped for subject, entry in key_entries.items()}
        rows = {"tenant_id": tenant_id, "subjects": list(wrapped), "wrapped_keys": list(wrapped.values())}
        with self._database.transaction(tenant_id) as connection:
            connection.execute(_SQL["add_many"], rows)
            stored = connection.execute(_SQL["find_many"], rows).fetchall()
        for subject, in_database in stored:
            if bytes(in_database) == wrapped[subject]:
                key_entries[subject].seen_on = server

    def _read_wrapped(self, statement: str, tenant_id: UUID, **parameters: object) -> bytes | None:
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


def _binding(tenant_id: UUID, subject: str | None) -> bytes:
    """What a wrapped key is bound to, or without a subject a tenant's secret: it opens nothing in another row."""
    return b"secret" + tenant_id.bytes if subject is None else tenant_id.bytes + subject.encode()
