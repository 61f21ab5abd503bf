"""`rebuild.*` and `storage.per_event`: read models from empty, by two processes, and how large they are."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

from api.composition import Services
from benchmarks.appends import new_tenant
from benchmarks.environment import Ground, environment
from benchmarks.logs import make_full_log, make_log
from benchmarks.peers import stock
from benchmarks.results import Result
from benchmarks.schedule import Pairs, Scale, in_turns
from infra.databases import Databases
from infra.sql import literal, load_statements
from projections.assets.fold import ASSETS
from projections.catalogue import PROJECTIONS

_SQL = load_statements(__file__, "rebuilds.sql")
READ_MODEL = load_statements(stock.__file__, "read_model.sql")
PROCESSES = 2
COPIED_AT_ONCE = 50  # the library sends them in a pipeline, which never ends once they overfill the socket's buffer
BLOCK = 1 << 16


def single(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`assets` by one process; the peer is the library's runner on the first of the events."""
    yield _beside_runner(ground, scale, 1, []).result("rebuild", "events/s")


def assets(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`assets` by two processes, and the memory that takes; the peer is the library's runner."""
    megabytes: list[float] = []
    yield _beside_runner(ground, scale, PROCESSES, megabytes).result("rebuild.assets", "events/s")
    yield Result("rebuild.rss", median(megabytes), "MB")


def vs_copy(ground: Ground, scale: Scale) -> Iterator[Result]:
    """The rows of `assets` by two processes; the peer copies them into a table like theirs, and makes the indexes."""
    with ground.ledger() as (services, servers), ground.folder() as folder:
        make_log(services, new_tenant(services), scale.assets)
        rebuilt(ground, servers, PROCESSES, "assets")
        copy = _Copy(ground, servers, folder / "rows")

        def measured() -> float:
            return float(copy.rows / rebuilt(ground, servers, PROCESSES, "assets")["seconds"])

        yield in_turns(scale, measured, copy.rate, rounds=scale.rebuilds).result("rebuild.vs_copy", "rows/s")


def everything(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Every read model, one after the other, by two processes, of assets that jobs make, and how large all are."""
    with ground.ledger() as (services, servers):
        make_full_log(services, new_tenant(services), scale.assets // 4)
        rates = in_turns(
            scale,
            lambda: _rate(rebuilt(ground, servers, PROCESSES, *PROJECTIONS)),
            lambda: 1.0,  # no peer
            rounds=scale.rebuilds,
        )
        with psycopg.connect(str(servers.owner)) as owner:
            ((of_log, of_read_models),) = owner.execute(_SQL["sizes"]).fetchall()
    yield Result("rebuild.all", median(rates.ours), "events/s")
    yield Result("storage.per_event", of_read_models / of_log, "of the log")


def _beside_runner(ground: Ground, scale: Scale, processes: int, megabytes: list[float]) -> Pairs:
    """Rebuilds of `assets` in turns with the library's runner. Adds the most memory of a process in each."""
    with ground.ledger() as (services, servers), ground.empty() as conninfo:
        tenant_id = new_tenant(services)
        make_log(services, tenant_id, scale.assets)
        with psycopg.connect(conninfo) as connection:
            connection.execute(READ_MODEL["table"])
        with stock.StockLedger(stock.environment(conninfo, 1)) as application:
            peer = _Peer(ground, services, tenant_id, application, stock.environment(conninfo, 4))
            each = scale.peer_events // scale.rebuilds

            def measured() -> float:
                figures = rebuilt(ground, servers, processes, "assets")
                megabytes.append(figures["megabytes"])
                return _rate(figures)

            return in_turns(scale, measured, lambda: peer.rate(each), rounds=scale.rebuilds)


def rebuilt(ground: Ground, servers: Databases, processes: int, *names: str) -> dict[str, Any]:
    """The events, the seconds and the most megabytes of a process that rebuilt these read models."""
    ground.run("checkpoint")
    arguments = (str(processes), *names)
    figures: dict[str, Any] = json.loads(ground.answer("benchmarks.rebuilding", environment(servers), *arguments))
    return figures


def _rate(figures: dict[str, Any]) -> float:
    return float(figures["events"] / figures["seconds"])


class _Peer:
    """The library's application with the ledger's events, as many more in each round."""

    def __init__(
        self,
        ground: Ground,
        services: Services,
        tenant_id: UUID,
        application: stock.StockLedger,
        settings: dict[str, str],
    ) -> None:
        self._ground = ground
        self._log = services.log.of(tenant_id)
        self._application = application
        self._settings = settings
        self._copied = 0

    def rate(self, events: int) -> float:
        """Events a second of the next so many events. Copying them is not measured."""
        until = self._copied + events
        while page := self._log.page(self._copied, until, COPIED_AT_ONCE):
            self._application.save(*(recorded.event for recorded in page))
            self._copied = page[-1].position
        self._ground.run("checkpoint")
        output = self._ground.answer("benchmarks.peers.runner", self._settings | {"PEER_UNTIL": str(until)})
        return events / float(json.loads(output)["seconds"])


class _Copy:
    """The rows of `assets` in a file, copied into another table like theirs, which then gets their indexes."""

    def __init__(self, ground: Ground, servers: Databases, file: Path) -> None:
        self._ground, self._projector, self._file = ground, servers.projector, file
        with self._connected() as connection, file.open("wb") as rows:
            with connection.cursor().copy(_named("copy_out")) as copy:
                for block in copy:
                    rows.write(block)
            (self.rows,) = connection.execute(_named("count")).fetchall()[0]

    def rate(self) -> float:
        """Rows a second."""
        self._ground.run("checkpoint")
        with self._connected() as connection, self._file.open("rb") as rows:
            started = time.perf_counter()
            connection.execute(_named("copied"))
            indexes = connection.execute(_SQL["indexes"], {"table": ASSETS.table.name}).fetchall()
            with connection.cursor().copy(_SQL["copy_in"]) as copy:
                while block := rows.read(BLOCK):
                    copy.write(block)
            connection.execute(_SQL["build_settings"])
            for (index,) in indexes:
                connection.execute(literal(index))
            connection.execute(_SQL["analyze"])
            connection.commit()
            seconds = time.perf_counter() - started
            connection.execute(_SQL["drop"])
            return float(self.rows / seconds)

    def _connected(self) -> psycopg.Connection:
        return psycopg.connect(self._projector)


def _named(statement: str) -> sql.Composed:
    return sql.SQL(_SQL[statement]).format(table=sql.Identifier(ASSETS.table.name))
