"""Commands whose connection is lost at COMMIT, or whose output cannot be printed: they say what was recorded."""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from api.composition import Services
from infra.databases import Databases
from infra.settings import Settings
from tests.chaos.cutting import Cutter, When
from tests.conftest import context
from tests.program import PROGRAM, environment_of, run

OUTCOME_UNKNOWN = 3
KEYS, POLICIES, TENANTS = b"ledger.api_keys", b"ledger.policies", b"ledger.open_log"
QUARANTINE = b"queries.quarantine_event"
"""Stand in the transactions that change them."""

losing = pytest.mark.parametrize("when", [When.BEFORE, When.ANSWERED], ids=lambda when: when.name.lower())


@pytest.fixture
def cutter(databases: Databases) -> Iterator[Cutter]:
    """A proxy before this test's databases."""
    with tempfile.TemporaryDirectory() as directory, Cutter(databases.service, Path(directory)) as proxy:
        yield proxy


@pytest.fixture
def through(cutter: Cutter, databases: Databases, settings: Settings) -> dict[str, str]:
    """Settings of commands that reach the log by the proxy."""
    behind = environment_of(settings, replace(databases, service=cutter.through(databases.service)))
    return behind | {"ASSET_LEDGER_PREPARED_STATEMENTS": "false", "ASSET_LEDGER_RESEND_SECONDS": "1"}


@pytest.fixture
def acme(quiet: Services) -> UUID:
    return quiet.tenants.create(context(), "acme")


def done(cutter: Cutter, through: dict[str, str], *arguments: str) -> str:
    """What a command prints that must succeed, though its connection is cut."""
    ended = run(through, *arguments)
    assert (ended.returncode, cutter.armed) == (0, 0), ended.stderr
    return ended.stdout.strip()


@losing
def test_a_key_is_issued_once_and_printed(
    quiet: Services, cutter: Cutter, through: dict[str, str], acme: UUID, when: When
) -> None:
    cutter.cut_commit(KEYS, when)
    token = done(cutter, through, "key", "issue", "acme", "--holder", "worker:ann")
    caller = quiet.api_keys.caller(token)
    assert caller is not None
    assert (caller.tenant_id, caller.authenticated.holder.id) == (acme, "ann")
    assert len(quiet.api_keys.keys_of(acme)) == 1


@losing
def test_a_tenant_is_created_once_and_its_id_is_printed(
    quiet: Services, cutter: Cutter, through: dict[str, str], when: When
) -> None:
    cutter.cut_commit(TENANTS, when)
    tenant_id = UUID(done(cutter, through, "tenant", "create", "acme"))
    assert quiet.tenants.find("acme") == tenant_id
    assert quiet.log.of(tenant_id).head() == 1


@losing
def test_a_key_is_revoked_and_a_policy_is_set_once(
    quiet: Services, cutter: Cutter, through: dict[str, str], acme: UUID, when: When, tmp_path: Path
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text('{"closed_kinds": ["world"]}')
    done(cutter, through, "key", "issue", "acme")
    ((key_id, *_),) = quiet.api_keys.keys_of(acme)
    cutter.cut_commit(KEYS, when)
    assert "revoked" in done(cutter, through, "key", "revoke", "acme", str(key_id))
    cutter.cut_commit(POLICIES, when)
    assert '"world"' in done(cutter, through, "tenant", "policy", "acme", "--set", str(policy))
    topics = [entry.topic for entry in quiet.log.of(acme).recorder.select_notifications(1, 10)]
    assert topics == ["tenant.created", "tenant.key_issued", "tenant.key_revoked", "tenant.policy_set"]


@losing
def test_a_poison_event_is_set_aside_once(
    quiet: Services, cutter: Cutter, through: dict[str, str], acme: UUID, when: When
) -> None:
    quiet.engine.progress.enrol()
    with quiet.projector.connection() as connection:
        connection.execute("UPDATE read_models.progress SET failed_position = 1, failure = 'KeyError: 7'")
    cutter.cut_commit(QUARANTINE, when)
    command = ("projections", "quarantine", "assets", "acme", "1", "--reason", "torn")
    assert "recorded at position 2" in done(cutter, through, *command)
    assert quiet.log.of(acme).head() == 2
    assert [each.position for each in quiet.engine.progress.quarantined()] == [1]
    assert quiet.engine.progress.miscounted() == []


def test_a_key_of_which_nobody_knows_whether_it_was_issued_is_named_and_can_be_revoked(
    quiet: Services, cutter: Cutter, through: dict[str, str], acme: UUID
) -> None:
    cutter.cut_commit(KEYS, When.ANSWERED, for_all=True)
    ended = run(through, "key", "issue", "acme")
    cutter.admit()
    assert (ended.returncode, ended.stdout) == (OUTCOME_UNKNOWN, "")
    assert ended.stderr.splitlines()[-1].startswith("error: ")
    ((key_id, *_),) = quiet.api_keys.keys_of(acme)
    remedy = re.findall(r"asset-ledger (key revoke \S+ \S+)`", ended.stderr)
    assert remedy == [f"key revoke {acme} {key_id}"]
    assert f"revoked {key_id}" in done(cutter, through, *remedy[0].split())


def test_a_key_that_cannot_be_printed_is_named_and_can_be_revoked(
    quiet: Services, through: dict[str, str], acme: UUID
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [PROGRAM, "key", "issue", "acme"], env=through, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert ended.returncode == 1
    ((key_id, *_),) = quiet.api_keys.keys_of(acme)
    assert f"key revoke {acme} {key_id}" in ended.stderr
    assert "Traceback" not in ended.stderr
