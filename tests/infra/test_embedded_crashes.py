"""The embedded PostgreSQL, with real servers, survives the kill of a user, of a server and of a first start."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import psycopg
import pytest

from infra.embedded_postgres import watchdog
from infra.embedded_postgres.account import server_account
from infra.embedded_postgres.cluster import start
from tests.infra.embedding import another_user, eventually, nothing_runs, server_pid, value, wait_until_ready


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
            user.wait(timeout=30)
            assert value(cluster, "SELECT answer FROM kept") == 42
            assert server_pid(data_dir) == started


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
