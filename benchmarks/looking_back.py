"""`as_of.p95_ms`, `audit.p95_ms` and `history.p50_ms`: what looks back, beside a log of millions of events."""

from collections.abc import Iterator
from datetime import timedelta
from statistics import median
from uuid import UUID

from api.composition import Services, utc_now
from benchmarks.catalogues import EVENTS_OF_ASSET, fill, fill_trail, fill_versions
from benchmarks.environment import Ground
from benchmarks.filters import CALLS, PAGE, Shape, p95, shapes, timed
from benchmarks.growth import aged
from benchmarks.results import Result
from benchmarks.schedule import Scale
from projections.history import entries_after
from projections.paging import Moment
from projections.queries.assets import ASSET_LIST
from projections.queries.audit_trail import list_trail
from projections.queries.filters import AssetFilter, AuditFilter
from projections.states import ASSET

EVENTS = 50
"""Of the history that is read."""
TRAIL = {
    "everything": {},
    "actor half": {"actor": "worker:pipeline"},
    "actor none": {"actor": "user:nobody"},
    "topic": {"topic": ["asset.created"]},
    "topics": {"topic": ["asset.linked", "asset.described"]},
    "topic none": {"topic": ["asset.held"]},
    "reference": {"ref": ["world:w7"]},
    "reference none": {"ref": ["claim:none"]},
    "text": {"text": "castle"},
    "actor and topic": {"actor": "worker:pipeline", "topic": ["asset.created"]},
    "actor and topic none": {"actor": "worker:pipeline", "topic": ["asset.held"]},
    "today": {"since": utc_now() - timedelta(days=1)},
}
"""The audit trails that are measured: those that find anything find what was recorded last."""


def looking_back(ground: Ground, scale: Scale) -> Iterator[Result]:
    """Lists as they were in the middle of the log, audit trails, and one asset's history."""
    with ground.ledger() as (services, servers):
        tenant_id = fill(services, servers, scale.assets)
        fill_versions(services, servers, tenant_id, scale.assets)
        then = Moment(None, EVENTS_OF_ASSET * scale.assets // 2)
        lists = [shape for shape in shapes(scale.assets).values() if not shape.deep]
        as_of = [p95(_list(services, tenant_id, shape, then)) for shape in lists]
        fill_trail(services, servers, tenant_id, scale.assets)
        trails = [p95(_trail(services, tenant_id, AuditFilter.model_validate(asked))) for asked in TRAIL.values()]
        history = _history(services, tenant_id, aged(services, tenant_id, EVENTS - 1))
    yield Result("as_of.p95_ms", max(as_of), "ms")
    yield Result("audit.p95_ms", max(trails), "ms")
    yield Result("history.p50_ms", median(history), "ms")


def _list(services: Services, tenant_id: UUID, shape: Shape, then: Moment) -> list[float]:
    """The milliseconds of each call of the page as of a moment."""
    selected = AssetFilter.model_validate(shape.criteria)
    return timed(
        lambda: ASSET_LIST.page(services.database, tenant_id, selected, PAGE, order=shape.order, as_of=then), CALLS
    )


def _trail(services: Services, tenant_id: UUID, selected: AuditFilter) -> list[float]:
    """The milliseconds of each call of the audit trail's page."""
    return timed(lambda: list_trail(services.database, services.log.of(tenant_id), selected, PAGE), CALLS)


def _history(services: Services, tenant_id: UUID, asset_id: UUID) -> list[float]:
    """The milliseconds of each call of all events of one asset, with what they changed."""
    log = services.log.of(tenant_id)
    return timed(lambda: list(entries_after(log, asset_id, ASSET, after=0)), CALLS)
