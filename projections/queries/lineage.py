"""Reads of `lineage`: what things came from and what came from them, one statement for each step of the walk."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial, reduce
from typing import Any, Final, Literal, NamedTuple, NewType, cast
from uuid import UUID

from domain.reference import ORIGIN_KINDS, Reference
from infra.connections import Connection
from infra.database import Database
from infra.event_log.recorder import missing_position
from infra.sql import literal, load_statements
from projections.asset_references.fold import ASSET_REFERENCES
from projections.asset_versions.fold import ASSET_VERSIONS
from projections.assets.fold import ASSETS
from projections.catalogue import with_tables
from projections.job_references.fold import JOB_REFERENCES
from projections.job_versions.fold import JOB_VERSIONS
from projections.jobs.fold import JOBS
from projections.lineage.fold import LINEAGE
from projections.list_transaction import list_transaction, refuse_rebuilding
from projections.queries.row_list import ReadModels, Statements
from projections.select import Select

READ_MODELS: Final = ReadModels(
    (LINEAGE, ASSETS, ASSET_REFERENCES, JOBS, JOB_REFERENCES),
    (LINEAGE, ASSET_VERSIONS, ASSET_REFERENCES, JOB_VERSIONS, JOB_REFERENCES),
)
MOST_NODES: Final = 10_000
MOST_EDGES: Final = 20_000

Direction = Literal["up", "down"]
NodeType = Literal["asset", "job", "reference"]
Kind = Literal["source", "made", "origin", "scope", "link"]


def _reading(statements: Statements, when: Literal["now", "then"]) -> Statements:
    """The statements on what is there now, or on what was there at a moment."""
    names = ("edges", "listed", "references", "worked")
    return {
        name: literal(reduce(lambda part, each: part.replace(f"{{{each}}}", statements[f"{each}_{when}"]), names, text))
        for name, text in statements.items()
    }


_STATEMENTS = with_tables(load_statements(__file__, "lineage.sql"))
_NOW, _THEN = _reading(_STATEMENTS, "now"), _reading(_STATEMENTS, "then")
_UUID = r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"
_STRONGER: Final = frozenset({"source", "made"})
"""What is shown where an asset also has a reference to the job that made it."""


Node = NewType("Node", str)
"""An asset or a job by its id, or a reference: `asset:ID`, `job:ID`, `reference:KIND:ID`. A walk of ten thousand nodes
spends its time in making and comparing them, and nothing is quicker at that than a string."""


def node_of(of_type: NodeType, id_: str) -> Node:
    """The node of an asset or a job by its id, or of a reference, written `kind:id`."""
    return Node(f"{of_type}:{id_}")


def parts_of(node: Node) -> tuple[NodeType, str]:
    """The node's type, and its id or its reference."""
    of_type, _, id_ = node.partition(":")
    return cast("NodeType", of_type), id_


class Edge(NamedTuple):
    """That one node came from another, and the position of the event that made it so."""

    start: Node
    end: Node
    kind: Kind
    position: int


class AssetDetails(NamedTuple):
    """What lists tell of an asset."""

    name: str | None
    media_kind: str
    status: str


class JobDetails(NamedTuple):
    """What lists tell of a job, and when its last event was."""

    status: str
    provider: str | None
    model: str | None
    media_kind: str
    updated_at: datetime


Details = AssetDetails | JobDetails | None
"""What is told of a node; None of a reference, and of what its read model does not show yet."""
Expansion = Callable[[Direction, Sequence[Node], int], Sequence[Edge]]
"""The edges that lead in a direction from some nodes, the earliest first, at most so many."""
LinksOf = Callable[[UUID, int], Iterable[str]]
"""The links, written `kind:id`, that an asset had at a revision."""


@dataclass(frozen=True)
class Lineage:
    """What a walk came by: nodes in the order of their distance, and edges with the times of their events."""

    start: Node
    nodes: Mapping[Node, Details]
    edges: Sequence[Edge]
    times: Mapping[int, datetime]
    """When the events of the edges took effect, by position."""
    truncated_by: Literal["nodes", "edges"] | None
    """What there was too much of, if the walk stopped before its depth."""
    rebuilding: tuple[str, ...]


@dataclass
class Walk:
    """A breadth-first walk. A node is expanded once for each direction, so that no cycle holds it up."""

    expand: Expansion
    most_nodes: int = MOST_NODES
    most_edges: int = MOST_EDGES
    nodes: dict[Node, None] = field(default_factory=dict)
    edges: dict[tuple[Node, Node], Edge] = field(default_factory=dict)
    truncated_by: Literal["nodes", "edges"] | None = None

    def run(self, start: Node, directions: tuple[Direction, ...], depth: int) -> None:
        """Walk from a node, so many steps in each direction, or until there are as many nodes or edges as may be."""
        self.nodes[start] = None
        reached: dict[Direction, dict[Node, None]] = {direction: {start: None} for direction in directions}
        frontiers: dict[Direction, Sequence[Node]] = {direction: [start] for direction in directions}
        for _ in range(depth):
            for direction in directions:
                if frontier := frontiers[direction]:
                    frontiers[direction] = self._step(direction, frontier, reached[direction])
                if self.truncated_by:
                    return

    def _step(self, direction: Direction, frontier: Sequence[Node], reached: dict[Node, None]) -> Sequence[Node]:
        """Expand the frontier; returns the next one."""
        edges = self.expand(direction, frontier, self.most_edges + 1)
        if len(edges) > self.most_edges:
            self.truncated_by = "edges"
        following: list[Node] = []
        following_end: Literal[0, 1] = 0 if direction == "up" else 1
        for edge in edges:
            ends, node = edge[:2], edge[following_end]
            if ends not in self.edges and len(self.edges) >= self.most_edges:
                self.truncated_by = "edges"
                break
            if node not in self.nodes:
                if len(self.nodes) >= self.most_nodes:
                    self.truncated_by = "nodes"
                    continue
                self.nodes[node] = None
            if node not in reached:
                reached[node] = None
                following.append(node)
            if ends not in self.edges or edge.kind in _STRONGER:
                self.edges[ends] = edge
        return following


