"""A walk shows what a plain search of the same graph finds, ends in circles, and stops where there is too much."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql
from uuid_utils.compat import uuid7

from api.application.asset_creation import AssetCreation
from api.application.jobs import Jobs
from api.application.session import Session
from api.composition import Services
from api.workers.worker import own_session
from domain.asset import creation
from domain.asset.inputs import NewAsset
from domain.job.inputs import Completion, NewJob
from domain.reference import ORIGIN_KINDS, Reference
from projections.queries import lineage as queries
from projections.queries.lineage import Direction, Edge, Kind, Lineage, Node, Walk, lineage_of, node_of, parts_of
from projections.sql_composition import analyze
from tests.conftest import context, new_tenant
from tests.projections.tables import catch_up
from tests.projections.test_query_plans import nodes

IMAGE = {"media": {"media_kind": "image"}}
WAYS: list[tuple[Direction, ...]] = [("up",), ("down",), ("up", "down")]
EdgeKey = tuple[Node, str, Node]

references = st.lists(
    st.builds(
        Reference,
        kind=st.sampled_from(["claim", "model", "message", "asset", "job"]),
        id=st.sampled_from(["a", "b:c", "00000000-0000-0000-0000-000000000007"]),
    ),
    max_size=2,
    unique=True,
).map(tuple)
places = st.lists(st.integers(0, 11), max_size=3)
assets: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries({"sources": places, "references": references})
jobs: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {"sources": places, "references": references, "makes": st.integers(0, 2), "existing": places}
)


def plain_search(
    edges: Iterable[EdgeKey], start: Node, ways: tuple[Direction, ...], depth: int
) -> tuple[set[Node], set[EdgeKey]]:
    """The nodes within so many steps in each direction, and the edges that lead to them."""
    nodes, crossed = {start}, set[EdgeKey]()
    for way in ways:
        known = {start}
        for _ in range(depth):
            steps = {edge for edge in edges if (edge[2] if way == "up" else edge[0]) in known}
            crossed |= steps
            known |= {edge[0] if way == "up" else edge[2] for edge in steps}
        nodes |= known
    return nodes, crossed


def keys(edges: Iterable[Edge]) -> list[EdgeKey]:
    return [(edge.start, edge.kind, edge.end) for edge in edges]


def role(reference: Reference) -> Kind:
    return "origin" if reference.kind in ORIGIN_KINDS else "link"


@dataclass
class Model:
    """A tenant's graph, recorded in the ledger and kept in memory beside it."""

    session: Session
    assets: list[UUID] = field(default_factory=list)
    nodes: dict[Node, None] = field(default_factory=dict)
    edges: dict[tuple[Node, Node], str] = field(default_factory=dict)

    def ids(self, numbers: Sequence[int]) -> tuple[UUID, ...]:
        """Assets that are there, by any numbers."""
        return tuple(dict.fromkeys(self.assets[n % len(self.assets)] for n in numbers)) if self.assets else ()

    def add(self, node: Node, sources: Iterable[UUID], named: Iterable[Reference]) -> None:
        """Note what a new asset or job came from."""
        self.nodes[node] = None
        for id_ in sources:
            self.edges[node_of("asset", str(id_)), node] = "source"
        for reference in named:
            self.edges[node_of("reference", str(reference)), node] = role(reference)

    def record_asset(self, sources: Sequence[int], named: tuple[Reference, ...]) -> None:
        ids = self.ids(sources)
        row, _ = AssetCreation(self.session).create(
            NewAsset.model_validate({**IMAGE, "sources": ids, "references": named})
        )
        self.assets.append(row.asset_id)
        self.add(node_of("asset", str(row.asset_id)), ids, named)

    def run_job(
        self, sources: Sequence[int], named: tuple[Reference, ...], makes: int, existing: Sequence[int]
    ) -> None:
        ids, old, run = self.ids(sources), self.ids(existing), Reference(kind="run", id=str(uuid7()))
        new = NewJob.model_validate({"media_kind": "image", "sources": ids, "references": (*named, run)})
        work = Jobs(self.session)
        job_id = work.request(new, None)[0].job_id
        work.change(job_id, lambda job, context: job.start(context, 1), None)
        row = work.succeed(
            job_id, Completion.model_validate({"attempt": 1, "assets": [IMAGE] * makes, "asset_ids": old})
        )
        node = node_of("job", str(job_id))
        self.add(node, ids, (*named, run))
        for id_ in map(UUID, row.assets[:makes]):
            self.add(node_of("asset", str(id_)), ids, (*named, run))
        for id_ in map(UUID, row.assets):
            self.edges[node, node_of("asset", str(id_))] = "made"
        self.assets += map(UUID, row.assets[:makes])

    def check(self, start: Node, ways: tuple[Direction, ...], depth: int) -> None:
        """Compare what the ledger shows with what a plain search finds."""
        every = [(first, kind, second) for (first, second), kind in self.edges.items()]
        shown = lineage_of(self.session.database, self.session.tenant_id, start, ways, depth)
        nodes, edges = plain_search(every, start, ways, depth)
        assert (set(shown.nodes), set(keys(shown.edges))) == (nodes, edges)
        assert len(shown.edges) == len(edges)
        assert next(iter(shown.nodes)) == shown.start == start
        assert shown.truncated_by is None
        assert {edge.position for edge in shown.edges} <= shown.times.keys()
        assert all((details is None) == (parts_of(node)[0] == "reference") for node, details in shown.nodes.items())


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_walk_shows_what_a_plain_search_finds(quiet: Services, data: st.DataObject) -> None:
    model = Model(own_session(quiet, new_tenant(quiet)))
    for step in data.draw(st.lists(assets | jobs, min_size=1, max_size=7)):
        if "makes" in step:
            model.run_job(step["sources"], step["references"], step["makes"], step["existing"])
        else:
            model.record_asset(step["sources"], step["references"])
    catch_up(quiet)
    starts = st.sampled_from([*model.nodes])
    for _ in range(4):
        model.check(data.draw(starts), data.draw(st.sampled_from(WAYS)), data.draw(st.integers(1, 6)))
    for reference in {node for ends in model.edges for node in ends if parts_of(node)[0] == "reference"}:
        model.check(reference, ("down",), data.draw(st.integers(1, 6)))


