"""Folders with the ledger's data are private, whatever the umask is and whoever made them before."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.composition import utc_now
from infra.content.directory import DirectoryStore
from infra.content.signed_urls import UrlSigner
from infra.embedded_postgres.account import EmbeddedPostgresError, server_account
from infra.embedded_postgres.cluster import start
from infra.encryption_keys.key_file import key_from_file
from tests.infra.embedding import value

OTHERS = 0o007
GROUP = 0o070


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The process's umask, for as long as the test runs."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def private() -> int:
    """The mode of a data directory: as root, the server's group may pass through it."""
    return 0o710 if server_account().switched else 0o700


@pytest.mark.usefixtures("umask")
def test_nobody_else_may_enter_a_new_data_directory(data_dir: Path) -> None:
    with start(data_dir) as cluster:
        assert value(cluster, "SELECT 1") == 1
    assert mode(data_dir) == private()
    assert {mode(data_dir / name) for name in ("postgresql", "locks", "log", "run")} == {0o700}


@pytest.mark.parametrize("before", [0o777, 0o755, 0o711])
def test_one_that_is_there_and_holds_nothing_else_is_made_private(data_dir: Path, before: int) -> None:
    data_dir.mkdir()
    data_dir.chmod(before)
    for _ in range(2):
        with start(data_dir) as cluster:
            assert value(cluster, "SELECT 1") == 1
        assert mode(data_dir) == private()
        data_dir.chmod(before)


def test_one_with_other_things_is_left_as_it_is_unless_others_may_write_in_it(data_dir: Path) -> None:
    data_dir.mkdir()
    (data_dir / "thesis.txt").touch()
    data_dir.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match=f"others may write in {data_dir}; run `chmod go-w"):
        start(data_dir)
    data_dir.chmod(0o755)
    with start(data_dir):
        assert mode(data_dir) == 0o755
        assert mode(data_dir / "postgresql") == 0o700


@pytest.mark.usefixtures("umask")
def test_nobody_else_may_enter_the_folder_of_the_key(tmp_path: Path) -> None:
    key_from_file(tmp_path / "keys" / "kek", create=True)
    assert (mode(tmp_path / "keys"), mode(tmp_path / "keys" / "kek")) == (0o700, 0o600)


def store(root: Path) -> DirectoryStore:
    return DirectoryStore(root, UrlSigner(bytes(32), ""), utc_now)


@pytest.mark.usefixtures("umask")
def test_nobody_else_may_enter_a_store(tmp_path: Path) -> None:
    store(tmp_path / "store").write("a/b/c", [b"x"])
    store(tmp_path / "other").begin("a/b/c")
    assert mode(tmp_path / "store") == mode(tmp_path / "other") == 0o700


def test_a_store_that_is_there_is_made_private_unless_it_holds_other_things(tmp_path: Path) -> None:
    for name in ("bare", "shared"):
        store(tmp_path / name).write("a/b/c", [b"x"])
        (tmp_path / name).chmod(0o755)
    (tmp_path / "shared" / "readme.txt").touch()
    for name in ("bare", "shared"):
        store(tmp_path / name).write("a/b/d", [b"x"])
    assert (mode(tmp_path / "bare"), mode(tmp_path / "shared")) == (0o700, 0o755)


def test_every_folder_that_a_first_command_makes_is_private(data_dir: Path) -> None:
    program = str(Path(sys.executable).with_name("asset-ledger"))
    environment = os.environ | {"ASSET_LEDGER_DATA": str(data_dir)}
    script = f"umask 000; '{program}' tenant create acme && '{program}' content reconcile"
    subprocess.run(["/bin/sh", "-c", script], env=environment, check=True, capture_output=True, timeout=120)
    assert mode(data_dir) == private()
    folders = [path for path in data_dir.iterdir() if path.is_dir()]
    assert {path.name for path in folders} >= {"postgresql", "locks", "log", "run", "keys", "content"}
    assert {mode(path) for path in folders} == {0o700}
