"""`history.growth.*`: what a long history costs. The same is asked of old ones and, in turns, of young ones."""

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, product
from uuid import UUID

import orjson
from uuid_utils.compat import uuid7

from api.composition import Services
from benchmarks import decisions
from benchmarks.appends import new_tenant
from benchmarks.environment import Ground, MeasuringError
from benchmarks.load import for_seconds, load, request
from benchmarks.requests import Served, ours
from benchmarks.results import Result
from benchmarks.schedule import Scale, in_turns
from domain.asset import asset as aggregate
from domain.asset import creation
from domain.asset.events import AssetEvent
from domain.asset.inputs import NewDescription
from domain.event import Actor
from infra.event_log.snapshots import EVERY
from projections.states import ASSET

YOUNG = 10
"""Changes."""
OLD_ASSETS = 8
NAMES = 16
AT_ONCE = 500
_HOLDER = Actor(id="bench", type="system")


def growth(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Reads and changes over HTTP, one at a time; keys in this process."""
    with ours(ground) as (ledger, services, tenant_id):
        # Old ones are not all equally far from their last snapshots.
        old = [aged(services, tenant_id, scale.changes + EVERY * n // OLD_ASSETS) for n in range(OLD_ASSETS)]
        young = [aged(services, tenant_id, YOUNG) for _ in range(scale.changes // 4)]  # so many that they stay young
        ledger.settle()
        yield in_turns(scale, reads(ledger, old, scale), reads(ledger, young, scale)).result(
            "history.growth.get", "requests/s"
        )
        yield in_turns(scale, changes(ledger, old, scale), changes(ledger, young, scale)).result(
            "history.growth.change", "requests/s"
        )
        old_keys = issues(services, scale.changes, scale, tenants=1)
        young_keys = issues(services, YOUNG, scale, tenants=scale.changes // 32)
        yield in_turns(scale, old_keys, young_keys).result("history.growth.key", "keys/s")


def aged(services: Services, tenant_id: UUID, changes: int) -> UUID:
    """An asset that was renamed so many times, with its snapshots."""
    log, asset_id = services.log.of(tenant_id), uuid7()
    asset = aggregate.created(creation.create(decisions.context(), tenant_id, asset_id, decisions.PERSONAL))
    log.record(creation.create(decisions.context(), tenant_id, asset_id, decisions.PERSONAL))
    for start in range(0, changes, AT_ONCE):
        renamed = list[AssetEvent]()
        for number in range(start, min(start + AT_ONCE, changes)):
            renamed += asset.describe(decisions.context(), NewDescription(name=f"Castle {number}"))
            asset = aggregate.evolve(asset, renamed[-1])
        log.record(*renamed)
    log.keep_snapshots(asset_id, ASSET)
    return asset_id


def reads(ledger: Served, assets: Sequence[UUID], scale: Scale) -> Callable[[], float]:
    """Reads the assets in turn; returns the answers a second."""
    requests = [request("GET", f"/v1/assets/{asset_id}", ledger.key) for asset_id in assets]
    load(ledger.address, requests, for_seconds(0.5), connections=1)
    return lambda: load(ledger.address, requests, for_seconds(scale.seconds), connections=1).rate


def changes(ledger: Served, assets: Sequence[UUID], scale: Scale) -> Callable[[], float]:
    """Renames the assets in turn; returns the answers a second."""
    bodies = [orjson.dumps({"name": f"Castle at dusk {number}"}) for number in range(NAMES)]
    renamed = cycle([request("PATCH", f"/v1/assets/{id_}", ledger.key, body) for body, id_ in product(bodies, assets)])

    def measured() -> float:
        started, count = time.perf_counter(), 0
        while (seconds := time.perf_counter() - started) < scale.seconds:
            batch = [next(renamed) for _ in range(32)]
            count += load(ledger.address, batch, lambda sent: sent < len(batch), connections=1).count  # noqa: B023
        return count / seconds

    return measured


def issues(services: Services, keys: int, scale: Scale, tenants: int) -> Callable[[], float]:
    """Issues keys to tenants that have so many already; returns the keys a second. MeasuringError."""
    ids = [new_tenant(services) for _ in range(tenants)]
    for tenant_id in ids:
        for _ in range(keys):
            services.api_keys.issue(decisions.context(), tenant_id, _HOLDER)
    following = cycle(ids)

    def measured() -> float:
        started, count = time.perf_counter(), 0
        while (seconds := time.perf_counter() - started) < scale.seconds:
            services.api_keys.issue(decisions.context(), next(following), _HOLDER)
            count += 1
        if not count:
            raise MeasuringError("no key was issued")
        return count / seconds

    return measured