numbers = st.integers(0, 9)
graphs = st.sets(st.tuples(numbers, numbers), max_size=30)


@given(graph=graphs, ways=st.sampled_from(WAYS), depth=st.integers(1, 6), most=st.tuples(numbers, numbers))
def test_a_walk_that_stops_shows_a_part_and_says_so(
    graph: set[tuple[int, int]], ways: tuple[Direction, ...], depth: int, most: tuple[int, int]
) -> None:
    every = [Edge(node_of("asset", str(a)), node_of("asset", str(b)), "source", 1) for a, b in sorted(graph)]

    def expand(direction: Direction, frontier: Sequence[Node], limit: int) -> list[Edge]:
        return [edge for edge in every if (edge.end if direction == "up" else edge.start) in frontier][:limit]

    start = node_of("asset", "0")
    walk = Walk(expand, most_nodes=most[0] + 1, most_edges=most[1])
    walk.run(start, ways, depth)

    nodes, edges = plain_search(keys(every), start, ways, depth)
    assert len(walk.nodes) <= most[0] + 1
    assert len(walk.edges) <= most[1]
    assert set(walk.nodes) <= nodes
    assert set(keys(walk.edges.values())) <= edges
    assert all({edge.start, edge.end} <= walk.nodes.keys() for edge in walk.edges.values())
    if walk.truncated_by is None:
        assert (set(walk.nodes), set(keys(walk.edges.values()))) == (nodes, edges)
    else:
        assert len(nodes) > most[0] or len(edges) >= most[1]


LEVELS, WIDTH = 51, 202


@pytest.fixture(scope="module")
def levels() -> list[list[UUID]]:
    """The ids of many assets in levels, and of the one that all come from."""
    return [[uuid7()], *([uuid7() for _ in range(WIDTH)] for _ in range(LEVELS - 1))]


def record(services: Services, tenant: UUID, levels: list[list[UUID]]) -> None:
    """Record assets of which each has two sources in the level before."""
    log = services.log.of(tenant)
    log.record(creation.create(context(), tenant, levels[0][0], NewAsset.model_validate(IMAGE)))
    for before, level in pairwise(levels):
        new = [{before[n % len(before)], before[(n + 1) % len(before)]} for n in range(len(level))]
        log.record(
            *(
                creation.create(
                    context(), tenant, id_, NewAsset.model_validate({**IMAGE, "name": f"Castle {id_}", "sources": ids})
                )
                for id_, ids in zip(level, new, strict=True)
            )
        )


def test_ten_thousand_nodes_are_shown_and_not_one_more(quiet: Services, levels: list[list[UUID]]) -> None:
    tenant = new_tenant(quiet)
    record(quiet, tenant, levels)
    catch_up(quiet)

    def shown(depth: int) -> Lineage:
        return lineage_of(quiet.database, tenant, node_of("asset", str(levels[0][0])), ("down",), depth)

    whole, cut = shown(49), shown(50)
    assert (len(whole.nodes), whole.truncated_by) == (1 + 49 * WIDTH, None)
    assert (len(cut.nodes), cut.truncated_by) == (queries.MOST_NODES, "nodes")
    assert [*cut.nodes][: len(whole.nodes)] == [*whole.nodes]
    assert all({edge.start, edge.end} <= cut.nodes.keys() for edge in cut.edges)
    assert len(cut.edges) <= queries.MOST_EDGES


@pytest.mark.parametrize("direction", ["up", "down"])
def test_no_step_reads_a_whole_table(quiet: Services, levels: list[list[UUID]], direction: Direction) -> None:
    tenant = new_tenant(quiet)
    record(quiet, tenant, levels)
    catch_up(quiet)
    with quiet.projector.connection() as connection:
        for projection in queries.READ_MODELS.now:
            connection.execute(analyze(projection.table))
    ids = [str(id_) for id_ in levels[7]]
    none: dict[str, Any] = {"jobs": [], "linked_assets": [], "links": []}
    parameters = {"assets": ids, "limit": 20_001, "origin_kinds": ["model"], "uuid": queries._UUID} | none
    with quiet.database.reading(tenant) as connection:
        explain = sql.SQL("EXPLAIN (FORMAT JSON) {}").format(sql.SQL(queries._NOW[direction]))
        ((explained,),) = connection.execute(explain, parameters).fetchall()
    scanned = {node["Relation Name"] for node in nodes(explained[0]["Plan"]) if node["Node Type"] == "Seq Scan"}
    assert {name.rpartition("_v")[0] for name in scanned} <= {"jobs", "job_references", "asset_references"}  # are empty
