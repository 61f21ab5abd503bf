"""What is done to the ledger while it works, and how often it was done."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from uuid import UUID

import psycopg

from infra.embedded_postgres import watchdog
from infra.embedded_postgres.cluster import start
from tests.chaos.cutting import Cutter, When
from tests.chaos.plan import PAUSE, Plan
from tests.chaos.staff import Staff

DURABLE = {"max_wal_size": "4GB", "shared_buffers": "256MB"}
MARKER = b'"topic":"asset.'
"""Stands in every append of assets."""
REQUEST = b'"topic":"job.'
"""Stands in every append that is part of a transaction."""
GOES_ON = 20
"""Positions by which every other tenant's log grows while one head is held."""
HOLDS = (1, 1, 4)
"""How many times as long as usual a head is held; the longest outlasts a writer's patience."""
DEADLINE_SECONDS = 120


class Faults:
    """Does one fault after the other. `watch` is called while one takes its time."""

    def __init__(
        self, plan: Plan, cluster_dir: Path, uses: ExitStack, cutter: Cutter, staff: Staff, watch: Callable[[], None]
    ) -> None:
        self._plan = plan
        self._cluster_dir = cluster_dir
        self._uses = uses
        self._cutter = cutter
        self._staff = staff
        self._watch = watch
        self._chance = random.Random(f"{plan.seed} faults")  # noqa: S311 - chosen again by the same seed
        self.done: Counter[str] = Counter()

    def round(self) -> list[Callable[[], None]]:
        """Every fault once, in some order."""
        faults = [
            self.kill_writer,
            self.kill_follower,
            self.restart_database,
            self.crash_database,
            self.hold_head,
            self.freeze_connections,
            self.freeze_service,
            *(lambda when=when: self.cut(when) for when in When),
            *(lambda when=when: self.cut_commit(when) for when in When),
        ]
        self._chance.shuffle(faults)
        return faults

    def kill_writer(self) -> None:
        """Kill a process of writers in the middle of what it does."""
        self._staff.kill("writer", self._chance)
        self.done["process of writers killed"] += 1

    def kill_follower(self) -> None:
        """Kill a follower."""
        self._staff.kill("follower", self._chance)
        self.done["follower killed"] += 1

    def cut(self, when: When) -> None:
        """Cut the connection of the next append."""
        self._cutter.cut_next(MARKER, when)
        self._until(lambda: not self._cutter.armed, "no append came to be cut")

    def cut_commit(self, when: When) -> None:
        """Cut the connection of the next request that commits a transaction of its own."""
        self._cutter.cut_commit(REQUEST, when, writing=False)
        self._until(lambda: not self._cutter.armed, "no request came to be cut")
        self.done["request cut at COMMIT"] += 1

    def restart_database(self) -> None:
        """Stop PostgreSQL, which ends every session, and start it again."""
        with watchdog.control(self._cluster_dir):
            watchdog.stop_server(self._cluster_dir)
        self._uses.enter_context(start(self._cluster_dir, DURABLE))
        self.done["PostgreSQL restarted"] += 1

    def crash_database(self) -> None:
        """Kill PostgreSQL, and let it recover."""
        pid = watchdog.server_pid(self._cluster_dir)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self._until(lambda: watchdog.server_pid(self._cluster_dir) is None, "PostgreSQL survived SIGKILL")
        self._uses.enter_context(start(self._cluster_dir, DURABLE))
        self.done["PostgreSQL killed and recovered"] += 1

    def hold_head(self) -> None:
        """Hold one tenant's head for some seconds, until every other tenant's log has grown."""
        tenant = self._chance.choice(self._plan.tenants)
        seconds = self._plan.size.hold_seconds * self._chance.choice(HOLDS)
        with psycopg.connect(self._plan.direct.service) as stranger:
            stranger.execute("SET idle_in_transaction_session_timeout = 0")
            stranger.execute("SELECT ledger.lock_head(%s)", (tenant,))
            before, since = self.heads(), time.monotonic()
            self._until(
                lambda: (
                    all(head >= before[t] + GOES_ON for t, head in self.heads().items() if t != tenant)
                    and time.monotonic() > since + seconds
                ),
                "the other tenants' appends did not go on",
            )
            if self.heads()[tenant] != before[tenant]:
                raise AssertionError("somebody appended to a log whose head was held")
        self.done["head held by a stranger"] += 1

    def freeze_connections(self) -> None:
        """Let nothing through to the database and back, at times for longer than anybody waits for an answer."""
        thawed = time.monotonic() + self._plan.size.hold_seconds * self._chance.choice(HOLDS)
        self._cutter.freeze()
        try:
            self._until(lambda: time.monotonic() > thawed, "")
        finally:
            self._cutter.thaw()
        before = self.heads()
        self._until(lambda: self._grown(before), "appends did not go on once the connections did")
        self.done["connections frozen"] += 1

    def freeze_service(self) -> None:
        """Stop a process of writers where it is, perhaps while it holds a head, until every log has grown."""
        pid = self._staff.pid("writer", self._chance)
        os.kill(pid, signal.SIGSTOP)
        try:
            before = self.heads()
            self._until(lambda: self._grown(before), "a frozen process keeps others from appending")
        finally:
            os.kill(pid, signal.SIGCONT)
        self.done["process of writers frozen"] += 1

    def _grown(self, before: dict[UUID, int]) -> bool:
        """Whether every log has grown by some positions."""
        return all(head >= before[tenant] + GOES_ON for tenant, head in self.heads().items())

    def heads(self) -> dict[UUID, int]:
        """Every tenant's head."""
        with psycopg.connect(self._plan.direct.projector) as connection:
            return dict(connection.execute("SELECT tenant_id, position FROM ledger.log_heads").fetchall())

    def _until(self, holds: Callable[[], bool], otherwise: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(otherwise)
            self._watch()
            time.sleep(PAUSE)
