"""Migrations run once, in order, whole or not at all, and never change after they ran."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

import infra.migrations
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.migrations import MigrationError, migrate


@pytest.fixture
def empty(cluster: EmbeddedCluster, databases: Databases, request: pytest.FixtureRequest) -> str:
    """A database nothing has been done to, owned by the ledger's owner."""
    assert databases.owner, "the owner's role is there"
    name = f"empty_{abs(hash(request.node.name))}"
    with psycopg.connect(cluster.conninfo("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} OWNER asset_ledger_owner".encode())
    return cluster.conninfo(name, "asset_ledger_owner")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Migrations of the test's own."""
    monkeypatch.setattr(infra.migrations, "FOLDERS", tmp_path)
    migrations = tmp_path / "some"
    migrations.mkdir()
    (migrations / "0001_a.sql").write_text("CREATE TABLE a (x int);")
    return migrations


def tables(conninfo: str) -> set[str]:
    with psycopg.connect(conninfo) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    return {name for (name,) in names} - {"migrations"}


def test_each_migration_runs_once_and_new_ones_follow(empty: str, folder: Path) -> None:
    assert migrate(empty, "some") == ["0001_a.sql"]
    (folder / "0002_b.sql").write_text("CREATE TABLE b (x int);")
    assert migrate(empty, "some") == ["0002_b.sql"]
    assert migrate(empty, "some") == []
    assert tables(empty) == {"a", "b"}


def test_migrations_at_once_run_each_only_once(empty: str, folder: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        ran = sorted(pool.map(lambda _: migrate(empty, folder.name), range(4)))
    assert ran == [[], [], [], ["0001_a.sql"]]


def test_a_failing_migration_leaves_nothing_behind(empty: str, folder: Path) -> None:
    (folder / "0002_b.sql").write_text("CREATE TABLE b (x int); SELECT 1/0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty, "some")
    assert tables(empty) == set()


def test_an_edited_migration_is_refused(empty: str, folder: Path) -> None:
    migrate(empty, "some")
    (folder / "0001_a.sql").write_text("CREATE TABLE a (x bigint);")
    with pytest.raises(MigrationError, match="edited"):
        migrate(empty, "some")


def test_a_database_of_a_newer_version_is_refused(empty: str, folder: Path) -> None:
    migrate(empty, "some")
    (folder / "0001_a.sql").unlink()
    with pytest.raises(MigrationError, match="upgrade"):
        migrate(empty, "some")


def test_the_ledgers_own_migrations_are_done_and_stay_done(databases: Databases) -> None:
    assert databases.migrate() == []
