"""Events in histories and in the audit trail."""

from dataclasses import asdict
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, Field, JsonValue

from domain.event import Actor, Authenticated
from domain.model import example
from domain.utc_time import UtcTime
from projections.history import Entry

ENTRY = {
    "position": 4,
    "asset_id": "0193483c-5a5e-7d1c-9a30-0d7c41f5c6b1",
    "revision": 2,
    "topic": "asset.described",
    "time": "2026-11-20T12:00:00.123456Z",
    "actor": {"id": "u_42", "type": "user"},
    "authenticated": {
        "key": "0193483c-0000-7000-8000-0000000000c1",
        "holder": {"id": "studio", "type": "worker"},
    },
    "reason": "the client likes it",
    "correlation_id": "req-17",
    "changes": [{"field": "tags", "before": ["concept"], "after": ["concept", "approved"]}],
}


class FieldChange(BaseModel):
    """One field before and after an event."""

    field: str
    before: JsonValue
    after: JsonValue


class EventEntry(BaseModel):
    """One event: who, when, the changes before and after, why, and the request."""

    position: int
    asset_id: UUID | None = Field(description="The asset of the event. Null for other events.")
    job_id: UUID | None = Field(description="The job of the event. Null for other events.")
    revision: int
    topic: str
    time: UtcTime = Field(description="The effective time. It never falls from one position to the next.")
    recorded_at: UtcTime = Field(description="The server's clock when the event was decided.")
    actor: Actor = Field(description="Who acted, as the caller says.")
    authenticated: Authenticated | None = Field(
        description="The key that acted, and its holder. Null: the ledger itself, an operator on the command line, or "
        "an event of schema version 1."
    )
    subject: str | None
    reason: str | None
    correlation_id: str = Field(description="The id of the request that caused the event.")
    causation_id: str | None
    changes: list[FieldChange]

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The event of a history entry."""
        fields: dict[str, Any] = {**asdict(entry), "actor": entry.actor, "authenticated": entry.authenticated}
        originator_id, kind = fields.pop("originator_id"), entry.topic.partition(".")[0]
        return cls(
            asset_id=originator_id if kind == "asset" else None,
            job_id=originator_id if kind == "job" else None,
            **fields,
        )


class EventPage(BaseModel):
    """A page of events."""

    model_config = example(items=[ENTRY], next=None)

    items: list[EventEntry]
    next: str | None = Field(description="The `cursor` of the next page; null at the end.")
