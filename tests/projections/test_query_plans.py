"""The lists that people use all day are answered from indexes, as the service asks for them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from psycopg import sql
from uuid_utils.compat import uuid7

from api.composition import Services, connected
from domain.asset import creation
from domain.asset.events import AssetCreated
from domain.asset.inputs import NewAsset
from domain.identity import derived_id
from domain.job import job as jobs
from domain.job.inputs import NewJob
from domain.reference import Reference
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from infra.sql import literal
from projections.catalogue import PROJECTIONS
from projections.list_transaction import list_transaction
from projections.paging import Order
from projections.queries import assets as assets_read
from projections.queries.assets import asset_select
from projections.queries.audit_trail import trail_select
from projections.queries.filters import AssetFilter, AuditFilter, JobFilter
from projections.queries.jobs import job_select
from projections.select import Select
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
            "subject": f"u_{number % 400}" if number % 400 < 20 else None,  # making their keys takes time
            "references": [f"message:m{number % 500}", "client:c1"],
            "reason": f"because of {number:05}",
        }
    )


def fill(services: Services, tenant: UUID, assets: int, requests: int) -> None:
    """Record that many assets and jobs of a tenant."""
    log = services.log.of(tenant)
    identity = services.encryption_keys.identity(tenant)
    for first in range(0, assets, 1_000):
        numbers = range(first, min(first + 1_000, assets))
        events: list[AssetCreated] = [
            creation.create(
                context(f"because of {n:05}"), tenant, derived_id("asset", "test", f"{tenant}:{n}"), new_asset(n)
            )
            for n in numbers
        ]
        log.record(*events)
    new_jobs = [
        NewJob.model_validate({"media_kind": "image", "run": f"r{n}", "claim_id": f"c{n % 200}"})
        for n in range(requests)
    ]
    log.record(*(jobs.request(context(), tenant, identity, new, None) for new in new_jobs))


@pytest.fixture(scope="module")
def full(cluster: EmbeddedCluster, template: Databases, settings: Settings) -> Iterator[tuple[Services, UUID]]:
    """A ledger with thousands of assets in one tenant and more in others, its tables analysed."""
    follow = settings.model_copy(update={"follow": False})
    with cloned(cluster, template) as servers, connected(follow, servers) as services:
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
        ((explained,),) = connection.execute(explain, {**select.parameters, "limit": 51}).fetchall()
    return list(nodes(explained[0]["Plan"]))


def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from nodes(child)


def after(select: Select, column: str, position: int) -> Select:
    """The select as it goes on after a cursor."""
    statements = assets_read._SQL.now
    select.where(statements[f"after_{column}"], after=position)
    return select


def unversioned(index: str) -> str:
    """The index's name without the version of its read model."""
    return re.sub(r"_v\d+_", "_", index, count=1)


def message(number: int) -> Reference:
    return Reference(kind="message", id=f"m{number}")


RARE = {
    "name": asset_select(AssetFilter(name="NUMBER 00017")),
    "sha256": asset_select(AssetFilter(sha256=f"{7:064x}")),
    "reference": asset_select(AssetFilter(ref=[message(7)])),
    "several references": asset_select(AssetFilter(ref=[Reference(kind="client", id="c1"), message(7)])),
    "job or run": asset_select(AssetFilter(job_id=["r7"])),
    "name as of a moment": asset_select(AssetFilter(name="NUMBER 00017"), as_of=2_000),
    "tag as of a moment": asset_select(AssetFilter(tag=["tag-7"]), as_of=2_000),
    "reference as of a moment": asset_select(AssetFilter(ref=[message(7)]), as_of=2_000),
    "jobs by reference": job_select(JobFilter(ref=[Reference(kind="claim", id="c7")])),
    "jobs by status": job_select(JobFilter(status="running")),
    "jobs by requester": job_select(JobFilter(requester="user:nobody")),
    "trail by words": trail_select(AuditFilter(text="OF 00017")),
    "trail by reference": trail_select(AuditFilter(ref=[message(7)])),
    "trail by request": trail_select(AuditFilter(correlation_id="req-1")),
    "trail by asset": trail_select(AuditFilter(asset=UUID(int=7))),
    "trail by key": trail_select(AuditFilter(key=UUID(int=7))),
    "trail by job": trail_select(AuditFilter(job=UUID(int=7))),
}
SERVED_BY = {
    "name": {"assets_tenant_id_name_search_idx"},
    "sha256": {"assets_tenant_id_sha256_idx"},
    "reference": {"asset_references_pkey", "assets_pkey"},
    "several references": {"asset_references_pkey", "assets_pkey"},
    "job or run": {"asset_references_pkey", "assets_pkey"},
    "name as of a moment": {"asset_versions_tenant_id_name_search_idx"},
    "tag as of a moment": {"asset_versions_tenant_id_tags_idx"},
    "reference as of a moment": {"asset_references_pkey", "asset_versions_pkey"},
    "jobs by reference": {"job_references_pkey", "jobs_pkey"},
    "jobs by status": {"jobs_tenant_id_status_created_position_idx"},
    "jobs by requester": {"jobs_tenant_id_created_by_created_position_idx"},
    "trail by words": {"audit_trail_tenant_id_text_search_idx"},
    "trail by reference": {"audit_trail_tenant_id_refs_idx"},
    "trail by request": {"audit_trail_by_correlation"},
    "trail by asset": {"audit_trail_by_originator"},
    "trail by key": {"audit_trail_by_key"},
    "trail by job": {"audit_trail_tenant_id_refs_idx", "audit_trail_by_originator"},
}


