"""`projections rebuild --switch`, `switch` and `rollback`: what they say, refuse and record."""

import psycopg
import pytest
from psycopg import sql

from infra.embedded_postgres.cluster import EmbeddedCluster
from projections.assets.fold import ASSETS
from tests.program import output, run

SPOIL = sql.SQL("UPDATE {} SET name = 'Fortress'").format(sql.Identifier("read_models", ASSETS.beside.table.name))
SERVING = "SELECT DISTINCT build FROM read_models.served_builds"
LONG_AGO = "UPDATE read_models.served_builds SET switched_at = switched_at - interval '61 s'"


def flat(text: str) -> str:
    """The text without the frames and line breaks of tables and error boxes."""
    return " ".join(text.replace("│", " ").split())


def test_a_read_model_is_switched_refused_and_rolled_back(
    environment: dict[str, str], running: EmbeddedCluster
) -> None:
    output(environment, "tenant", "create", "acme")
    output(environment, "content", "import", "docs/samples", "--tenant", "acme")
    built = output(environment, "projections", "rebuild", "assets", "--beside", "--processes", "2")
    assert built.endswith(
        "assets_b is built beside; `asset-ledger projections switch assets` compares and serves from it"
    )

    with psycopg.connect(running.conninfo("asset_ledger"), autocommit=True) as connection:
        connection.execute(SPOIL)
        refused = run(environment, "projections", "switch", "assets", "--reason", "mended")
        assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
        assert "error: assets, which serves, and assets_b differ, so nothing was switched." in refused.stderr
        assert "-> 'Fortress'" in flat(refused.stdout)
        assert connection.execute(SERVING).fetchall() == []

        switched = output(environment, "projections", "switch", "assets", "--expect", "name", "--reason", "mended")
        assert switched.endswith(
            "switched assets for 1 tenants; `asset-ledger projections rollback assets` returns to the old build"
        )
        assert connection.execute(SERVING).fetchall() == [("assets_b",)]
        assert output(environment, "projections", "rollback", "assets").endswith("rolled back assets for 1 tenants")
        assert connection.execute(SERVING).fetchall() == [("assets",)]

        again = run(environment, "projections", "rebuild", "assets", "--switch")
        assert "error: Tenants are served from assets_b, or were within the last minute." in again.stderr
        connection.execute(LONG_AGO)
        assert "switched assets for 1 tenants" in output(environment, "projections", "rebuild", "assets", "--switch")
        connection.execute(LONG_AGO)
    assert f"dropped {ASSETS.table.name}" in output(environment, "projections", "drop-old")
    gone = run(environment, "projections", "rollback", "assets")
    assert "error: No build of assets has served before, or it was made anew or dropped since." in gone.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["switch", "nothing"], "there is no projection 'nothing'"),
        (["rollback", "assets_b"], "there is no projection 'assets_b'"),
        (["rebuild", "nothing", "--switch"], "there is no projection 'nothing'"),
        (["switch", "assets", "--expect", "nonsense"], "'nonsense' is none of rows, "),
        (["switch", "assets", "--expect", "asset_id"], "'asset_id' is none of rows, "),
        (["rebuild", "assets", "--expect", "name"], "--expect and --reason go with --switch"),
        (["switch", "assets", "--reason", "\udcff"], "lone surrogates"),
        (["switch", "assets"], " is not built: run `asset-ledger projections rebuild assets --beside`"),
        (["rollback", "assets"], "No build of assets has served before"),
    ],
)
def test_what_cannot_be_switched_is_refused(environment: dict[str, str], arguments: list[str], message: str) -> None:
    ended = run(environment, "projections", *arguments)
    assert ended.returncode in (1, 2)
    assert message in flat(ended.stderr)
