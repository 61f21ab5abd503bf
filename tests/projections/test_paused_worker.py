"""A worker that is paused until others have done its work folds nothing twice when it goes on."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP

import pytest

from api.composition import Services
from infra.databases import Databases
from infra.settings import Settings
from projections.assets.fold import ASSETS
from projections.catalogue import CATALOGUE
from projections.engine.rebuild import rebuild
from tests.conftest import new_tenant
from tests.infra.embedding import eventually
from tests.program import environment_of
from tests.projections.tables import all_contents
from tests.projections.test_engine import record

PROJECT = Path(__file__).parents[2]


@contextmanager
def worker(environment: dict[str, str], stage: str = "", seconds: int = 60) -> Iterator["subprocess.Popen[str]"]:
    """A process that folds, and is killed in the end if need be."""
    command = [sys.executable, "-m", "tests.projections.worker", stage, str(seconds)]
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.send_signal(SIGCONT)
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def locks(services: Services) -> int:
    """The number of sessions that are idle in a transaction and hold checkpoints of this database."""
    query = """SELECT count(DISTINCT a.pid) FROM pg_stat_activity AS a JOIN pg_locks AS l USING (pid)
                WHERE a.datname = current_database() AND a.state = 'idle in transaction'
                  AND l.relation = 'read_models.progress'::regclass"""
    with services.projector.connection() as connection:
        ((count,),) = connection.execute(query).fetchall()
    return int(count)


@pytest.mark.parametrize("stage", ["folded", "written", "advanced"])
def test_what_others_have_folded_meanwhile_is_not_folded_again(
    quiet: Services, databases: Databases, settings: Settings, stage: str
) -> None:
    tenants = [new_tenant(quiet) for _ in range(3)]
    for tenant in tenants:
        record(quiet, tenant, 5)
    environment = environment_of(settings, databases)
    with worker(environment, stage, 2) as paused:
        assert line(paused) == "waiting"
        paused.send_signal(SIGSTOP)
        assert locks(quiet) == 1
        eventually(lambda: locks(quiet) == 0)  # the server has ended its session
        record(quiet, tenants[0], 5)
        with worker(environment) as other:
            assert line(other) == "done"
        live = all_contents(quiet)
        assert paused.stdin is not None
        paused.stdin.write("\n")
        paused.stdin.flush()
        paused.send_signal(SIGCONT)
        assert line(paused).startswith("lost: ")
        assert line(paused) == "done"
    assert all_contents(quiet) == live
    assert quiet.engine.progress.miscounted() == []
    assert {lag.behind for lag in quiet.engine.progress.lag()} == {0}
    counts = "SELECT sum(applied) FROM read_models.progress WHERE projection = %s"
    with quiet.projector.connection() as connection:
        assert connection.execute(counts, (ASSETS.name,)).fetchall() == [(3 * 6 + 5,)]
    for projection in CATALOGUE:
        rebuild(quiet.engine, projection)
    assert all_contents(quiet) == live
