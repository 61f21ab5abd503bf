"""`projections rebuild` in several processes has the rows that one process has, and outlives any of them."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from api.composition import Services
from infra.databases import Databases
from infra.settings import Settings
from projections.assets.fold import ASSETS
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.statistics.fold import STATISTICS
from tests.conftest import new_tenant
from tests.infra.embedding import eventually
from tests.program import PROGRAM, environment_of, output, run
from tests.projections.mixed_history import record_everything
from tests.projections.tables import catch_up, contents
from tests.projections.test_slices import begin, slices

WAITING = """
SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()
"""


@pytest.fixture
def program(settings: Settings, databases: Databases) -> dict[str, str]:
    """The environment of the program on this test's databases."""
    return environment_of(settings, databases)


@pytest.fixture
def live(quiet: Services) -> bytes:
    """The rows of a mixed history."""
    record_everything(quiet, new_tenant(quiet))
    catch_up(quiet)
    return contents(quiet, ASSETS)


@pytest.mark.parametrize("processes", ["1", "2", "4"])
def test_rows_are_the_same_to_the_byte_in_any_number_of_processes(
    quiet: Services, live: bytes, program: dict[str, str], processes: str
) -> None:
    for events_per_slice in (2, 30, 110):
        begin(quiet, ASSETS, events_per_slice)
        assert "rebuilt assets" in output(program, "projections", "rebuild", "assets", "--processes", processes)
        assert contents(quiet, ASSETS) == live
    for projection in (AUDIT_TRAIL, STATISTICS):
        followed = contents(quiet, projection)
        begin(quiet, projection, 10)
        output(program, "projections", "rebuild", projection.name, "--processes", processes)
        assert contents(quiet, projection) == followed


@contextmanager
def held_up(databases: Databases, program: dict[str, str], processes: int) -> Iterator["subprocess.Popen[str]"]:
    """A rebuild of `assets`, each of whose processes waits with a slice while the block runs; it ends afterwards."""
    command = [PROGRAM, "projections", "rebuild", "assets", "--processes", str(processes)]
    with (
        psycopg.connect(databases.projector) as locking,
        psycopg.connect(databases.projector, autocommit=True) as looking,
        subprocess.Popen(command, env=program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
    ):
        table = sql.Identifier("read_models", ASSETS.table.name)
        locking.execute(sql.SQL("LOCK TABLE {} IN SHARE MODE").format(table))
        eventually(lambda: looking.execute(WAITING).fetchone() == (processes,))
        yield process
        locking.rollback()
        process.communicate(timeout=60)  # returns when every process has ended that writes to its pipes


def children(pid: int) -> list[int]:
    """The processes that a process has forked (Linux: proc(5))."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_ended(pid: int) -> bool:
    """Whether the process is gone, or nobody has asked yet how it ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def test_a_process_that_is_killed_loses_nothing(
    quiet: Services, live: bytes, databases: Databases, program: dict[str, str]
) -> None:
    begin(quiet, ASSETS, 10)
    with held_up(databases, program, 3) as process:
        first, *_ = children(process.pid)
        os.kill(first, signal.SIGKILL)
        eventually(lambda: has_ended(first))
    assert process.returncode == 0
    assert contents(quiet, ASSETS) == live


def test_a_rebuild_that_is_killed_takes_its_processes_along_and_is_resumed(
    quiet: Services, live: bytes, databases: Databases, program: dict[str, str]
) -> None:
    begin(quiet, ASSETS, 10)
    with held_up(databases, program, 3) as process:
        helpers = children(process.pid)
        process.kill()
    eventually(lambda: all(map(has_ended, helpers)))
    assert len(helpers) == 2
    assert slices(quiet) > 0
    assert "rebuilt assets" in output(program, "projections", "rebuild", "assets", "--processes", "2")
    assert contents(quiet, ASSETS) == live


def test_no_process_is_no_number_of_processes(program: dict[str, str]) -> None:
    ended = run(program, "projections", "rebuild", "assets", "--processes", "0")
    assert ended.returncode == 2
    assert "--processes" in ended.stderr
