"""A forked process has a pool and a writer of its own, and what its parent has goes on as if nothing had happened."""

import subprocess
import sys
from pathlib import Path

from api.composition import Services
from infra.databases import Databases
from tests.conftest import empty_log
from tests.infra.grouping import stored

PROJECT = Path(__file__).parents[2]
FORKING = """
import os, sys
from uuid import UUID
from infra.database import Database
from infra.event_log.group_commit import GroupWriter
from tests.infra.grouping import an_append

tenant = UUID(sys.argv[2])

def backends(database):
    with database.connection() as one:
        return one.execute("SELECT pg_backend_pid()").fetchone()[0]

def tell(who, pid):
    os.write(1, f"{who} {pid} {writer.append(an_append(tenant))[0].position}\\n".encode())

with Database(sys.argv[1], size=1) as reading, Database(sys.argv[1], size=2) as writing, GroupWriter(writing) as writer:
    tell("parent", backends(reading))
    child = os.fork()
    if not child:
        tell("child", backends(reading))
        grandchild = os.fork()
        if not grandchild:
            tell("grandchild", backends(reading))
            sys.exit()
        assert os.waitpid(grandchild, 0)[1] == 0
        tell("child", backends(reading))
        sys.exit()
    assert os.waitpid(child, 0)[1] == 0
    tell("parent", backends(reading))
    if not os.fork():
        os._exit(0)
    os.wait()
    tell("parent", backends(reading))
"""
DROPPED = """
import gc, os
from infra.after_fork import after_fork

class Own:
    def begin(self):
        os.write(1, self.name)

def made(name):
    own = Own()
    own.name = name
    after_fork(own.begin)
    return own

kept, dropped = made(b"kept"), made(b"dropped")
del dropped
gc.collect()
if not os.fork():
    os._exit(0)
os.wait()
"""


def run(script: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_a_forked_process_writes_by_itself_and_its_parents_connections_stay_usable(
    quiet: Services, databases: Databases
) -> None:
    tenant = empty_log(quiet)
    records = [line.split() for line in run(FORKING, databases.service, str(tenant)).splitlines()]
    assert [who for who, *_ in records] == ["parent", "child", "grandchild", "child", "parent", "parent"]
    assert [int(position) for *_, position in records] == [1, 2, 3, 4, 5, 6]
    backends = {who: {pid for name, pid, _ in records if name == who} for who, *_ in records}
    assert [len(pids) for pids in backends.values()] == [1, 1, 1], "everybody keeps its connection"
    assert len(set.union(*backends.values())) == 3
    assert len(stored(quiet, tenant)) == 6


def test_nothing_is_begun_in_a_fork_for_what_no_longer_lives() -> None:
    assert run(DROPPED) == "kept"
