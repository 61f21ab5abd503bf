"""`statistics.*` and `lineage.p95_ms`: what the slowest of twenty answers takes over HTTP, now and at a position."""

import random
import time
from collections.abc import Iterator, Sequence
from statistics import quantiles
from urllib.parse import urlencode
from uuid import UUID

from uuid_utils.compat import uuid7

from api.composition import Services
from benchmarks import decisions
from benchmarks.appends import new_tenant
from benchmarks.environment import Ground, MeasuringError
from benchmarks.load import load, request
from benchmarks.requests import Served, new_key, served
from benchmarks.results import Result
from benchmarks.schedule import Scale
from benchmarks.year import make_catalogue
from domain.asset import creation
from domain.asset.inputs import NewAsset
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.engine.rebuild import rebuild
from projections.job_references.fold import JOB_REFERENCES
from projections.job_versions.fold import JOB_VERSIONS
from projections.jobs.fold import JOBS
from projections.lineage.fold import LINEAGE
from projections.statistics.fold import STATISTICS

READ = (ASSETS, ASSET_REFERENCES, ASSET_VERSIONS, JOBS, JOB_REFERENCES, JOB_VERSIONS, LINEAGE, STATISTICS)
"""The read models that are asked here."""
LEVELS, WIDTH = 50, 200
GROUPINGS: tuple[Sequence[str], ...] = (
    *((dimension,) for dimension in ("day", "media_kind", "node", "workflow", "job", "model", "provider")),
    *((dimension,) for dimension in ("client", "campaign", "creator")),
    *((dimension, "day") for dimension in ("workflow", "model", "client", "creator")),
    (),
)
FILTERS: tuple[dict[str, str], ...] = ({}, {"workflow_id": "w7"}, {"client_id": "c4", "media_kind": "image"})
LISTS = ("/v1/assets", "/v1/assets?client_id=c4", "/v1/assets?model=model-7&status=ready", "/v1/jobs?workflow_id=w7")


def catalogue(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`GET /v1/statistics` by each grouping, of everything and filtered; and the same and lists as of some moment."""
    with ground.ledger() as (services, servers):
        tenant_id = make_catalogue(services, scale.catalogue)
        head = services.log.of(tenant_id).head()
        _fold(services)
        with served(ground, servers, new_key(services, tenant_id), ASSET_LEDGER_FOLLOW="false") as ledger:
            asked = _statistics()
            yield _p95("statistics.p95_ms", ledger, asked, scale)
            moments = random.Random(7)  # noqa: S311 - the same in each run
            asked = 3 * [*asked, *LISTS, *LISTS]
            then = [f"{path}{'&' if '?' in path else '?'}as_of={moments.randint(1, head)}" for path in asked]
            yield _p95("statistics.as_of_p95_ms", ledger, then, scale)


def lineage(ground: Ground, scale: Scale) -> Iterator[Result]:
    """`GET /v1/assets/{id}/lineage` of ten thousand assets at fifty steps, each with two sources in the step before."""
    with ground.ledger() as (services, servers):
        tenant_id = new_tenant(services)
        root = _levels(services, tenant_id)
        _fold(services)
        with served(ground, servers, new_key(services, tenant_id), ASSET_LEDGER_FOLLOW="false") as ledger:
            path = f"/v1/assets/{root}/lineage?direction=down&depth={LEVELS}"
            yield _p95("lineage.p95_ms", ledger, [path], scale)


def _statistics() -> list[str]:
    queries = [{"group_by": list(group_by), **named} for group_by in GROUPINGS for named in FILTERS]
    return [f"/v1/statistics?{urlencode(query, doseq=True)}" for query in queries]


def _fold(services: Services) -> None:
    """Make the read models that are asked; nobody follows the others."""
    for projection in READ:
        rebuild(services.engine, projection, restart=True)


def _p95(name: str, ledger: Served, paths: Sequence[str], scale: Scale) -> Result:
    """The 95th percentile of the paths' answers, one request at a time. MeasuringError."""
    requests = [request("GET", path, ledger.key) for path in paths]
    for each in requests:
        load(ledger.address, [each], lambda _: False, connections=1)
    until, milliseconds = time.monotonic() + scale.budget, list[float]()
    for _ in range(max(scale.rounds, 40 // len(requests))):
        for each in requests:
            milliseconds.append(load(ledger.address, [each], lambda _: False, connections=1).seconds * 1_000)
        if time.monotonic() > until:
            break
    if len(milliseconds) < 2:
        raise MeasuringError(f"{name} was measured once only")
    return Result(name, quantiles(milliseconds, n=20)[18], "ms (p95)")


def _levels(services: Services, tenant_id: UUID) -> UUID:
    """Record assets that all come from one; returns its id."""
    log, before = services.log.of(tenant_id), [uuid7()]
    image = {"media": {"media_kind": "image"}}
    log.record(creation.create(decisions.context(), tenant_id, before[0], NewAsset.model_validate(image)))
    for _ in range(LEVELS):
        level = [uuid7() for _ in range(WIDTH)]
        new = [
            NewAsset.model_validate({**image, "sources": {before[n % len(before)], before[(n + 1) % len(before)]}})
            for n in range(WIDTH)
        ]
        log.record(*(creation.create(decisions.context(), tenant_id, *each) for each in zip(level, new, strict=True)))
        before = level
    root = log.page(0, 3, 3)
    return next(recorded.event.originator_id for recorded in root if recorded.event.TOPIC == "asset.created")