def lineage_of(
    database: Database,
    tenant_id: UUID,
    start: Node,
    directions: tuple[Direction, ...],
    depth: int,
    as_of: int | None = None,
    links_of: LinksOf = lambda _asset_id, _revision: (),
) -> Lineage:
    """The lineage of an asset, a job or a reference; a reference to a job of the ledger is the job.

    As of a position it is what was there then, which the read models must have reached; links that a version is too
    long to hold are asked for. ListsBusyError, ListTooSlowError, CorruptEntryError; ReadModelRebuildingError as of a
    position where something may be missing.
    """
    select = Select("", "")
    models = READ_MODELS.now if as_of is None else READ_MODELS.then
    with list_transaction(database, tenant_id, select, models) as (connection, rebuilding):
        if as_of is not None:
            refuse_rebuilding(rebuilding)
        tables = _Tables(connection, select, as_of, links_of)
        walk, start = Walk(partial(_expanded, tables)), _resolved(tables, start)
        walk.run(start, directions, depth)
        nodes, times = _details(tables, walk.nodes)
        edges = list(walk.edges.values())
        if unknown := list({edge.position for edge in edges} - times.keys()):
            parameters = {"tenant_id": tenant_id, "positions": unknown}
            times |= dict(tables.rows("times", parameters))
    if missing := {edge.position for edge in edges} - times.keys():
        raise missing_position(tenant_id, min(missing))
    return Lineage(start, nodes, edges, times, walk.truncated_by, rebuilding)


class _Tables(NamedTuple):
    """The tables that serve the tenant, in one transaction, as of a position or now."""

    connection: Connection
    select: Select
    as_of: int | None
    links_of: LinksOf

    def rows(self, statement: str, parameters: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        """What one of the statements answers."""
        served = self.select.served((_NOW if self.as_of is None else _THEN)[statement])
        return self.connection.cursor(binary=True).execute(served, {**parameters, "as_of": self.as_of}).fetchall()

    def rows_of(self, statement: str, ids: Sequence[str]) -> list[tuple[Any, ...]]:
        """What one of the statements answers of some ids; nothing is asked of none."""
        return self.rows(statement, {"ids": _array(ids)}) if ids else []

    def links(self, assets: Sequence[str]) -> list[tuple[UUID, str]]:
        """The links that versions of these assets are too long to hold, each with its asset. Now there are none."""
        if self.as_of is None:
            return []
        versions = self.rows_of("without_links", assets)
        return [(asset_id, link) for asset_id, revision in versions for link in self.links_of(asset_id, revision)]


def _resolved(tables: _Tables, start: Node) -> Node:
    """The node itself, or the job that a reference names."""
    id_ = start.removeprefix("reference:job:")
    if id_ != start and re.fullmatch(_UUID, id_) and tables.rows_of("jobs", [id_]):
        return node_of("job", id_)
    return start


def _expanded(tables: _Tables, direction: Direction, frontier: Sequence[Node], limit: int) -> Sequence[Edge]:
    """The edges of one step. Nothing leads to a reference: on the way up it is an end, on the way down the start."""
    parameters: dict[str, Any] = {"limit": limit, "origin_kinds": sorted(ORIGIN_KINDS), "uuid": _UUID}
    statement: str = direction
    of_type, id_ = parts_of(frontier[0])
    if direction == "down" and of_type == "reference":
        statement, parameters = "down_from_reference", parameters | dict(Reference.parse(id_))
    else:
        assets, jobs = _ids(frontier, "asset"), _ids(frontier, "job")
        if not (assets or jobs):
            return []
        parameters |= {"assets": _array(assets), "jobs": _array(jobs)}
        if direction == "up":
            links = tables.links(assets)
            parameters |= {"linked_assets": [asset for asset, _ in links], "links": [link for _, link in links]}
    return list(map(Edge._make, tables.rows(statement, parameters)))


def _details(tables: _Tables, nodes: Iterable[Node]) -> tuple[dict[Node, Details], dict[int, datetime]]:
    """What is told of the nodes, and when their first events took effect, by position."""
    details: dict[Node, Details] = dict.fromkeys(nodes)
    times: dict[int, datetime] = {}
    for asset, position, at, *about in tables.rows_of("assets", _ids(details, "asset")):
        details[asset] = AssetDetails._make(about)
        times[position] = at
    for job, position, at, *about in tables.rows_of("jobs", _ids(details, "job")):
        details[job] = JobDetails._make(about)
        times[position] = at
    return details, times


def _ids(nodes: Iterable[Node], of_type: NodeType) -> list[str]:
    prefix = f"{of_type}:"
    return [node[len(prefix) :] for node in nodes if node.startswith(prefix)]


def _array(ids: Sequence[str]) -> str:
    """The ids of assets or jobs as the text of an array (PostgreSQL, 8.15.6), which is quicker to send than a list."""
    return f"{{{','.join(ids)}}}"
