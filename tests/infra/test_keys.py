"""The keys that seal personal data: one per subject, wrapped, apart from the log."""

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.errors import KeyUnavailableError
from infra.database import Database
from infra.databases import Databases
from infra.encryption_keys.key_file import KeyFileError, key_from_file, key_from_setting
from infra.encryption_keys.store import KeyStore
from tests.conftest import new_tenant

KEK = bytes(range(32))
TENANT = uuid7()


def test_each_subject_has_a_key_of_its_own_that_any_process_finds_again(databases: Databases) -> None:
    with Database(databases.keys) as database:
        first, second = KeyStore(database, KEK), KeyStore(database, KEK)
        sealed = {s: first.sealing(TENANT, s).encrypt(bytes(12), b"secret", None) for s in (None, "u_ann", "u_ben")}
        assert len(set(sealed.values())) == 3
        for subject, box in sealed.items():
            assert second.opening(TENANT, subject).decrypt(bytes(12), box, None) == b"secret"


def test_two_first_uses_at_once_make_one_key(databases: Databases) -> None:
    with Database(databases.keys) as database, ThreadPoolExecutor(8) as pool:
        stores = [KeyStore(database, KEK) for _ in range(8)]
        boxes = pool.map(lambda store: store.sealing(TENANT, "u_ann").encrypt(bytes(12), b"secret", None), stores)
        assert len(set(boxes)) == 1


def test_a_key_that_is_not_there_is_unavailable_and_is_found_once_it_is(databases: Databases) -> None:
    with Database(databases.keys) as database:
        reader, writer = KeyStore(database, KEK), KeyStore(database, KEK)
        with pytest.raises(KeyUnavailableError):
            reader.opening(TENANT, "u_ann")
        writer.sealing(TENANT, "u_ann")
        reader.opening(TENANT, "u_ann")


def test_another_key_encryption_key_opens_nothing(databases: Databases) -> None:
    with Database(databases.keys) as database:
        KeyStore(database, KEK).sealing(TENANT, None)
        with pytest.raises(KeyUnavailableError, match="not the one"):
            KeyStore(database, bytes(32)).opening(TENANT, None)


def test_a_wrapped_key_moved_to_another_subject_opens_nothing(databases: Databases) -> None:
    with Database(databases.keys) as database:
        KeyStore(database, KEK).sealing(TENANT, "u_ann")
        with psycopg.connect(str(databases.keys_owner)) as owner:
            owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
            owner.execute("UPDATE keys.subject_keys SET subject = 'u_ben'")
        with pytest.raises(KeyUnavailableError):
            KeyStore(database, KEK).opening(TENANT, "u_ben")


def test_no_key_is_stored_as_it_is_and_the_log_database_has_none(databases: Databases) -> None:
    with Database(databases.keys) as database:
        box = KeyStore(database, KEK).sealing(TENANT, "u_ann")
        with database.transaction(TENANT) as connection:
            (wrapped,) = connection.execute("SELECT wrapped_key FROM keys.subject_keys").fetchall()[0]
    assert box is not None
    assert len(wrapped) == 12 + 32 + 16
    with psycopg.connect(str(databases.owner)) as log:
        assert log.execute("SELECT to_regnamespace('keys')").fetchall() == [(None,)]


def test_a_key_file_is_made_once_for_its_owner_alone_and_read_again(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "kek"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: key_from_file(path, create=True), range(8)))
    assert keys == {key_from_file(path, create=False)}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [child.name for child in path.parent.iterdir()] == ["kek"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o602])
def test_a_key_file_that_others_may_touch_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "kek"
    key_from_file(path, create=True)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match="chmod 600"):
        key_from_file(path, create=True)


def test_a_missing_key_file_is_not_made_unless_asked_for(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match="give the file"):
        key_from_file(tmp_path / "kek", create=False)


@pytest.mark.parametrize(
    "text", ["", "not base64!", base64.b64encode(bytes(31)).decode(), base64.b64encode(bytes(33)).decode()]
)
def test_a_key_that_is_not_32_bytes_is_refused(text: str) -> None:
    with pytest.raises(KeyFileError, match="32 bytes"):
        key_from_setting(text)


def test_a_tenants_secret_is_made_with_it_and_never_quietly_replaced(quiet: Services, databases: Databases) -> None:
    tenant = new_tenant(quiet)
    digest = quiet.encryption_keys.identity(tenant).digest("key", "k")
    with Database(databases.keys) as database:
        assert KeyStore(database, KEK).identity(tenant).digest("key", "k") == digest
        assert KeyStore(database, KEK).identity(new_tenant(quiet)).digest("key", "k") != digest
        with psycopg.connect(str(databases.keys_owner)) as owner:
            owner.execute("ALTER TABLE keys.tenant_secrets NO FORCE ROW LEVEL SECURITY")
            owner.execute("DELETE FROM keys.tenant_secrets")
        with pytest.raises(KeyUnavailableError, match="secret"):
            KeyStore(database, KEK).identity(tenant)
