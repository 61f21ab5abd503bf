"""The lists that people use all day are answered from indexes, as the service asks for them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from api.composition import Services, connected
from domain.asset import asset as aggregate
from domain.asset.events import AssetCreated
from domain.asset.inputs import NewAsset
from domain.identity import derived_id
from domain.job import job as jobs
from domain.job.inputs import NewJob
from domain.reference import Reference
from infra.embedded import EmbeddedCluster
from infra.servers import Servers
from infra.settings import Settings
from infra.sql import beside
from projections.assets import read as assets_read
from projections.assets.read import AssetFilter, asset_select
from projections.audit_trail.read import AuditFilter, trail_select
from projections.catalogue import PROJECTIONS
from projections.jobs.read import JobFilter, job_select
from projections.list_transaction import list_transaction
from projections.query import Order, Select
from tests.conftest import cloned, context, new_tenant
from tests.projections.tables import catch_up

ASSETS = 4_000
JOBS = 1_000
OTHERS = 1_000


def new_asset(number: int) -> NewAsset:
    """One of many assets: some have a rare tag, digest or reference, all have common ones."""
    return NewAsset.model_validate(
        {
            "media": {"media_kind": ["image", "video", "audio", "document"][number % 4]},
            "name": f"Asset {uuid7()} number {number:05}",
            "tags": ["common", f"tag-{number % 400}"],
            "content": {"content_type": f"image/x-{number % 200}", "sha256": f"{number % 1_000:064x}"},
            "subject": f"u_{number % 400}",
            "references": [f"message:m{number % 500}", "client:c1"],
            "reason": f"because of {number:05}",
        }
    )


def fill(services: Services, tenant: UUID, assets: int, requests: int) -> None:
    """Record that many assets and jobs of a tenant."""
    log = services.log.of(tenant)
    identity = services.keys.identity(tenant)
    for first in range(0, assets, 1_000):
        numbers = range(first, min(first + 1_000, assets))
        made: list[AssetCreated] = [
            aggregate.create(
                context(f"because of {n:05}"), tenant, derived_id("asset", "test", f"{tenant}:{n}"), new_asset(n)
            )
            for n in numbers
        ]
        log.record(*made)
    asked = [
        NewJob.model_validate({"media_kind": "image", "run": f"r{n}", "claim_id": f"c{n % 200}"})
        for n in range(requests)
    ]
    log.record(*(jobs.request(context(), tenant, identity, new, None) for new in asked))


@pytest.fixture(scope="module")
def full(cluster: EmbeddedCluster, template: Servers, settings: Settings) -> Iterator[tuple[Services, UUID]]:
    """A ledger with thousands of assets in one tenant and more in others, its tables analysed."""
    follow = settings.model_copy(update={"follow": False})
    with cloned(cluster, template) as made, connected(follow, made) as services:
        tenant = new_tenant(services)
        fill(services, tenant, ASSETS, JOBS)
        for _ in range(2):
            fill(services, new_tenant(services), OTHERS, OTHERS // 4)
        catch_up(services, 5_000)
        with services.projector.connection() as connection:
            for projection in PROJECTIONS.values():
                table = sql.Identifier("read_models", projection.table.name)
                # As autovacuum leaves it: what waits in a GIN index's pending list counts against the index.
                connection.execute(sql.SQL("VACUUM ANALYZE {}").format(table))
        yield services, tenant


def plan(full: tuple[Services, UUID], select: Select) -> list[dict[str, Any]]:
    """Every node of the plan of a page, asked for as the service's role in a transaction of the tenant."""
    services, tenant = full
    with list_transaction(services.database, tenant, select, ()) as (connection, _):
        explain = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(select.query())
        ((told,),) = connection.execute(explain, {**select.parameters, "limit": 51}).fetchall()
    return list(nodes(told[0]["Plan"]))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def after(select: Select, column: str, position: int) -> Select:
    """The select as it goes on after a cursor."""
    statements = beside(assets_read.__file__, "read.sql")
    select.where(statements[f"after_{column}"], after=position)
    return select


def message(number: int) -> Reference:
    return Reference(kind="message", id=f"m{number}")


