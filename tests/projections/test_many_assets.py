"""However many assets there are, and however often a list of one shape was asked for: a page reads few pages."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from api.composition import Services, connected
from domain.reference import Reference
from infra.databases import Databases
from infra.embedded_postgres.cluster import EmbeddedCluster
from infra.settings import Settings
from projections.list_transaction import list_transaction
from projections.paging import Order
from projections.queries.asset_facets import faceted_assets
from projections.queries.assets import asset_select
from projections.queries.audit_trail import positions_of_topics, trail_select
from projections.queries.filters import AssetFilter, AuditFilter, JobFilter
from projections.queries.jobs import job_select
from projections.queries.term_search import MANY
from projections.select import Select
from tests.conftest import cloned
from tests.projections.crowd import SQL, commit_as_in_production, crowd

TIMES = 15
FEW = 1_000
"""Pages that a list of a rare thing reads at the most, or one in the order of an index: twenty for each row shown."""
LIMIT = 51

SLACK = FEW // 5
"""Pages that one time may take more than another: autovacuum may be about, and the planner looks into indexes too."""


class Crowd(NamedTuple):
    """A ledger with one connection, and its one tenant."""

    services: Services
    tenant: UUID


@pytest.fixture(scope="module", params=[10_000, 200_000])
def full(
    request: pytest.FixtureRequest, cluster: EmbeddedCluster, template: Databases, settings: Settings
) -> Iterator[Crowd]:
    """So many assets, read over one connection."""
    alone = settings.model_copy(update={"follow": False, "pool_size": 1, "list_seconds": 60})
    with cloned(cluster, template) as servers:
        commit_as_in_production(servers)
        with connected(alone, servers) as services:
            yield Crowd(services, crowd(services, servers, request.param))


def pages(full: Crowd, select: Select) -> int:
    """How many pages of tables and indexes a page of the list reads, asked for as the service does."""
    with list_transaction(full.services.database, full.tenant, select, ()) as (connection, _):
        ((before,),) = connection.execute(SQL["pages"]).fetchall()
        select.rows(connection, LIMIT)
        ((after,),) = connection.execute(SQL["pages"]).fetchall()
    return int(after - (before or 0))


class Shape(NamedTuple):
    """Lists of one form with different values, which are asked for in turns, and how many pages each may read."""

    make: tuple[Callable[[], Select], ...]
    most: int = FEW


def month(number: int) -> dict[str, Any]:
    return {
        "created_after": datetime(2025, number, 1, tzinfo=UTC),
        "created_before": datetime(2025, number + 1, 1, tzinfo=UTC),
    }


def with_references(*references: str) -> AssetFilter:
    pairs = (text.partition(":") for text in references)
    return AssetFilter(ref=[Reference(kind=kind, id=id_) for kind, _, id_ in pairs])


def assets(*filters: AssetFilter, order: Order | None = None, most: int = FEW) -> Shape:
    return Shape(tuple(lambda f=f: asset_select(f, order or Order()) for f in filters), most)  # type: ignore[misc]


def then(*filters: AssetFilter, order: Order | None = None) -> Shape:
    """The lists long ago, some time ago, and now."""
    moments = (500, 5_000, 10**9)
    return Shape(
        tuple(lambda f=f, at=at: asset_select(f, order or Order(), at) for f in filters for at in moments)  # type: ignore[misc]
    )


def jobs(*filters: JobFilter, most: int = FEW) -> Shape:
    return Shape(tuple(lambda f=f: job_select(f) for f in filters), most)  # type: ignore[misc]


def trail(*filters: AuditFilter, most: int = FEW) -> Shape:
    return Shape(tuple(lambda f=f: trail_select(f) for f in filters), most)  # type: ignore[misc]


def reference(text: str) -> Reference:
    kind, _, id_ = text.partition(":")
    return Reference(kind=kind, id=id_)


ONE_MONTH: dict[str, Any] = {"since": month(6)["created_after"], "until": month(6)["created_before"]}
A_DAY: dict[str, Any] = {"since": datetime(2025, 3, 1, tzinfo=UTC), "until": datetime(2025, 3, 2, tzinfo=UTC)}
SHAPES = {
    "all": assets(AssetFilter()),
    "all by change": assets(AssetFilter(), order=Order("updated", "asc")),
    "digest": assets(AssetFilter(sha256="0" * 64), AssetFilter(sha256="f" * 64)),
    "name": assets(AssetFilter(name="number 777"), AssetFilter(name="asset")),
    "month": assets(AssetFilter(**month(1)), AssetFilter(**month(11))),
    "changed in a month": assets(
        AssetFilter(updated_after=datetime(2025, 3, 1, tzinfo=UTC), updated_before=datetime(2025, 4, 1, tzinfo=UTC)),
        order=Order("updated"),
    ),
    "run": assets(AssetFilter(job_id=["r17"]), AssetFilter(job_id=["nothing"])),
    "reference": assets(with_references("message:m17"), with_references("client:c0")),
    "reference of another kind": assets(with_references("message:c0"), with_references("client:m17")),
    "rare and common reference": assets(
        with_references("message:m17", "client:c0"), with_references("client:c0", "run:r17")
    ),
    "disjoint references": assets(with_references("workflow:w7", "node:n6"), with_references("node:n6", "run:none")),
    "references and a month": assets(*(AssetFilter(ref=[reference(r)], **month(1)) for r in ("run:r17", "client:c1"))),
    "six references, the rare ones last": assets(
        with_references("client:c1", "workflow:w20", "node:n4", "model:sd-0", "run:r2", "message:m25"),
        with_references("client:c0", "workflow:w7", "node:n7", "model:sd-0", "run:r1", "message:m22"),
    ),
    "jobs": jobs(JobFilter(), most=FEW),
    "jobs by status": jobs(JobFilter(status="failed"), JobFilter(status="succeeded")),
    "jobs by error": jobs(JobFilter(error="memory 500"), JobFilter(error="no such words")),
    "jobs by reference": jobs(JobFilter(ref=[reference("claim:cl7")])),
    "jobs by reference and month": jobs(
        *(JobFilter(ref=[reference(r)], **month(1)) for r in ("claim:cl7", "client:c1"))
    ),
    "as of a moment": then(AssetFilter()),
    "as of a moment by change": then(AssetFilter(), order=Order("updated")),
    "as of a moment, the oldest first": then(AssetFilter(), order=Order(order="asc")),
    "as of a moment by status": then(AssetFilter(status="failed"), AssetFilter(status="ready")),
    "as of a moment by kind and creator": then(
        AssetFilter(media_kind="audio", creator="user:rare"), AssetFilter(media_kind="image", creator="worker:busy")
    ),
    "as of a moment by tag": then(AssetFilter(tag=["tag-7"]), AssetFilter(tag=["common"])),
    "as of a moment by name": then(AssetFilter(name="number 777"), AssetFilter(name="asset")),
    "as of a moment by reference": then(with_references("message:m17"), with_references("client:c0")),
    "as of a moment by references": then(
        with_references("message:m17", "client:c0"), with_references("client:c0", "run:r2")
    ),
    "seed": assets(AssetFilter(seed="777"), AssetFilter(seed="-1")),
    "words": assets(
        AssetFilter(prompt="common"), AssetFilter(prompt="even"), AssetFilter(prompt="w7"), AssetFilter(prompt="none")
    ),
    "words, the oldest first": assets(
        AssetFilter(prompt="common"), AssetFilter(prompt="w7 odd"), AssetFilter(prompt="old"), order=Order(order="asc")
    ),
    "words by change": assets(
        AssetFilter(prompt="common"), AssetFilter(prompt="w7"), order=Order("updated"), most=3 * MANY + FEW
    ),
    "words and a tag": assets(AssetFilter(prompt="odd", tag=["common"]), AssetFilter(prompt="w7", tag=["common"])),
    "words and a month": assets(AssetFilter(prompt="odd", **month(1)), AssetFilter(prompt="w7", **month(11))),
    "words of old assets": assets(AssetFilter(prompt="old"), AssetFilter(prompt="old late"), most=8 * FEW),
    "words that nothing has together": assets(AssetFilter(prompt="odd even"), AssetFilter(prompt="odd w8")),
    "members": assets(AssetFilter(metadata=["take=7"]), AssetFilter(metadata=["take=200"]), most=4 * FEW),
    "as of a moment by words": then(AssetFilter(prompt="common"), AssetFilter(prompt="w7")),
    "jobs as of a moment": Shape(tuple(lambda at=at: job_select(JobFilter(), Order(), at) for at in (500, 10**9))),  # type: ignore[misc]
    "trail": trail(AuditFilter()),
    "trail of an actor": trail(AuditFilter(actor="user:rare"), AuditFilter(actor="worker:busy")),
    "trail of an actor and a time": trail(
        AuditFilter(actor="user:rare", **ONE_MONTH), AuditFilter(actor="worker:busy", **A_DAY)
    ),
    "trail of a rare topic": trail(AuditFilter(topic=["asset.held"]), AuditFilter(topic=["asset.created"])),
    "trail of references": trail(
        AuditFilter(ref=[reference("message:m17")]), AuditFilter(ref=[reference("message:none")])
    ),
    "trail by words": trail(AuditFilter(text="number 777"), AuditFilter(text="no such words")),
    "trail of a request": trail(AuditFilter(correlation_id="req-17")),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_list_asked_for_the_fifteenth_time_reads_no_more_pages_than_the_first_time(full: Crowd, name: str) -> None:
    shape = SHAPES[name]
    read = [[pages(full, make()) for make in shape.make] for _ in range(TIMES)]
    assert max(map(max, read)) <= shape.most
    for first, last in zip(read[0], read[-1], strict=True):
        assert last <= first + SLACK


FACETED = {
    "all": (AssetFilter(), AssetFilter(status="deleted")),
    "status": (AssetFilter(status="failed"), AssetFilter(status="ready")),
    "kind": (AssetFilter(media_kind="audio"), AssetFilter(media_kind="image")),
    "tag": (AssetFilter(tag=["tag-7"]), AssetFilter(tag=["common"])),
    "words and a tag": (
        AssetFilter(prompt="odd", tag=["tag-7"]),
        AssetFilter(prompt="even", tag=["tag-7"], name="number"),
        AssetFilter(prompt="none", tag=["tag-8"]),
    ),
    "tags": (AssetFilter(tag=["common", "tag-7"]), AssetFilter(tag=["tag-7", "tag-8"])),
    "disjoint kind and status": (
        AssetFilter(media_kind="audio", status="failed"),
        AssetFilter(media_kind="image", creator="user:rare"),
    ),
    "media type": (AssetFilter(content_type="image/"), AssetFilter(content_type="image/7", creator="worker:busy")),
    "kind and month": (AssetFilter(media_kind="video", **month(1)), AssetFilter(media_kind="image", **month(11))),
    "subject": (AssetFilter(subject="u_3"), AssetFilter(subject="u_nobody")),
}


@pytest.mark.parametrize("order", [Order(), Order("created", "asc"), Order("updated"), Order("updated", "asc")])
@pytest.mark.parametrize("name", FACETED)
def test_a_list_and_its_total_are_read_from_few_pages_of_sets(full: Crowd, name: str, order: Order) -> None:
    most = FEW if order.sort == "created" else 4 * FEW  # by change, up to a thousand assets are looked up
    for selected in FACETED[name]:
        read = [faceted_pages(full, selected, order) for _ in range(TIMES)]
        assert max(read) <= most
        assert read[-1] <= read[0] + SLACK


def faceted_pages(full: Crowd, selected: AssetFilter, order: Order) -> int:
    """How many pages of tables and indexes a page of the list and its total read, by the sets of facets."""
    database, select, opened = full.services.database, asset_select(selected, order), faceted_assets(selected)
    assert opened is not None
    with list_transaction(database, full.tenant, select, (), snapshot=True) as (connection, _):
        ((before,),) = connection.execute(SQL["pages"]).fetchall()
        listed = opened(connection, select)
        assert listed is not None
        assert len(listed.page(order, None, LIMIT)) == min(listed.total(), LIMIT)
        ((after,),) = connection.execute(SQL["pages"]).fetchall()
    return int(after - (before or 0))


@pytest.mark.parametrize("topics", [("asset.held",), ("asset.held", "asset.created"), ("asset.restored",)])
def test_the_feed_of_a_topic_reads_few_pages_however_rare_it_is(full: Crowd, topics: tuple[str, ...]) -> None:
    database, recorder = full.services.database, full.services.log.of(full.tenant).recorder
    head = recorder.head()
    for after in (0, head // 2):
        for _ in range(TIMES):
            with database.transaction(full.tenant) as connection:
                ((before,),) = connection.execute(SQL["pages"]).fetchall()
                ends, positions = positions_of_topics(database, full.tenant, topics, after, head, 100)
                recorder.select_at(positions)
                ((now,),) = connection.execute(SQL["pages"]).fetchall()
            assert (ends, now - (before or 0) <= FEW) == (head, True)


def test_a_page_of_the_log_reads_its_own_positions_whatever_the_planner_takes_for_quick(full: Crowd) -> None:
    database, recorder = full.services.database, full.services.log.of(full.tenant).recorder
    with database.transaction(full.tenant) as connection:
        connection.execute("SET LOCAL enable_indexscan = off")
        connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        ((before,),) = connection.execute(SQL["pages"]).fetchall()
        assert len(recorder.select_notifications(100, 50, recorder.head())) == 50
        ((now,),) = connection.execute(SQL["pages"]).fetchall()
    assert now - (before or 0) <= FEW // 10
