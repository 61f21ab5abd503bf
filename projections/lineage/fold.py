"""Folds the log into `lineage`: one row per edge between assets and jobs."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID

from domain.asset.events import AssetChange, AssetCreated
from domain.event import Event, Recorded
from domain.job.events import JobRequested, JobSucceeded
from projections.projection import OF_JOBS, OF_TENANTS, Changes, Key, Projection, classes

Type = Literal["asset", "job"]


class LineageRow(NamedTuple):
    """That one thing came from another, and which event says so."""

    tenant_id: UUID
    from_id: UUID
    to_id: UUID
    from_type: Type
    to_type: Type
    kind: Literal["source", "made"]
    position: int
    revision: int


def fold(_rows: Mapping[Key, LineageRow], recorded: Recorded) -> Changes[LineageRow]:
    """The edges that the event makes."""
    return {(row.tenant_id, row.from_id, row.to_id): row for row in _edges(recorded.event, recorded.position)}


def _edges(event: Event, position: int) -> Iterator[LineageRow]:
    tenant, own, revision = event.envelope.tenant_id, event.originator_id, event.originator_version
    match event:
        case AssetCreated():
            for id_ in event.sources or ():
                yield LineageRow(tenant, id_, own, "asset", "asset", "source", position, revision)
        case JobRequested():
            for id_ in event.sources or ():
                yield LineageRow(tenant, id_, own, "asset", "job", "source", position, revision)
        case JobSucceeded():
            for id_ in event.assets:
                yield LineageRow(tenant, own, id_, "job", "asset", "made", position, revision)


LINEAGE = Projection(
    name="lineage",
    version=1,
    row=LineageRow,
    key={"tenant_id": "uuid", "from_id": "uuid", "to_id": "uuid"},
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(AssetCreated, JobRequested, JobSucceeded),
    leaves_out=classes(AssetChange) | (OF_JOBS - {JobRequested, JobSucceeded}) | OF_TENANTS,
    sliced_by="position",
)