@pytest.mark.parametrize("name", RARE)
def test_what_is_rare_is_found_by_its_index(full: tuple[Services, UUID], name: str) -> None:
    plan_nodes = plan(full, RARE[name])
    assert {unversioned(node["Index Name"]) for node in plan_nodes if "Index Name" in node} == SERVED_BY[name]
    assert [node["Relation Name"] for node in plan_nodes if node["Node Type"] == "Seq Scan"] == []


LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
BY_CREATION = "asset_versions_by_creation"
BY_CHANGE = "asset_versions_by_change"
IN_ORDER = {
    "newest first": (asset_select(AssetFilter()), "assets_tenant_id_created_position_idx"),
    "oldest first": (asset_select(AssetFilter(), Order(order="asc")), "assets_tenant_id_created_position_idx"),
    "next page": (
        after(asset_select(AssetFilter()), "created_desc", 2_000),
        "assets_tenant_id_created_position_idx",
    ),
    "last changed first": (asset_select(AssetFilter(), Order("updated")), "assets_tenant_id_position_idx"),
    "next page by change": (
        after(asset_select(AssetFilter(), Order("updated", "asc")), "updated_asc", 2_000),
        "assets_tenant_id_position_idx",
    ),
    "common tag": (asset_select(AssetFilter(tag=["common"])), "assets_tenant_id_created_position_idx"),
    "common kind": (asset_select(AssetFilter(media_kind="image")), "assets_tenant_id_created_position_idx"),
    "before a time": (
        asset_select(AssetFilter(created_before=LONG_AGO)),
        "assets_tenant_id_created_position_idx",
    ),
    "changed after a time": (
        asset_select(AssetFilter(updated_after=LONG_AGO), Order("updated", "asc")),
        "assets_tenant_id_position_idx",
    ),
    "as of a moment": (asset_select(AssetFilter(), as_of=2_000), BY_CREATION),
    "as of a moment, the oldest first": (asset_select(AssetFilter(), Order(order="asc"), 2_000), BY_CREATION),
    "as of a moment by change": (asset_select(AssetFilter(), Order("updated"), 2_000), BY_CHANGE),
    "as of a moment, next page": (
        after(asset_select(AssetFilter(), as_of=2_000), "created_desc", 1_000),
        BY_CREATION,
    ),
    "jobs": (job_select(JobFilter()), "jobs_tenant_id_created_position_idx"),
    "trail": (trail_select(AuditFilter()), "audit_trail_pkey"),
    "trail before a time": (trail_select(AuditFilter(until=LONG_AGO)), "audit_trail_pkey"),
}


@pytest.mark.parametrize("name", IN_ORDER)
def test_a_page_is_read_from_an_index_in_its_order_without_sorting(full: tuple[Services, UUID], name: str) -> None:
    select, index = IN_ORDER[name]
    plan_nodes = plan(full, select)
    assert [node["Node Type"] for node in plan_nodes] == ["Limit", "Index Scan"]
    assert unversioned(plan_nodes[-1]["Index Name"]) == index


BY_HASH = {
    "trail by actor": (AuditFilter(actor="system:tests"), "audit_trail_by_actor"),
    "trail by topic": (AuditFilter(topic=["asset.created"]), "audit_trail_by_topic"),
}


@pytest.mark.parametrize("name", BY_HASH)
def test_a_page_of_a_common_value_is_read_from_its_index_and_sorted_span_by_span(
    full: tuple[Services, UUID], name: str
) -> None:
    selected, index = BY_HASH[name]
    plan_nodes = plan(full, trail_select(selected, recorded_by=5_000, after=4_000))
    assert [node["Node Type"] for node in plan_nodes] == ["Limit", "Incremental Sort", "Index Scan"]
    assert unversioned(plan_nodes[-1]["Index Name"]) == index
    assert plan_nodes[-1]["Index Cond"].count("10") == 2  # the span after which, and the one up to which


def test_times_and_cursors_are_ranges_of_the_index_and_not_filters(full: tuple[Services, UUID]) -> None:
    for name in ("next page", "next page by change", "before a time", "changed after a time", "trail before a time"):
        (_, scan) = plan(full, IN_ORDER[name][0])
        assert "position" in scan["Index Cond"]
        assert "position" not in scan.get("Filter", "")


def test_the_lists_find_what_their_indexes_promise(full: tuple[Services, UUID]) -> None:
    services, tenant = full
    for name, count in {"name": 1, "sha256": 4, "reference": 8, "tag as of a moment": 5}.items():
        with services.database.transaction(tenant) as connection:
            RARE[name].plan_references(connection)
            assert len(RARE[name].rows(connection, 1_000)) == count


def test_json_is_written_for_the_rows_of_a_page_and_for_no_other(full: tuple[Services, UUID]) -> None:
    services, tenant = full
    select = asset_select(AssetFilter(name="NUMBER 00017"), Order("updated", "desc"))
    select.shown = literal("created_position, concat('\"id\":', asset_id)")
    with list_transaction(services.database, tenant, select, ()) as (connection, _):
        explain = sql.SQL("EXPLAIN (FORMAT JSON, VERBOSE) {}").format(select.query())
        ((explained,),) = connection.execute(explain, {**select.parameters, "limit": 51}).fetchall()
    planned = list(nodes(explained[0]["Plan"]))

    assert "Sort" in {node["Node Type"] for node in planned}
    assert {node["Node Type"] for node in planned if "concat" in str(node.get("Output"))} == {"CTE Scan"}
    (table,) = [node for node in planned if node.get("Relation Name")]
    assert "NULL::" not in str(table["Output"])
