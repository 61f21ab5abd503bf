"""Poison events are set aside by an operator, with a reason."""

import psycopg
import pytest

from infra.embedded_postgres.cluster import EmbeddedCluster
from tests.program import output, run

STOP = """
UPDATE read_models.progress AS p SET failed_position = 2, failure = E'KeyError: 7\\nDETAIL: a row'
  FROM ledger.tenants AS t WHERE t.tenant_id = p.tenant_id AND t.name = 'acme' AND p.projection = 'assets'
"""
EVENTS = "SELECT count(*) FROM ledger.events AS e JOIN ledger.tenants AS t USING (tenant_id) WHERE t.name = 'acme'"


def test_a_poison_event_is_set_aside_listed_and_tried_again(
    environment: dict[str, str], running: EmbeddedCluster
) -> None:
    output(environment, "tenant", "create", "acme")
    output(environment, "projections", "rebuild", "assets")
    output(environment, "key", "issue", "acme", "--holder", "worker:ann")
    with psycopg.connect(running.conninfo("asset_ledger"), autocommit=True) as connection:
        assert connection.execute(STOP).rowcount == 1
        assert "stopped at 2: KeyError: 7" in output(environment, "projections", "lag")

        refused = run(environment, "projections", "quarantine", "assets", "acme", "1", "--reason", "torn")
        assert (refused.returncode, refused.stdout, refused.stderr.count("\n")) == (1, "", 1)
        assert "assets is stopped at position 2 of this log" in refused.stderr
        assert connection.execute(EVENTS).fetchall() == [(2,)]

        done = output(environment, "projections", "quarantine", "assets", "acme", "2", "--reason", "torn")
        assert done.startswith("assets goes on after position 2 wherever projections run; recorded at position 3")
        assert connection.execute(EVENTS).fetchall() == [(3,)]
    listed = output(environment, "projections", "quarantine", "--list")
    assert "│ acme   │ 2        │" in listed
    assert "KeyError: 7" in listed
    assert "stopped" not in output(environment, "projections", "lag")
    output(environment, "projections", "rebuild", "assets")
    assert "KeyError" not in output(environment, "projections", "quarantine", "--list")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "give NAME, TENANT, POSITION and --reason, or --list"),
        (["assets", "acme", "2"], "give NAME, TENANT, POSITION and --reason"),
        (["nothing", "acme", "2", "--reason", "torn"], "there is no projection 'nothing'"),
        (["assets", "nobody", "2", "--reason", "torn"], "There is no tenant 'nobody'"),
        (["assets", "acme", "0", "--reason", "torn"], "greater than or equal to 1"),
        (["assets", "acme", str(2**63), "--reason", "torn"], "less than or equal to"),
        (["assets", "acme", "2", "--reason", "\udcff"], "lone surrogates"),
    ],
)
def test_what_cannot_be_set_aside_is_refused(environment: dict[str, str], arguments: list[str], message: str) -> None:
    ended = run(environment, "projections", "quarantine", *arguments)
    assert ended.returncode in (1, 2)
    assert message in " ".join(ended.stderr.replace("│", " ").split())
