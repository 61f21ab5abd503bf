"""Folds the log into `jobs`: one row per job."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard, assert_never
from uuid import UUID

from domain.event import Event, Recorded
from domain.job.events import (
    Cost,
    JobCancelled,
    JobChange,
    JobEvent,
    JobFailed,
    JobRequested,
    JobRequeued,
    JobStarted,
    JobSucceeded,
)
from domain.provenance import imported_from
from domain.text import searchable
from projections.projection import OF_ASSETS, OF_JOBS, OF_TENANTS, Changes, Key, Projection, classes

Values = dict[str, Any]


def _is_of_job(event: Event) -> TypeGuard[JobEvent]:
    """Compares the class: `isinstance` with each member of the union in turn is slower."""
    return type(event) in OF_JOBS


class JobRow(NamedTuple):
    """A job as lists and reads show it."""

    tenant_id: UUID
    job_id: UUID
    revision: int
    position: int
    created_position: int
    status: str
    attempt: int
    media_kind: str
    provider: str | None
    model: str | None
    scope: str | None
    refs: list[str]
    sources: list[str]
    run: str | None
    priority: int
    prompt_spec: dict[str, Any] | None
    snapshot: dict[str, Any] | None
    imported: dict[str, Any] | None
    subject: str | None
    assets: list[str]
    error_code: str | None
    error_message: str | None
    error_search: str | None
    costs: list[dict[str, Any]]
    created_at: datetime
    created_by: str
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    updated_by: str

    @property
    def id(self) -> UUID:
        """The job's id."""
        return self.job_id

    @property
    def references(self) -> list[str]:
        """What it was asked for with, written `kind:id`."""
        return self.refs


def keys(event: Event) -> Iterable[Key]:
    """The one row a job's event touches."""
    if _is_of_job(event):
        yield event.envelope.tenant_id, event.originator_id


def fold(rows: Mapping[Key, JobRow], recorded: Recorded) -> Changes[JobRow]:
    """The job's row after the event."""
    event = recorded.event
    if not _is_of_job(event):
        return {}
    key = (event.envelope.tenant_id, event.originator_id)
    if isinstance(event, JobRequested):
        return {key: _requested(event, recorded)}
    return {key: _changed(rows[key], event, recorded)}


def _requested(event: JobRequested, recorded: Recorded) -> JobRow:
    actor = str(event.envelope.actor)
    return JobRow(
        tenant_id=event.envelope.tenant_id,
        job_id=event.originator_id,
        revision=event.originator_version,
        position=recorded.position,
        created_position=recorded.position,
        status="queued",
        attempt=1,
        media_kind=event.media_kind,
        provider=event.provider,
        model=event.model,
        scope=str(event.scope) if event.scope else None,
        refs=[str(r) for r in event.references],
        sources=[str(id_) for id_ in event.sources or ()],
        run=event.run,
        priority=event.priority,
        prompt_spec=event.prompt_spec,
        snapshot=event.snapshot,
        imported=imported_from(event.imported),
        subject=event.envelope.subject,
        assets=[],
        error_code=None,
        error_message=None,
        error_search=None,
        costs=[],
        created_at=recorded.effective_at,
        created_by=actor,
        started_at=None,
        finished_at=None,
        updated_at=recorded.effective_at,
        updated_by=actor,
    )


def _changed(row: JobRow, event: JobChange, recorded: Recorded) -> JobRow:
    return row._replace(
        revision=event.originator_version,
        position=recorded.position,
        updated_at=recorded.effective_at,
        updated_by=str(event.envelope.actor),
        **_new_values(row, event, recorded.effective_at),
    )


def _new_values(row: JobRow, event: JobChange, at: datetime) -> Values:
    """What the event changes in a row, beside its revision and who changed it when."""
    match event:
        case JobStarted():
            return {"status": "running", "started_at": at}
        case JobSucceeded():
            assets = [str(id_) for id_ in event.assets]
            return {"status": "succeeded", "finished_at": at, "assets": assets, "costs": _costs(row, event.cost)}
        case JobFailed():
            search = searchable(event.message) if event.message else None
            error = {"error_code": event.code, "error_message": event.message, "error_search": search}
            return {"status": "failed", "finished_at": at, "costs": _costs(row, event.cost), **error}
        case JobCancelled():
            return {"status": "cancelled", "finished_at": at, "costs": _costs(row, event.cost)}
        case JobRequeued():
            nothing = dict.fromkeys(("started_at", "finished_at", "error_code", "error_message", "error_search"))
            return {"status": "queued", "attempt": event.attempt, **nothing}
        case _:
            assert_never(event)


def _costs(row: JobRow, cost: Cost | None) -> list[dict[str, Any]]:
    return [*row.costs, {"attempt": row.attempt, **cost.model_dump(mode="json")}] if cost else row.costs


JOBS = Projection(
    name="jobs",
    version=3,
    row=JobRow,
    key={"tenant_id": "uuid", "job_id": "uuid"},
    json=frozenset({"prompt_spec", "snapshot", "imported", "costs"}),
    keys=keys,
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(JobRequested | JobStarted | JobSucceeded | JobFailed | JobCancelled | JobRequeued),
    leaves_out=OF_ASSETS | OF_TENANTS,
    sliced_by="originator",
)
