"""`http.*`: what one server process answers over keep-alive connections on the loopback interface."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from statistics import median
from uuid import UUID

import orjson

from api.composition import Services
from benchmarks import decisions
from benchmarks.appends import new_tenant
from benchmarks.environment import Ground, MeasuringError, environment
from benchmarks.load import Address, Load, for_seconds, load, request
from benchmarks.results import Result
from benchmarks.schedule import Scale, in_turns
from domain.event import Actor
from infra.databases import Databases

ASSETS = 3_000
BATCH = 1_000
BATCH_CONNECTIONS = 4
PLAIN_KEY = "a plain key of a plain service"
_BODY = orjson.dumps(decisions.BODY)


@dataclass(frozen=True)
class Served:
    """A server, and the key that opens it."""

    address: Address
    pid: int
    key: str
    settle: Callable[[], None] = lambda: None
    """Waits until the server has nothing left to do."""

    def create(self, more: Callable[[int], bool], *, keep: bool = False) -> Load:
        """Record one asset in each request."""
        return load(self.address, [request("POST", "/v1/assets", self.key, _BODY)], more, status=201, keep=keep)

    def get(self, paths: Sequence[str], seconds: float) -> float:
        """Read the paths in turn; returns the answers a second."""
        return load(self.address, [request("GET", path, self.key) for path in paths], for_seconds(seconds)).rate

    def filled(self, assets: int = ASSETS) -> list[str]:
        """Record some thousand assets; returns their paths."""
        created = self.create(lambda sent: sent < assets, keep=True)
        self.settle()
        return [f"/v1/assets/{orjson.loads(body)['id']}" for body in created.bodies]


@contextmanager
def ours(ground: Ground, **settings: str) -> Iterator[tuple[Served, Services, UUID]]:
    """The ledger as `asset-ledger serve` serves it, with a tenant; and the same ledger in this process.

    More settings are given by the names of their variables.
    """
    with ground.ledger() as (services, servers):
        tenant_id = new_tenant(services)
        with served(ground, servers, new_key(services, tenant_id), **settings) as ledger:
            yield replace(ledger, settle=lambda: settle(services)), services, tenant_id


def new_key(services: Services, tenant_id: UUID) -> str:
    """A key of the tenant."""
    return services.api_keys.issue(decisions.context(), tenant_id, Actor(id="bench", type="system"))


@contextmanager
def served(ground: Ground, servers: Databases, key: str, **settings: str) -> Iterator[Served]:
    """The ledger of these databases as `asset-ledger serve` serves it, in a process of its own."""
    settings |= environment(servers)
    with ground.server("benchmarks.serve", "serve", "--port", "0", environment=settings) as server:
        yield Served(*server, key)


@contextmanager
def plain(ground: Ground) -> Iterator[Served]:
    """The peer, served by a process of its own."""
    with ground.empty() as conninfo:
        settings = {"PLAIN_DATABASE_URL": conninfo, "PLAIN_KEY": PLAIN_KEY}
        with ground.server("benchmarks.peers.plain", environment=settings) as server:
            yield Served(*server, PLAIN_KEY)


def settle(services: Services, patience: float = 300) -> None:
    """Wait until every projection has folded every log. MeasuringError if that does not happen."""
    until = time.monotonic() + patience
    while any(lag.behind for lag in services.engine.progress.lag()):
        if time.monotonic() > until:
            raise MeasuringError("the projections do not catch up")
        time.sleep(0.05)


def create(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`POST /v1/assets`; every answer's asset must be in the log."""
    with ours(ground) as (ledger, services, tenant_id), plain(ground) as peer:
        head = services.log.of(tenant_id).head

        def measured() -> float:
            before = head()
            created = ledger.create(for_seconds(scale.seconds))
            if head() - before != created.count:
                raise MeasuringError(f"{created.count} assets were answered, {head() - before} recorded")
            ledger.settle()
            return created.rate

        ledger.filled(320)
        peer.filled(320)
        pairs = in_turns(scale, measured, lambda: peer.create(for_seconds(scale.seconds)).rate)
        yield pairs.result("http.create", "requests/s")


def get(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`GET /v1/assets/{id}`, over some thousand assets."""

    def side(served: Served) -> Callable[[], float]:
        paths = served.filled()
        served.get(paths, 1)
        return lambda: served.get(paths, scale.seconds)

    with ours(ground) as (ledger, _, _), plain(ground) as peer:
        yield in_turns(scale, side(ledger), side(peer)).result("http.get", "requests/s")


def list_(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`GET /v1/assets?limit=100`, a hundred rows of some thousand."""
    path = "/v1/assets?limit=100"
    with ours(ground) as (ledger, _, _), plain(ground) as peer:
        for served in (ledger, peer):
            served.filled()
            tried = load(served.address, [request("GET", path, served.key)], for_seconds(1), keep=True)
            if {len(orjson.loads(body)["items"]) for body in tried.bodies} != {100}:
                raise MeasuringError("a page has a hundred rows")
        pairs = in_turns(scale, lambda: ledger.get([path], scale.seconds), lambda: peer.get([path], scale.seconds))
        yield pairs.result("http.list", "requests/s")


def batch(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`POST /v1/assets/batch` with a thousand assets in each request; every one must be in the log."""
    with ours(ground) as (ledger, services, tenant_id):
        head = services.log.of(tenant_id).head
        requests = [request("POST", "/v1/assets/batch", ledger.key, orjson.dumps([decisions.BODY] * BATCH))]

        def measured(seconds: float) -> float:
            before = head()
            answers = load(ledger.address, requests, for_seconds(seconds), connections=BATCH_CONNECTIONS)
            if head() - before != answers.count * BATCH:
                raise MeasuringError(f"{answers.count} batches were answered, {head() - before} assets recorded")
            ledger.settle()
            return answers.rate * BATCH

        measured(0)
        yield Result("http.batch", median(measured(scale.seconds) for _ in range(scale.rounds)), "assets/s")
