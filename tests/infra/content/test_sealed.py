"""Sealed objects open for whom they were sealed, where they were put, and as long as the key is there."""

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from domain.errors import CorruptEntryError, KeyUnavailableError
from infra.content.encrypted_objects import SealedObjects
from infra.content.store import ContentStore, ObjectNotFoundError

TENANT = UUID(int=1)


class SubjectKeys:
    """Keys that can be lost."""

    def __init__(self) -> None:
        self.keys: dict[str | None, AESGCM] = {}

    def sealing(self, _tenant_id: UUID, subject: str | None) -> AESGCM:
        return self.keys.setdefault(subject, AESGCM(AESGCM.generate_key(256)))

    def opening(self, _tenant_id: UUID, subject: str | None) -> AESGCM:
        if subject not in self.keys:
            raise KeyUnavailableError
        return self.keys[subject]

    def existing(self, _tenant_id: UUID, subject: str | None) -> AESGCM | None:
        return self.keys.get(subject)


def bytes_of(store: ContentStore, key: str) -> bytes:
    with store.open(key) as chunks:
        return b"".join(chunks)


def test_what_was_written_is_read_and_is_not_there_in_the_clear(store: ContentStore) -> None:
    objects = SealedObjects(store, SubjectKeys(), TENANT)
    for content in (b"", b"a castle", b"a castle" * 100_000):
        objects.write("t/a/1", "u_ann", content)
        assert objects.read("t/a/1", "u_ann") == content
        assert b"castle" not in bytes_of(store, "t/a/1")


def test_it_opens_only_where_it_was_put_for_its_subject_and_unchanged(store: ContentStore) -> None:
    objects = SealedObjects(store, subject_keys := SubjectKeys(), TENANT)
    subject_keys.sealing(TENANT, "u_ben")
    objects.write("t/a/1", "u_ann", b"a castle")
    sealed = bytes_of(store, "t/a/1")
    with pytest.raises(CorruptEntryError):
        objects.read("t/a/1", "u_ben")
    for key, content in (("t/a/2", sealed), ("t/a/1", sealed[:-1]), ("t/a/1", sealed[:7]), ("t/a/1", b"")):
        store.write(key, [content])
        with pytest.raises(CorruptEntryError):
            objects.read(key, "u_ann")


def test_what_is_gone_or_has_lost_its_key_says_so(store: ContentStore) -> None:
    objects = SealedObjects(store, subject_keys := SubjectKeys(), TENANT)
    with pytest.raises(ObjectNotFoundError):
        objects.read("t/a/1", "u_ann")
    objects.write("t/a/1", "u_ann", b"a castle")
    subject_keys.keys.clear()
    with pytest.raises(KeyUnavailableError):
        objects.read("t/a/1", "u_ann")
