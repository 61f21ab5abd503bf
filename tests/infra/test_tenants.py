"""Tenants and their keys: what opens the API, and for whom."""

from collections.abc import Callable

import pytest
from uuid_utils.compat import uuid7

from api.composition import Services
from domain.errors import KeyNotFoundError, TenantExistsError, TenantNotFoundError
from domain.event import Actor, Authenticated
from infra.api_keys import Caller
from infra.tenants import list_tenants
from tests.conftest import context

HOLDER = Actor(id="comfy-1", type="worker")


def topics(services: Services, name: str) -> list[str]:
    log = services.log.of(services.tenants.find(name))
    return [recorded.event.TOPIC for recorded in log.history(log.tenant_id)]


def test_a_tenant_begins_its_log_at_position_one_and_is_found_by_name_and_id(quiet: Services) -> None:
    tenant = quiet.tenants.create(context(), "acme")
    assert quiet.tenants.find("acme") == quiet.tenants.find(str(tenant)) == tenant
    (created,) = quiet.log.of(tenant).history(tenant)
    assert (created.position, created.event.TOPIC) == (1, "tenant.created")
    assert [(name, id_, head) for name, id_, head, _ in list_tenants(quiet.projector)] == [("acme", tenant, 1)]


def test_a_name_is_given_once_and_a_refused_tenant_leaves_nothing(quiet: Services) -> None:
    quiet.tenants.create(context(), "acme")
    with pytest.raises(TenantExistsError, match="acme"):
        quiet.tenants.create(context(), "acme")
    assert len(list_tenants(quiet.projector)) == 1


@pytest.mark.parametrize("unknown", ["nobody", "", "'; DROP TABLE"])
def test_an_unknown_tenant_is_not_found(quiet: Services, unknown: str) -> None:
    with pytest.raises(TenantNotFoundError):
        quiet.tenants.find(unknown)
    with pytest.raises(TenantNotFoundError):
        quiet.tenants.find(str(uuid7()))


def test_a_key_speaks_for_its_holder_until_it_is_revoked(quiet: Services) -> None:
    tenant = quiet.tenants.create(context(), "acme")
    key = quiet.api_keys.issue(context(), tenant, HOLDER)
    ((key_id, *_),) = quiet.api_keys.keys_of(tenant)
    assert quiet.api_keys.caller(key) == Caller(tenant, Authenticated(key=key_id, holder=HOLDER))
    quiet.api_keys.revoke(context("left"), tenant, key_id)
    quiet.api_keys.revoke(context("again"), tenant, key_id)
    assert quiet.api_keys.caller(key) is None
    assert topics(quiet, "acme") == ["tenant.created", "tenant.key_issued", "tenant.key_revoked"]


def test_a_key_that_was_never_issued_cannot_be_revoked(quiet: Services) -> None:
    tenant = quiet.tenants.create(context(), "acme")
    with pytest.raises(KeyNotFoundError):
        quiet.api_keys.revoke(context(), tenant, uuid7())
    assert topics(quiet, "acme") == ["tenant.created"]


FORGERIES: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "another word": lambda _: "hunter2",
    "without its prefix": lambda key: key.removeprefix("alk_"),
    "cut short": lambda key: key[:-4],
    "with more behind it": lambda key: key + "AAAA",
    "with another secret": lambda key: key[:-6] + "AAAAAA",
    "with another tenant": lambda key: "alk_" + "A" * 22 + key[26:],
    "not ascii": lambda key: key[:-1] + "ä",
}


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES)
def test_a_forged_key_opens_nothing(quiet: Services, forge: Callable[[str], str]) -> None:
    tenant = quiet.tenants.create(context(), "acme")
    key = quiet.api_keys.issue(context(), tenant, HOLDER)
    assert quiet.api_keys.caller(forge(key)) is None
