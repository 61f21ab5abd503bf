"""The command line with data that looks like markup, would do something to a terminal, or is no file."""

import json
import os
from pathlib import Path

import psycopg
import pytest

from infra.embedded_postgres.cluster import EmbeddedCluster
from tests.program import output, run

ODD = "[/] [red] :smile: \x1b[2J \u202e end"
SHOWN = r"[/] [red] :smile: \x1b[2J \u202e end"


@pytest.fixture
def tenant(environment: dict[str, str], request: pytest.FixtureRequest) -> str:
    """A tenant of the test's own."""
    name: str = request.node.name.replace("_", "-")[:60].strip("-")
    output(environment, "tenant", "create", name)
    return name


def test_holders_of_keys_are_listed_as_they_are(environment: dict[str, str], tenant: str) -> None:
    output(environment, "key", "issue", tenant, "--holder", f"user:{ODD}")
    assert f"user:{SHOWN}" in output(environment, "key", "list", tenant)


def test_why_a_projection_stopped_is_shown_as_it_is(environment: dict[str, str], running: EmbeddedCluster) -> None:
    output(environment, "tenant", "create", "stopped")
    output(environment, "projections", "rebuild", "jobs")
    with psycopg.connect(running.conninfo("asset_ledger"), autocommit=True) as connection:
        changed = connection.execute(
            "UPDATE read_models.progress SET failed_position = 7, failure = %s WHERE projection = 'jobs'",
            (f"KeyError: {ODD}",),
        )
        assert changed.rowcount > 0
    assert f"stopped at 7: KeyError: {SHOWN}" in output(environment | {"COLUMNS": "300"}, "projections", "lag")
    output(environment, "projections", "retry", "jobs")


def test_an_import_lists_names_as_they_are(environment: dict[str, str], tenant: str, tmp_path: Path) -> None:
    (tmp_path / ODD.replace("/", "|")).symlink_to(tmp_path)
    ended = run(environment, "content", "import", str(tmp_path), "--tenant", tenant)
    assert (ended.returncode, ended.stderr) == (1, "")
    assert f"refused  {SHOWN.replace('/', '|')}: is a link, and links are not followed" in ended.stdout


def test_reasons_and_names_are_replayed_as_they_are(
    environment: dict[str, str], running: EmbeddedCluster, tenant: str, tmp_path: Path
) -> None:
    lines = tmp_path / "assets.jsonl"
    lines.write_text(json.dumps({"media": {"media_kind": "file"}, "name": f"two\nlines {ODD}"}))
    output(environment, "content", "import", str(lines), "--tenant", tenant, "--reason", ODD)
    asset = asset_of(running, tenant)
    timeline = output(environment, "replay", asset, "--tenant", tenant)
    assert f"why: {SHOWN}" in timeline
    assert rf"name: – → two\nlines {SHOWN}" in timeline
    printed = output(environment, "replay", asset, "--tenant", tenant, "--json")
    assert printed.isascii()
    assert [json.loads(line)["reason"] for line in printed.splitlines()] == [ODD]


def asset_of(running: EmbeddedCluster, tenant: str) -> str:
    """The id of the tenant's only asset."""
    with psycopg.connect(running.conninfo("asset_ledger")) as connection:
        ((asset_id,),) = connection.execute(
            "SELECT DISTINCT e.originator_id FROM ledger.events AS e JOIN ledger.tenants AS t USING (tenant_id)"
            " WHERE t.name = %s AND e.topic = 'asset.created'",
            (tenant,),
        ).fetchall()
    return str(asset_id)


@pytest.mark.parametrize(
    "arguments",
    [
        ("key", "list", ODD),
        ("content", "import", ODD),
        ("projections", "rebuild", ODD),
        ("key", "revoke", "acme", ODD),
        ("replay", ODD),
        ("content", "purge", "--sha256", ODD),
    ],
)
def test_what_was_wrong_is_told_without_a_traceback(environment: dict[str, str], arguments: tuple[str, ...]) -> None:
    ended = run(environment | {"COLUMNS": "300"}, *arguments)
    assert ended.returncode in (1, 2)
    assert "Traceback" not in ended.stderr
    assert not {"\x1b", "\u202e", "\U0001f604"} & set(ended.stderr + ended.stdout)


@pytest.mark.parametrize("name", ["acme\n", "a" * 64])
def test_a_name_has_nothing_after_its_end(environment: dict[str, str], name: str) -> None:
    ended = run(environment, "tenant", "create", name)
    assert (ended.returncode, "lower-case letters" in ended.stderr) == (2, True)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), Path.mkdir])
def test_what_is_no_file_is_refused_at_once(environment: dict[str, str], tmp_path: Path, make: object) -> None:
    odd = tmp_path / "odd"
    make(odd)  # type: ignore[operator]
    key_file = environment | {"ASSET_LEDGER_KEY_ENCRYPTION_KEY_FILE": str(odd)}
    for ended in (
        run(environment, "tenant", "policy", "acme", "--set", str(odd)),
        run(key_file, "tenant", "list"),
        *([] if odd.is_dir() else [run(environment, "content", "import", str(odd))]),
    ):
        assert ended.returncode in (1, 2)
        assert "Traceback" not in ended.stderr
        assert "regular file" in ended.stderr or "Is a directory" in ended.stderr


def test_content_that_is_no_file_is_refused_at_once(environment: dict[str, str], tenant: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "zero").symlink_to("/dev/zero")
    lines = tmp_path / "assets.jsonl"
    lines.write_text('{"path": "pipe"}\n{"path": "zero"}\n')
    ended = run(environment, "content", "import", str(lines), "--tenant", tenant)
    assert (ended.returncode, ended.stdout.count("refused"), "0 imported" in ended.stdout) == (1, 3, True)
