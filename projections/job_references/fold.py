"""Folds the log into `job_references`: one row per job and reference."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from domain.event import Recorded
from domain.job.events import JobChange, JobRequested
from projections.projection import OF_ASSETS, OF_TENANTS, Changes, Key, Projection, classes


class JobReferenceRow(NamedTuple):
    """That a job has a reference."""

    tenant_id: UUID
    kind: str
    id: str
    job_id: UUID


def fold(_rows: Mapping[Key, JobReferenceRow], recorded: Recorded) -> Changes[JobReferenceRow]:
    """The rows of the references that a request names, its scope among them."""
    event = recorded.event
    if not isinstance(event, JobRequested):
        return {}
    tenant_id, job_id = event.envelope.tenant_id, event.originator_id
    references = {*event.references, *([event.scope] if event.scope else [])}
    rows = (JobReferenceRow(tenant_id, r.kind, r.id, job_id) for r in references)
    return {(row.tenant_id, row.kind, row.id, row.job_id): row for row in rows}


JOB_REFERENCES = Projection(
    name="job_references",
    version=1,
    row=JobReferenceRow,
    key={"tenant_id": "uuid", "kind": "text", "id": "text", "job_id": "uuid"},
    fold=fold,
    folder=Path(__file__).parent,
    folds=classes(JobRequested),
    leaves_out=classes(JobChange) | OF_ASSETS | OF_TENANTS,
    sliced_by="originator",
)
