"""Lineage as run events of OpenLineage 2-0-2: jobs are runs, assets are datasets."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from api.http.lineage_formats import node_members
from domain.utc_time import iso_micros
from projections.queries.lineage import Details, Edge, JobDetails, Lineage, Node, parts_of

SPECIFICATION: Final = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/"
PRODUCER: Final = "urn:asset-ledger:lineage"
EVENT_TYPES: Final = {"running": "RUNNING", "succeeded": "COMPLETE", "failed": "FAIL", "cancelled": "ABORT"}
"""What a job's status is in OpenLineage; others are `OTHER`."""


def to_openlineage(lineage: Lineage, tenant_id: UUID) -> bytes:
    """The run events, one on each line.

    A job is a run: its sources, and those of what it made, are its inputs, and what it made are its outputs. An asset
    with sources that no job of the lineage made is a run of its own.
    """
    events = _RunEvents(lineage, f"asset-ledger:{tenant_id}").each()
    return b"".join(orjson.dumps(event) + b"\n" for event in events)


class _RunEvents:
    def __init__(self, lineage: Lineage, namespace: str) -> None:
        self._lineage = lineage
        self._namespace = namespace
        self._into: defaultdict[Node, list[Edge]] = defaultdict(list)
        self._outputs: defaultdict[Node, list[Edge]] = defaultdict(list)
        for edge in lineage.edges:
            self._into[edge.end].append(edge)
            if edge.kind == "made":
                self._outputs[edge.start].append(edge)

    def each(self) -> Iterator[dict[str, Any]]:
        products = {edge.end for edges in self._outputs.values() for edge in edges}
        for node, details in self._lineage.nodes.items():
            of_type, _ = parts_of(node)
            if of_type == "job":
                yield self._event(node, details, [edge.end for edge in self._outputs[node]])
            elif of_type == "asset" and node not in products and any(self._sources(node)):
                yield self._event(node, details, [node])

    def _event(self, node: Node, details: Details, outputs: list[Node]) -> dict[str, Any]:
        of_type, id_ = parts_of(node)
        inputs = dict.fromkeys(source for end in (node, *outputs) for source in self._sources(end))
        return {
            "eventType": _type(node, details),
            "eventTime": iso_micros(self._time(node, details)),
            "run": {"runId": id_, "facets": {f"assetLedger_{of_type}": self._facet(node)}},
            "job": {"namespace": self._namespace, "name": _name(node, details)},
            "inputs": list(map(self._dataset, inputs)),
            "outputs": list(map(self._dataset, outputs)),
            "producer": PRODUCER,
            "schemaURL": f"{SPECIFICATION}RunEvent",
        }

    def _dataset(self, node: Node) -> dict[str, Any]:
        _, id_ = parts_of(node)
        return {"namespace": self._namespace, "name": id_, "facets": {"assetLedger_asset": self._facet(node)}}

    def _facet(self, node: Node) -> dict[str, Any]:
        """The node with its references. Custom facets have members as they like."""
        starts = (parts_of(edge.start) for edge in self._into[node])
        references = [reference for of_type, reference in starts if of_type == "reference"]
        about = node_members(node, self._lineage.nodes[node])
        return {"_producer": PRODUCER, "_schemaURL": f"{SPECIFICATION}BaseFacet", **about, "references": references}

    def _sources(self, node: Node) -> Iterator[Node]:
        return (edge.start for edge in self._into[node] if edge.kind == "source")

    def _time(self, node: Node, details: Details) -> datetime:
        """When the job's last event was; else, when the last edge of the node was made."""
        if isinstance(details, JobDetails):
            return details.updated_at
        return max(self._lineage.times[edge.position] for edge in (*self._into[node], *self._outputs[node]))


def _type(node: Node, details: Details) -> str:
    if parts_of(node)[0] == "asset":
        return "COMPLETE"
    return EVENT_TYPES.get(details.status, "OTHER") if isinstance(details, JobDetails) else "OTHER"


def _name(node: Node, details: Details) -> str:
    """What the work is called: the same work has one name in each of its runs."""
    if isinstance(details, JobDetails):
        return "/".join(filter(None, (details.provider, details.model))) or details.media_kind
    return "asset.created" if parts_of(node)[0] == "asset" else "job"