RARE = {
    "name": asset_select(AssetFilter(name="NUMBER 00017")),
    "tag": asset_select(AssetFilter(tags=("tag-7",))),
    "several tags": asset_select(AssetFilter(tags=("common", "tag-7"))),
    "sha256": asset_select(AssetFilter(sha256=f"{7:064x}")),
    "content type": asset_select(AssetFilter(content_type="image/x-17")),
    "subject": asset_select(AssetFilter(subject="u_7")),
    "creator": asset_select(AssetFilter(creator="user:nobody")),
    "reference": asset_select(AssetFilter(references=(message(7),))),
    "several references": asset_select(AssetFilter(references=(Reference(kind="client", id="c1"), message(7)))),
    "job or run": asset_select(AssetFilter(jobs=("r7",))),
    "jobs by reference": job_select(JobFilter(references=(Reference(kind="claim", id="c7"),))),
    "jobs by status": job_select(JobFilter(status="running")),
    "jobs by requester": job_select(JobFilter(requester="user:nobody")),
    "trail by words": trail_select(AuditFilter(text="OF 00017")),
    "trail by reference": trail_select(AuditFilter(references=(message(7),))),
    "trail by request": trail_select(AuditFilter(correlation_id="req-1")),
    "trail by asset": trail_select(AuditFilter(asset=UUID(int=7))),
    "trail by job": trail_select(AuditFilter(job=UUID(int=7))),
}
SERVED_BY = {
    "name": {"assets_v2_tenant_id_name_search_idx"},
    "tag": {"assets_v2_tenant_id_tags_idx"},
    "several tags": {"assets_v2_tenant_id_tags_idx"},
    "sha256": {"assets_v2_tenant_id_sha256_idx"},
    "content type": {"assets_v2_tenant_id_content_type_idx"},
    "subject": {"assets_v2_tenant_id_subject_created_position_idx"},
    "creator": {"assets_v2_tenant_id_created_by_created_position_idx"},
    "reference": {"asset_references_v1_pkey", "assets_v2_pkey"},
    "several references": {"asset_references_v1_pkey", "assets_v2_pkey"},
    "job or run": {"asset_references_v1_pkey", "assets_v2_pkey"},
    "jobs by reference": {"job_references_v1_pkey", "jobs_v2_pkey"},
    "jobs by status": {"jobs_v2_tenant_id_status_created_position_idx"},
    "jobs by requester": {"jobs_v2_tenant_id_created_by_created_position_idx"},
    "trail by words": {"audit_trail_v2_tenant_id_text_search_idx"},
    "trail by reference": {"audit_trail_v2_tenant_id_refs_idx"},
    "trail by request": {"audit_trail_v2_tenant_id_correlation_id_position_idx"},
    "trail by asset": {"audit_trail_v2_tenant_id_originator_id_position_idx"},
    "trail by job": {"audit_trail_v2_tenant_id_refs_idx", "audit_trail_v2_tenant_id_originator_id_position_idx"},
}


@pytest.mark.parametrize("name", RARE)
def test_what_is_rare_is_found_by_its_index(full: tuple[Services, UUID], name: str) -> None:
    found = plan(full, RARE[name])
    assert {node["Index Name"] for node in found if "Index Name" in node} == SERVED_BY[name]
    assert [node["Relation Name"] for node in found if node["Node Type"] == "Seq Scan"] == []


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
IN_ORDER = {
    "newest first": (asset_select(AssetFilter()), "assets_v2_tenant_id_created_position_idx"),
    "oldest first": (asset_select(AssetFilter(), Order(order="asc")), "assets_v2_tenant_id_created_position_idx"),
    "next page": (
        after(asset_select(AssetFilter()), "created_desc", 2_000),
        "assets_v2_tenant_id_created_position_idx",
    ),
    "last changed first": (asset_select(AssetFilter(), Order("updated")), "assets_v2_tenant_id_position_idx"),
    "next page by change": (
        after(asset_select(AssetFilter(), Order("updated", "asc")), "updated_asc", 2_000),
        "assets_v2_tenant_id_position_idx",
    ),
    "common tag": (asset_select(AssetFilter(tags=("common",))), "assets_v2_tenant_id_created_position_idx"),
    "common kind": (
        asset_select(AssetFilter(media_kind="image")),
        "assets_v2_tenant_id_media_kind_created_position_idx",
    ),
    "before a time": (
        asset_select(AssetFilter(created_before=LONG_AGO)),
        "assets_v2_tenant_id_created_position_idx",
    ),
    "changed after a time": (
        asset_select(AssetFilter(updated_after=LONG_AGO), Order("updated", "asc")),
        "assets_v2_tenant_id_position_idx",
    ),
    "jobs": (job_select(JobFilter()), "jobs_v2_tenant_id_created_position_idx"),
    "trail": (trail_select(AuditFilter()), "audit_trail_v2_pkey"),
    "trail before a time": (trail_select(AuditFilter(until=LONG_AGO)), "audit_trail_v2_pkey"),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_page_is_read_from_an_index_in_its_order_without_sorting(full: tuple[Services, UUID], name: str) -> None:
    select, index = IN_ORDER[name]
    found = plan(full, select)
    assert [node["Node Type"] for node in found] == ["Limit", "Index Scan"]
    assert found[-1]["Index Name"] == index


def test_times_and_cursors_are_ranges_of_the_index_and_not_filters(full: tuple[Services, UUID]) -> None:
    for name in ("next page", "next page by change", "before a time", "changed after a time", "trail before a time"):
        (_, scan) = plan(full, IN_ORDER[name][0])
        assert "position" in scan["Index Cond"]
        assert "position" not in scan.get("Filter", "")


def test_the_lists_find_what_their_indexes_promise(full: tuple[Services, UUID]) -> None:
    services, tenant = full
    for name, count in {"name": 1, "tag": 10, "sha256": 4, "reference": 8, "content type": 220, "subject": 10}.items():
        with services.database.transaction(tenant) as connection:
            RARE[name].settle(connection)
            assert len(RARE[name].rows(connection, 1_000)) == count
