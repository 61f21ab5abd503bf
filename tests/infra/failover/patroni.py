"""A drill with Patroni and etcd, for `make drill-patroni`: the leader is lost under writers, several times."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from time import monotonic, sleep
from typing import Any
from uuid import UUID

import httpx
import psycopg
from psycopg.conninfo import make_conninfo

from api.composition import Services, connected
from domain.errors import OutcomeUnknownError, ServiceUnavailableError
from infra import databases
from infra.databases import Databases
from infra.embedded_postgres import binaries
from infra.embedded_postgres.account import Account, server_account
from infra.settings import Settings
from tests.conftest import empty_log
from tests.infra.failover.servers import own_folder
from tests.infra.grouping import an_append, bytes_at, stored

ROUNDS = 3
WRITERS = 8
DEADLINE_SECONDS = 120
MEMBERS = ("a", "b")
TTL_SECONDS = 20
"""The shortest that Patroni takes: after so long a leader that is not heard of is replaced."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Program:
    """A program that runs as the servers' user, in a session of its own."""

    command: list[str]
    account: Account
    log: Path
    process: "subprocess.Popen[bytes] | None" = field(default=None, init=False)

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
                start_new_session=True,
                user=self.account.uid if self.account.switched else None,
                group=self.account.gid if self.account.switched else None,
                extra_groups=[] if self.account.switched else None,
            )

    def kill(self, number: signal.Signals = signal.SIGKILL) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait()


