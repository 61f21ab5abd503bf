"""The key database's standby is promoted without a key: no entry is ever sealed with a key that only memory has."""

from collections.abc import Iterator
from dataclasses import replace
from time import monotonic
from uuid import UUID

import psycopg
import pytest

from api.composition import Services, connected
from domain.errors import KeyUnavailableError, ServiceUnavailableError
from infra.databases import Databases
from infra.encryption_keys.store import KeyLostError
from infra.settings import Settings
from tests.conftest import new_tenant
from tests.infra.embedding import eventually
from tests.infra.failover.servers import Pair

NOTICED_SECONDS = 5


@pytest.fixture
def apart(databases: Databases, late: Pair) -> Databases:
    """A log of this test's own, and its keys on an asynchronous pair."""
    return replace(databases, keys=late.databases.keys, keys_owner=late.databases.keys_owner)


@pytest.fixture
def services(apart: Databases, unfollowed: Settings) -> Iterator[Services]:
    with connected(unfollowed, apart) as ledger:
        yield ledger


def keys_on_standby(pair: Pair, tenant: UUID) -> dict[str, bytes]:
    """The wrapped keys of the tenant on the standby, by subject; and its secret, under no name of a subject."""
    with psycopg.connect(pair.standby.conninfo, dbname="asset_ledger_keys") as connection:
        rows = connection.execute(
            "SELECT subject, wrapped_key FROM keys.subject_keys WHERE tenant_id = %s", (tenant,)
        ).fetchall()
        secrets = connection.execute(
            "SELECT wrapped_secret FROM keys.tenant_secrets WHERE tenant_id = %s", (tenant,)
        ).fetchall()
    return dict(rows + [("(secret)", *row) for row in secrets])


def problem(services: Services, name: str) -> str | None:
    return next(check.problem() for check in services.checks if check.name == name)


def seal(services: Services, tenant: UUID, subject: str) -> bytes:
    return services.encryption_keys.sealing(tenant, subject).encrypt(bytes(12), b"personal", None)


def open_(services: Services, tenant: UUID, subject: str, box: bytes) -> bytes:
    return services.encryption_keys.opening(tenant, subject).decrypt(bytes(12), box, None)


def test_keys_and_secrets_that_a_failover_lost_are_written_again_from_memory_without_any_traffic(
    services: Services, apart: Databases, late: Pair, unfollowed: Settings
) -> None:
    old = new_tenant(services)
    boxes = {"u_old": seal(services, old, "u_old")}
    eventually(lambda: set(keys_on_standby(late, old)) >= {"u_old", "(secret)"})
    late.standby.hold_back()
    new = new_tenant(services)
    digest = services.encryption_keys.identity(new).digest("key", "k")
    boxes["u_new"] = seal(services, old, "u_new")
    late.fail_over()
    promoted = monotonic()
    assert "u_new" not in keys_on_standby(late, old)
    eventually(lambda: {"u_old", "u_new"} <= keys_on_standby(late, old).keys() and bool(keys_on_standby(late, new)))
    assert monotonic() - promoted < NOTICED_SECONDS
    assert problem(services, "keys") is None
    with connected(unfollowed, apart) as restarted:
        for subject, box in boxes.items():
            assert open_(restarted, old, subject, box) == b"personal"
            assert seal(restarted, old, subject) == box
        assert restarted.encryption_keys.identity(new).digest("key", "k") == digest


def test_nothing_is_sealed_while_nobody_knows_whether_the_key_database_has_the_key(
    services: Services, late: Pair
) -> None:
    tenant = new_tenant(services)
    box = seal(services, tenant, "u_ann")
    late.standby.hold_back()
    late.primary.kill()
    eventually(lambda: services.encryption_keys._lineage.current is None)
    with pytest.raises(ServiceUnavailableError):
        seal(services, tenant, "u_ann")
    assert open_(services, tenant, "u_ann", box) == b"personal"
    late.standby.promote()
    eventually(
        lambda: problem(services, "key-server") is None and services.encryption_keys._lineage.current is not None
    )
    assert seal(services, tenant, "u_ann") == box


def test_a_subject_whose_key_is_lost_gets_no_other_one_and_health_says_what_to_do(
    services: Services, apart: Databases, late: Pair, unfollowed: Settings
) -> None:
    tenant = new_tenant(services)
    seal(services, tenant, "u_old")
    eventually(lambda: "u_old" in keys_on_standby(late, tenant))
    late.standby.hold_back()
    services.encryption_keys.sealing(tenant, "u_ann")
    lost = seal(services, tenant, "u_ann")
    with connected(unfollowed, apart) as stopped:
        assert open_(stopped, tenant, "u_ann", lost) == b"personal"
    services.encryption_keys._keys.drop((tenant, "u_ann"))  # as if this process had never known it
    late.fail_over()
    with connected(unfollowed, apart) as restarted:
        for _ in range(2):
            with pytest.raises(KeyLostError):
                seal(restarted, tenant, "u_ann")
        with pytest.raises(KeyUnavailableError):
            open_(restarted, tenant, "u_ann", lost)
        assert "restore it" in str(problem(restarted, "keys"))
        assert "u_ann" not in keys_on_standby(late, tenant)
        seal(restarted, tenant, "u_old")
        seal(restarted, tenant, "u_new")


def test_a_key_that_was_put_in_the_place_of_another_seals_nothing(services: Services, apart: Databases) -> None:
    tenant = new_tenant(services)
    box = seal(services, tenant, "u_ann")
    other = services.encryption_keys._wrap(bytes(32), tenant.bytes + b"u_ann")
    with psycopg.connect(str(apart.keys_owner)) as owner:
        owner.execute("ALTER TABLE keys.subject_keys NO FORCE ROW LEVEL SECURITY")
        owner.execute("UPDATE keys.subject_keys SET wrapped_key = %s WHERE subject = 'u_ann'", (other,))
    services.encryption_keys._lineage.lose_sight()
    with pytest.raises(KeyLostError):
        seal(services, tenant, "u_ann")
    assert open_(services, tenant, "u_ann", box) == b"personal"
    assert problem(services, "keys") is not None
