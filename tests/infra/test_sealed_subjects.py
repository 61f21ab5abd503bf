"""Of whom sealed entries exist: the log's database knows, and nobody of them gets a second key."""

from collections.abc import Iterator
from uuid import UUID

import psycopg
import pytest

from api.application.asset_creation import AssetCreation
from api.composition import Services
from domain.asset.inputs import NewAsset
from domain.event import Actor
from domain.media import Image
from infra.database import Database
from infra.databases import Databases
from infra.encryption_keys.sealed_subjects import SealedSubjects
from infra.encryption_keys.store import KeyLostError, KeyStore
from infra.migrations import migrate
from tests.conftest import KEK, new_tenant

MIGRATION = "0017_sealed_subjects.sql"


def record(services: Services, tenant: UUID, subject: str | None, name: str | None) -> None:
    session = services.session(tenant, Actor(id="ann", type="user"))
    AssetCreation(session).create(NewAsset(media=Image(media_kind="image"), subject=subject, name=name))


@pytest.fixture
def subjects(databases: Databases) -> Iterator[SealedSubjects]:
    with Database(databases.service, size=1) as database:
        yield SealedSubjects(database)


def test_the_migration_finds_everybody_of_whom_sealed_entries_exist(quiet: Services, databases: Databases) -> None:
    a, b = new_tenant(quiet), new_tenant(quiet)
    record(quiet, a, 'u_ännchen \\ "quoted"', "named")
    record(quiet, a, None, "the tenant's own")
    record(quiet, b, "u_clear", None)
    with psycopg.connect(str(databases.owner)) as owner:
        before = owner.execute("SELECT tenant_id, subject FROM ledger.sealed_subjects").fetchall()
        owner.execute("DROP TABLE ledger.sealed_subjects")
        owner.execute("DROP FUNCTION ledger.refuse_another_key, ledger.heads_at")
        owner.execute("DELETE FROM migrations WHERE name = %s", (MIGRATION,))
    assert migrate(str(databases.owner), "ledger") == [MIGRATION]
    with psycopg.connect(str(databases.owner)) as owner:
        rows = owner.execute("SELECT tenant_id, subject, key_digest FROM ledger.sealed_subjects").fetchall()
    assert {(tenant, subject) for tenant, subject, _ in rows} == set(before) >= {(a, 'u_ännchen \\ "quoted"'), (a, "")}
    assert {digest for _, _, digest in rows} == {None}
    record(quiet, a, None, "its key is claimed from now on, and is the same")


def test_a_subject_of_before_whose_key_is_gone_gets_no_other_one(
    quiet: Services, databases: Databases, subjects: SealedSubjects
) -> None:
    tenant = new_tenant(quiet)
    with psycopg.connect(str(databases.owner)) as owner:
        owner.execute("INSERT INTO ledger.sealed_subjects (tenant_id, subject) VALUES (%s, 'u_ann')", (tenant,))
    with Database(databases.keys) as keys:
        store = KeyStore(keys, KEK, subjects=subjects)
        with pytest.raises(KeyLostError):
            store.sealing(tenant, "u_ann")
        assert "restore it" in str(store.problem())
        KeyStore(keys, KEK).sealing(tenant, "u_ann")  # it is restored
        store.sealing(tenant, "u_ann")
        assert store.problem() is None


def test_only_the_first_key_that_is_claimed_for_a_subject_ever_seals(
    quiet: Services, databases: Databases, subjects: SealedSubjects
) -> None:
    tenant, other = new_tenant(quiet), new_tenant(quiet)
    assert not subjects.has(tenant, "u_ann")
    assert subjects.claim(tenant, "u_ann", b"first")
    assert subjects.claim(tenant, "u_ann", b"first")
    assert not subjects.claim(tenant, "u_ann", b"second")
    assert subjects.has(tenant, "u_ann")
    assert not subjects.has(other, "u_ann")
    assert subjects.claim(other, "u_ann", b"second")
    with psycopg.connect(str(databases.owner)) as owner, pytest.raises(psycopg.errors.DatabaseError, match="refused"):
        owner.execute("UPDATE ledger.sealed_subjects SET key_digest = 'third'")


def test_who_comes_second_to_a_new_subject_takes_the_key_of_the_first(quiet: Services, databases: Databases) -> None:
    tenant = new_tenant(quiet)
    first = quiet.encryption_keys

    class Overtaken(SealedSubjects):
        """The first one seals between the second one's look for the key and its look for the row."""

        def has(self, tenant_id: UUID, subject: str) -> bool:
            first.sealing(tenant_id, subject)
            return super().has(tenant_id, subject)

    with Database(databases.service, size=1) as rows, Database(databases.keys) as keys:
        second = KeyStore(keys, KEK, subjects=Overtaken(rows))
        box = second.sealing(tenant, "u_ann").encrypt(bytes(12), b"secret", None)
        assert first.opening(tenant, "u_ann").decrypt(bytes(12), box, None) == b"secret"
        assert second.problem() is None
