"""The control tables of policies: each tenant has its own rows, and what was declared stays declared."""

import psycopg
import pytest

from api.composition import Services
from domain.reference import Reference
from domain.tenant.events import PolicySet, ReferenceDeclared
from domain.tenant.policy import NO_POLICY, Policy
from infra.policy_tables import PolicyTables
from tests.conftest import new_tenant
from tests.golden.vectors import EVENTS, event_of, golden

CLAIM, WORLD = Reference.parse("claim:c7"), Reference.parse("world:w1")


def policy_set() -> PolicySet:
    event = event_of(golden(EVENTS / "tenant.policy_set.v1.json"))
    assert isinstance(event, PolicySet)
    return event


def reference_declared() -> ReferenceDeclared:
    event = event_of(golden(EVENTS / "reference.declared.v1.json"))
    assert isinstance(event, ReferenceDeclared)
    return event


def test_a_tenant_reads_its_own_policy_and_declarations_and_nobody_elses(services: Services) -> None:
    ours, theirs = (PolicyTables(services.database, new_tenant(services)) for _ in range(2))
    theirs.set(policy_set())
    theirs.declare([reference_declared()])
    assert (ours.current(), ours.declared([CLAIM])) == ((NO_POLICY, 0), {})
    assert theirs.current() == (Policy.of(policy_set()), 4)
    assert theirs.declared([CLAIM, WORLD]) == {CLAIM: WORLD}


def test_a_session_that_names_no_tenant_sees_no_policy(services: Services) -> None:
    PolicyTables(services.database, new_tenant(services)).set(policy_set())
    with services.database.transaction() as connection:
        assert connection.execute("SELECT count(*) FROM ledger.policies").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM ledger.declared_references").fetchone() == (0,)


def test_rows_of_another_tenant_cannot_be_written(services: Services) -> None:
    ours, theirs = new_tenant(services), new_tenant(services)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        services.database.transaction(ours) as connection,
    ):
        connection.execute("INSERT INTO ledger.policies VALUES (%s, '{}', 1)", (theirs,))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger.declared_references SET scope = NULL",
        "DELETE FROM ledger.declared_references",
        "DELETE FROM ledger.policies",
        "TRUNCATE ledger.policies",
    ],
)
def test_the_service_can_neither_withdraw_a_declaration_nor_drop_a_policy(services: Services, statement: str) -> None:
    tenant = new_tenant(services)
    PolicyTables(services.database, tenant).declare([reference_declared()])
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege),
        services.database.transaction(tenant) as connection,
    ):
        connection.execute(statement.encode())
