"""`append.*`: from an aggregate's decision to the durable commit, by 32 threads."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from uuid import UUID

from eventsourcing.persistence import IntegrityError

from api.composition import Services
from benchmarks import decisions
from benchmarks.decisions import Decide
from benchmarks.environment import Ground, MeasuringError
from benchmarks.peers import stock
from benchmarks.results import Result
from benchmarks.schedule import Pairs, Scale, in_turns

THREADS = 32
BATCH_THREADS = 2  # more only wait for each other
LONE_THREADS = 16
TENANTS = 64
PATIENCE = 30
STALE_OF = 20  # one append of so many is stale
UNIT = "events/s"

Work = Callable[[int], int]
"""Carries out a thread's n-th append; returns how many events were answered."""


def rate(work: Work, seconds: float, threads: int = THREADS) -> float:
    """Events a second: every thread appends until the time is up, and the last answer ends the measurement."""
    begun = threading.Barrier(threads + 1, timeout=PATIENCE)
    until: list[float] = []

    def run() -> int:
        begun.wait()
        events, nth = 0, 0
        while time.perf_counter() < until[0]:
            events, nth = events + work(nth), nth + 1
        return events

    with ThreadPoolExecutor(threads) as pool:
        answers = [pool.submit(run) for _ in range(threads)]
        started = time.perf_counter()
        until.append(started + seconds)
        begun.wait()
        events = sum(answer.result() for answer in answers)
        return events / (time.perf_counter() - started)


def compared(ground: Ground, scale: Scale, ours: Work, peer: Work, threads: int = THREADS) -> Pairs:
    """Both in turns, after a first try of each that is not measured."""

    def side(work: Work, threads: int) -> Callable[[], float]:
        def measured() -> float:
            ground.run("checkpoint")
            return rate(work, scale.seconds, threads)

        rate(work, min(1, scale.seconds), threads)
        return measured

    return in_turns(scale, side(ours, threads), side(peer, THREADS))


def on(services: Services, tenant_id: UUID, decide: Decide, events: int = 1) -> Work:
    """Decides and records so many events in one append, for one tenant."""
    log = services.log.of(tenant_id)

    def work(_nth: int) -> int:
        return len(log.record(*(decide(tenant_id) for _ in range(events))))

    return work


@contextmanager
def stock_singles(ground: Ground, tenant_id: UUID) -> Iterator[Work]:
    """Decides and saves one event in the library's own recorder."""
    with ground.empty() as conninfo, stock.StockLedger(stock.environment(conninfo, THREADS)) as application:
        yield lambda _nth: len(application.save(decisions.impersonal(tenant_id)))


def single(ground: Ground, scale: Scale) -> Iterator[Result]:
    """One event an append; the peer is the library's stock recorder."""
    with ground.ledger() as (services, _):
        tenant_id = new_tenant(services)
        with stock_singles(ground, tenant_id) as peer:
            ours = on(services, tenant_id, decisions.impersonal)
            yield compared(ground, scale, ours, peer).result("append.single", UNIT)


def batch100(ground: Ground, scale: Scale) -> Iterator[Result]:
    """A hundred events an append; the peer is the library's stock recorder, one event an append."""
    with ground.ledger() as (services, _):
        tenant_id = new_tenant(services)
        with stock_singles(ground, tenant_id) as peer:
            ours = on(services, tenant_id, decisions.impersonal, events=100)
            yield compared(ground, scale, ours, peer, BATCH_THREADS).result("append.batch100", UNIT)


def sealed(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Personal words sealed with one subject's key; the peer is ours, the same words in the clear."""
    with ground.ledger() as (services, _):
        ours = on(services, new_tenant(services), decisions.sealed)
        peer = on(services, new_tenant(services), decisions.in_clear)
        yield compared(ground, scale, ours, peer).result("append.sealed", UNIT)


def tenants64(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Spread over 64 tenants; the peer is ours with one."""
    with ground.ledger() as (services, _):
        ours = in_rotation([on(services, new_tenant(services), decisions.impersonal) for _ in range(TENANTS)])
        peer = on(services, new_tenant(services), decisions.impersonal)
        yield compared(ground, scale, ours, peer).result("append.tenants64", UNIT)


def lone(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Spread over 64 tenants by so few threads that groups are small; the peer is the library's stock recorder."""
    with ground.ledger() as (services, _):
        works = [on(services, new_tenant(services), decisions.impersonal) for _ in range(TENANTS)]
        with stock_singles(ground, new_tenant(services)) as peer:
            yield compared(ground, scale, in_rotation(works), peer, LONE_THREADS).result("append.lone", UNIT)


def conflicts(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Every twentieth append meets a taken revision, which is an answer too; the peer is ours without these."""
    with ground.ledger() as (services, _):
        tenant_id, other_id = new_tenant(services), new_tenant(services)
        (first,) = services.log.of(tenant_id).record(decisions.impersonal(tenant_id))
        fresh = on(services, tenant_id, decisions.impersonal)
        stale = on(services, tenant_id, decisions.of_existing_asset(first.event.originator_id))
        peer = on(services, other_id, decisions.impersonal)
        yield compared(ground, scale, with_conflicts(fresh, stale), peer).result("append.conflicts", UNIT)


def in_rotation(works: Sequence[Work]) -> Work:
    """One after the other, whichever thread asks."""
    turn = count()

    def work(nth: int) -> int:
        return works[next(turn) % len(works)](nth)

    return work


def with_conflicts(fresh: Work, stale: Work) -> Work:
    """Every twentieth append is a stale one. MeasuringError if it is not refused."""
    turn = count(1)

    def work(nth: int) -> int:
        if next(turn) % STALE_OF:
            return fresh(nth)
        try:
            stale(nth)
        except IntegrityError:
            return 1
        raise MeasuringError("a taken revision was taken again")

    return work


def new_tenant(services: Services) -> UUID:
    """A tenant nobody else uses."""
    context = decisions.context()
    return services.tenants.create(context, f"bench-{context.correlation_id}")
