"""Folds the log into `audit_trail`: one row per event, never changed again."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from uuid import UUID

from domain.event import Event, Recorded
from projections.projection import Changes, Key, Projection, Table


@dataclass(frozen=True, slots=True)
class AuditRow:
    """That an actor did something to an asset or to the tenant."""

    tenant_id: UUID
    position: int
    originator_id: UUID
    revision: int
    topic: str
    actor: str
    effective_at: datetime
    correlation_id: str


def keys(_event: Event) -> Iterable[Key]:
    """None: rows are only ever added."""
    return ()


def fold(_rows: Mapping[Key, AuditRow], recorded: Recorded) -> Changes[AuditRow]:
    """The event's own row."""
    event, envelope = recorded.event, recorded.event.envelope
    return {
        (envelope.tenant_id, recorded.position): AuditRow(
            tenant_id=envelope.tenant_id,
            position=recorded.position,
            originator_id=envelope.originator_id,
            revision=envelope.originator_version,
            topic=event.TOPIC,
            actor=str(envelope.actor),
            effective_at=recorded.effective_at,
            correlation_id=envelope.correlation_id,
        )
    }


AUDIT_TRAIL = Projection(
    name="audit_trail",
    version=1,
    table=Table(name="audit_trail_v1", row=AuditRow, key={"tenant_id": "uuid", "position": "bigint"}),
    keys=keys,
    fold=fold,
    tables_sql=Path(__file__).parent / "tables.sql",
)