@dataclass
class Member:
    """A server and the Patroni that looks after it."""

    name: str
    folder: Path
    port: int
    api: int
    patroni: Program

    def has_role(self, role: str) -> bool:
        """Whether Patroni says that it is the primary, or synchronous."""
        with suppress(httpx.HTTPError):
            return httpx.get(f"http://127.0.0.1:{self.api}/{role}", timeout=2).status_code == 200
        return False

    def is_leader(self) -> bool:
        return self.has_role("primary")

    def lose(self) -> None:
        """Lose the machine: Patroni and its server, at once."""
        self.patroni.kill()
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((self.folder / "postgresql" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


def until(holds: Any, what: str) -> None:
    deadline = monotonic() + DEADLINE_SECONDS
    while not holds():
        if monotonic() > deadline:
            sys.exit(f"not within {DEADLINE_SECONDS} s: {what}")
        sleep(0.1)


@contextmanager
def members(patroni: Path) -> Iterator[list[Member]]:
    """A cluster of two, and the etcd that it agrees by."""
    account = server_account()
    with own_folder() as folder, ExitStack() as stack:
        folder.chmod(0o755)
        programs = binaries.reachable(binaries.find(), account, folder)
        client, peer = free_port(), free_port()
        account.own_directory(folder / "etcd")
        urls = [f"--{kind}-client-urls=http://127.0.0.1:{client}" for kind in ("listen", "advertise")]
        own = [f"--listen-peer-urls=http://127.0.0.1:{peer}", f"--data-dir={folder / 'etcd'}", "--unsafe-no-fsync"]
        etcd = Program(["etcd", *urls, *own], account, folder / "etcd.log")
        etcd.start()
        stack.callback(etcd.kill)
        started = []
        for name in MEMBERS:
            own_directory = account.own_directory(folder / name)
            port, api = free_port(), free_port()
            config = folder / f"{name}.json"
            config.write_text(json.dumps(configuration(name, own_directory, programs.directory, port, api, client)))
            program = Program([str(patroni), str(config)], account, folder / f"{name}.log")
            started.append(Member(name, own_directory, port, api, program))
            program.start()
            stack.callback(started[-1].lose)
        until(lambda: any(member.is_leader() for member in started), f"a leader; see {folder}")
        yield started


def configuration(name: str, folder: Path, programs: Path, port: int, api: int, etcd: int) -> dict[str, Any]:
    """What one Patroni is told."""
    users = {kind: {"username": "postgres"} for kind in ("superuser", "replication")}
    return {
        "scope": "drill",
        "name": name,
        "restapi": {"listen": f"127.0.0.1:{api}", "connect_address": f"127.0.0.1:{api}"},
        "etcd3": {"host": f"127.0.0.1:{etcd}"},
        "bootstrap": {
            "dcs": {
                "ttl": TTL_SECONDS,
                "loop_wait": 2,
                "retry_timeout": 5,
                "synchronous_mode": True,
                "primary_start_timeout": 0,
                "postgresql": {"use_pg_rewind": True},
            },
            "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, {"auth": "trust"}, {"username": "postgres"}],
        },
        "postgresql": {
            "listen": f"127.0.0.1:{port}",
            "connect_address": f"127.0.0.1:{port}",
            "data_dir": str(folder / "postgresql"),
            "bin_dir": str(programs),
            "authentication": users,
            "parameters": {"unix_socket_directories": str(folder), "shared_buffers": "32MB", "wal_log_hints": "on"},
            "pg_hba": [
                "local all all trust",
                "host all all 127.0.0.1/32 trust",
                "host replication all 127.0.0.1/32 trust",
            ],
        },
    }


def on_whoever_leads(cluster: list[Member]) -> Databases:
    """The ledger's databases on whichever member leads."""

    def conninfo(dbname: str, user: str) -> str:
        return make_conninfo(
            host=",".join("127.0.0.1" for _ in cluster),
            port=",".join(str(member.port) for member in cluster),
            dbname=dbname,
            user=user,
            target_session_attrs="read-write",
            load_balance_hosts="random",
            connect_timeout=3,
        )

    with psycopg.connect(conninfo("postgres", "postgres"), autocommit=True) as connection:
        for statement in ("roles", "create_log_database", "create_keys_database"):
            connection.execute(databases._SQL[statement])
    log, keys = "asset_ledger", "asset_ledger_keys"
    return Databases(
        service=conninfo(log, "asset_ledger_service"),
        projector=conninfo(log, "asset_ledger_projector"),
        keys=conninfo(keys, "asset_ledger_service"),
        owner=conninfo(log, "asset_ledger_owner"),
        keys_owner=conninfo(keys, "asset_ledger_owner"),
    )


@dataclass
class Answers:
    """What one writer was told."""

    answered: dict[int, bytes] = field(default_factory=dict)
    refused: int = 0
    unknown: int = 0
    longest: float = 0.0


def write(services: Services, tenant: UUID, stop: Event) -> Answers:
    """Append until stopped."""
    answers, last = Answers(), monotonic()
    while not stop.is_set():
        append = an_append(tenant)
        try:
            answers.answered |= bytes_at(append, services.log.of(tenant).recorder.append(append.entries))
        except OutcomeUnknownError:
            answers.unknown += 1
        except ServiceUnavailableError:
            answers.refused += 1
        else:
            answers.longest = max(answers.longest, monotonic() - last)
            last = monotonic()
    return answers


def drill(services: Services, cluster: list[Member]) -> None:
    """Lose the leader under writers; say what became of what was answered."""
    until(lambda: any(member.has_role("synchronous") for member in cluster), "a synchronous standby")
    tenant, stop = empty_log(services), Event()
    with ThreadPoolExecutor(WRITERS) as callers:
        writers = [callers.submit(write, services, tenant, stop) for _ in range(WRITERS)]
        head = services.log.of(tenant).head
        until(lambda: head() > 200, "writes")
        leader = next(member for member in cluster if member.is_leader())
        (other,) = [member for member in cluster if member is not leader]
        leader.lose()
        until(other.is_leader, f"{other.name} leads")
        leader.patroni.start()
        reached: list[int] = []

        def goes_on() -> bool:
            with suppress(ServiceUnavailableError):
                reached.append(head())
            return bool(reached) and reached[-1] > reached[0] + 200

        until(goes_on, "writes after the failover")
        stop.set()
        answers = [writer.result() for writer in writers]
    there = stored(services, tenant)
    answered = {position: state for each in answers for position, state in each.answered.items()}
    lost = {position for position, state in answered.items() if there.get(position) != state}
    twice = sum(len(each.answered) for each in answers) - len(answered)
    print(  # noqa: T201
        f"{leader.name} lost: {len(answered)} answered, {len(lost)} of them lost, {twice} told twice; "
        f"{sum(each.refused for each in answers)} refused, {sum(each.unknown for each in answers)} unknown; "
        f"longest pause {max(each.longest for each in answers):.1f} s",
        flush=True,
    )
    problems = [problem for check in services.checks if (problem := check.problem())]
    if lost or twice or problems:
        sys.exit(f"the drill failed: {sorted(lost)[:10]} {problems}")


def main() -> None:
    """Run the drill with the Patroni that is named."""
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    with members(Path(sys.argv[1])) as cluster:
        of_leader = on_whoever_leads(cluster)
        of_leader.migrate()
        settings = Settings(key_encryption_key="A" * 43 + "=", follow=False, content_store="file:///tmp")
        with connected(settings, of_leader) as services:
            for _ in range(ROUNDS):
                drill(services, cluster)


if __name__ == "__main__":
    main()
