"""`filter.*`: lists by every filter, alone and with others, in small and large catalogues.

Besides, `page.deep` and `list.total_p95_ms`.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from statistics import median, quantiles
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from api.composition import Services
from benchmarks.catalogues import EVENTS_OF_ASSET, fill, time_of
from benchmarks.environment import Ground
from benchmarks.load import load, request
from benchmarks.requests import Served, new_key, served
from benchmarks.results import Result
from benchmarks.schedule import Scale
from projections.paging import NEWEST_FIRST, Keyset, Order
from projections.queries.assets import ASSET_LIST
from projections.queries.filters import AssetFilter

PAGE: Final = 50
CALLS: Final = 15
"""Of each shape; PostgreSQL settles on a plan for all values after five."""
SHARES: Final = ("none", "three", "thousandth", "tenth", "half", "old", "new")
"""How many assets have a value: so many, or a tenth of them, all old or all new."""
CHANGED = Order("updated")
OLDEST_FIRST = Order("created", "asc")
LONGEST_UNCHANGED = Order("updated", "asc")


@dataclass(frozen=True)
class Shape:
    """A filter and an order, from the first page or from the middle of the catalogue."""

    criteria: Mapping[str, Any]
    order: Order = NEWEST_FIRST
    deep: bool = False


def shapes(assets: int) -> dict[str, Shape]:
    """The lists that are measured, by their names, for a catalogue of so many assets."""
    named = {f"{name} {share}": criteria for name, share, criteria in _each_alone()} | _combined(assets)
    named["reference unchanged"] = _ref("unchanged")
    listed = {name: Shape(criteria) for name, criteria in named.items()}
    in_orders = ((n, c, o) for n, c in named.items() for o in (OLDEST_FIRST, CHANGED, LONGEST_UNCHANGED))
    listed |= {
        f"{name}, {order.name}": Shape(criteria, order) for name, criteria, order in in_orders if "name" not in criteria
    }
    deep = {
        "everything": {},
        "reference half": _ref("half"),
        "tag tenth": _tag("tenth"),
        "image": {"media_kind": "image"},
    }
    for (name, criteria), order in product(deep.items(), (NEWEST_FIRST, CHANGED)):
        listed[f"{name}, {order.name}, deep"] = Shape(criteria, order, deep=True)
    return listed


def _each_alone() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for share in SHARES:
        yield "reference", share, _ref(share)
        yield "tag", share, _tag(share)
        yield "creator", share, {"creator": f"user:{share}"}
        yield "subject", share, {"subject": f"p_{share}"}
        yield "content type", share, {"content_type": f"image/{share}"}
    for kind in ("image", "video", "audio", "document", "map"):
        yield "media kind", kind, {"media_kind": kind}
    for status in ("ready", "pending", "failed", "deleted"):
        yield "status", status, {"status": status}
    yield "content type", "image", {"content_type": "image/"}
    yield "digest", "one", {"sha256": f"{7:064x}"}
    yield "job", "none", {"job_id": ["r1"]}
    yield "name", "none", {"name": "zz"}
    yield "name", "all", {"name": "dusk"}
    yield "everything", "", {}


def _combined(assets: int) -> dict[str, dict[str, Any]]:
    middle = EVENTS_OF_ASSET * assets // 2
    between = {"created_after": time_of(middle), "created_before": time_of(middle + assets // 10)}
    changed = {"updated_after": time_of(middle), "updated_before": time_of(middle + assets // 10)}
    return {
        "two references": {"ref": ["client:half", "client:tenth"]},
        "two disjoint references": {"ref": ["client:half", "client:other_half"]},
        "old and new": {"ref": ["client:old", "client:new"]},
        "three references": {"ref": ["client:half", "world:w2", "claim:c2"]},
        "three references, kind, status": {
            "ref": ["client:half", "world:w2", "node:n2"],
            "media_kind": "image",
            "status": "ready",
        },
        "reference and tag": {"ref": ["client:half"], "tag": ["old"]},
        "two tags": {"tag": ["tenth", "old"]},
        "reference and kind": {"ref": ["client:tenth"], "media_kind": "video"},
        "reference and disjoint kind": {"ref": ["client:tenth"], "media_kind": "image"},
        "reference and status": {"ref": ["client:half"], "status": "pending"},
        "reference and failed": {"ref": ["client:half"], "status": "failed"},
        "reference and creator": {"ref": ["client:new"], "creator": "user:new"},
        "kind and status": {"media_kind": "image", "status": "pending"},
        "kind and creator": {"media_kind": "document", "creator": "user:old"},
        "created between": between,
        "created between, reference": {**between, "ref": ["client:tenth"]},
        "created between, old": {**between, "ref": ["client:old"]},
        "changed between": changed,
        "changed between, reference": {**changed, "ref": ["client:tenth"]},
        "reference and name": {"ref": ["client:tenth"], "name": "castle"},
        "alias": {"workflow_id": ["half"], "node_id": ["n2"], "model": ["sdxl"]},
    }


def _ref(share: str) -> dict[str, Any]:
    return {"ref": [f"client:{share}"]}


def _tag(share: str) -> dict[str, Any]:
    return {"tag": [share]}


class Measured:
    """A tenant with so many assets, whose lists are measured."""

    def __init__(self, services: Services, tenant_id: UUID, assets: int) -> None:
        self._services = services
        self._tenant_id = tenant_id
        self._middle = EVENTS_OF_ASSET * assets // 2
        self.shapes = shapes(assets)

    def pages(self) -> dict[str, list[float]]:
        """The milliseconds of the calls of every page."""
        return {name: self.page(shape) for name, shape in self.shapes.items()}

    def totals(self) -> dict[str, list[float]]:
        """The milliseconds of the calls of every total."""
        return {name: self.total(shape) for name, shape in self.shapes.items() if shape == Shape(shape.criteria)}

    def name_of(self, shape: Shape) -> str:
        """The name of a shape."""
        return next(name for name, known in self.shapes.items() if known == shape)

    def page(self, shape: Shape, calls: int = CALLS) -> list[float]:
        """The milliseconds of each call of the page."""
        selected = AssetFilter.model_validate(shape.criteria)
        criteria = selected.criteria(AssetFilter) | vars(shape.order)
        cursor = Keyset(self._tenant_id, criteria).encode(self._middle) if shape.deep else None
        database = self._services.database
        return timed(lambda: ASSET_LIST.page(database, self._tenant_id, selected, PAGE, cursor, shape.order), calls)

    def total(self, shape: Shape, calls: int = CALLS) -> list[float]:
        """The milliseconds of each call of the total."""
        selected = AssetFilter.model_validate(shape.criteria)
        return timed(lambda: ASSET_LIST.count(self._services.database, self._tenant_id, selected), calls)


def timed(call: Callable[[], object], calls: int) -> list[float]:
    """The milliseconds of each call, after one that is not measured; of a slow one only two are made."""
    durations: list[float] = []
    while len(durations) <= calls and sum(durations) < 1_500:
        started = time.perf_counter()
        call()
        durations.append((time.perf_counter() - started) * 1_000)
    return durations[1:] or durations


def p95(durations: list[float]) -> float:
    """The 95th percentile."""
    return quantiles(durations, n=20, method="inclusive")[-1] if len(durations) > 1 else durations[0]


def filters(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Pages and totals of every shape in a large catalogue, and beside them those of a small one."""
    with ground.ledger() as (services, servers):
        assets = max(1_000, scale.assets // 100)
        small = Measured(services, fill(services, servers, assets), assets).pages()
    with ground.ledger() as (services, servers):
        tenant_id = fill(services, servers, scale.assets)
        measured = Measured(services, tenant_id, scale.assets)
        large, totals = measured.pages(), measured.totals()
        with served(ground, servers, new_key(services, tenant_id), ASSET_LEDGER_FOLLOW="false") as ledger:
            over_http(ledger, Shape({}))  # the first answers of a process take longer
            requested = {name: over_http(ledger, shape) for name, shape in measured.shapes.items() if not shape.deep}
    yield Result("filter.db_p95_ms", max(map(p95, large.values())), "ms")
    yield Result("filter.http_p95_ms", max(map(p95, requested.values())), "ms")
    yield Result("filter.growth", max(median(large[name]) / median(small[name]) for name in large), "times")
    deep = {name: shape for name, shape in measured.shapes.items() if shape.deep}
    first = {name: measured.name_of(replace(shape, deep=False)) for name, shape in deep.items()}
    yield Result("page.deep", max(median(large[name]) / median(large[first[name]]) for name in deep), "times")
    yield Result("list.total_p95_ms", max(map(p95, totals.values())), "ms")


def over_http(ledger: Served, shape: Shape, calls: int = CALLS) -> list[float]:
    """The milliseconds of each request of the page."""
    query = urlencode({**shape.criteria, **vars(shape.order), "limit": PAGE}, doseq=True)
    asked = [request("GET", f"/v1/assets?{query}", ledger.key)]
    return timed(lambda: load(ledger.address, asked, lambda sent: sent < 1, connections=1), calls)
