"""Lineage in answers: nodes and edges."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.http.schemas import optional
from domain.model import example
from domain.utc_time import UtcTime
from projections.queries.lineage import Kind, NodeType

_ASSET = "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1"
_JOB = "73a41949-2431-5408-8a88-4c28b2edbc54"


class LineageNode(BaseModel):
    """An asset, a job or a reference. Members that do not belong to its type are absent."""

    id: str = Field(description="Its type and its id, such as `asset:ID`, `job:ID` or `reference:claim:c7`.")
    type: NodeType
    asset_id: UUID | None = optional("The asset.")
    job_id: UUID | None = optional("The job.")
    ref: str | None = optional("The reference, written `kind:id`.")
    name: str | None = optional("The name of the asset, if it has one.")
    status: str | None = optional("The status of the asset or job. Null: lists do not show it yet.")
    media_kind: str | None = optional("What the asset is, or what the job makes.")
    provider: str | None = optional("The provider of the job, if it has one.")
    model: str | None = optional("The model of the job, if it has one.")


class LineageEdge(BaseModel):
    """That one node came from another, and the event that made it so."""

    from_: str = Field(alias="from", description="The `id` of the node that was there before.")
    to: str = Field(description="The `id` of the node that came from it.")
    kind: Kind = Field(
        description="`source`: the asset is a source of the asset or job. `made`: the job made the asset. `origin`, "
        "`scope`, `link`: what the reference is to the asset or job."
    )
    position: int = Field(description="The position of the event.")
    time: UtcTime = Field(description="When the event took effect.")


class Lineage(BaseModel):
    """What something came from, and what came from it."""

    model_config = example(
        start=f"asset:{_ASSET}",
        nodes=[
            {"id": f"asset:{_ASSET}", "type": "asset", "asset_id": _ASSET, "name": "Castle", "status": "ready"},
            {"id": f"job:{_JOB}", "type": "job", "job_id": _JOB, "status": "succeeded", "model": "sdxl"},
        ],
        edges=[
            {
                "from": f"job:{_JOB}",
                "to": f"asset:{_ASSET}",
                "kind": "made",
                "position": 14,
                "time": "2026-11-20T12:00:00.123456Z",
            }
        ],
        truncated=False,
        truncated_by=None,
    )

    start: str = Field(description="The `id` of the node that was asked for.")
    nodes: list[LineageNode] = Field(description="The nearest first.")
    edges: list[LineageEdge]
    truncated: bool = Field(description="Whether the walk stopped before its depth: there is more than is shown.")
    truncated_by: Literal["nodes", "edges"] | None = Field(
        description="What there was too much of: at most 10,000 nodes and 20,000 edges are shown."
    )
