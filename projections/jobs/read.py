"""Reads of `jobs`: the list with its filters. One job by id is folded from the log instead, so it is current."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain.reference import Reference
from infra.database import Database
from infra.sql import beside
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS, JobRow
from projections.list_transaction import list_transaction
from projections.query import NEWEST_FIRST, Keyset, Order, Page, Select, page, pointers, search_pattern

_SQL = beside(__file__, "read.sql")
_COLUMNS = JobRow._fields
READ = (JOBS, JOB_REFERENCES)
"""The read models that the list is read from."""


@dataclass(frozen=True)
class JobFilter:
    """Which jobs to list. All that is given must hold."""

    status: str | None = None
    media_kind: str | None = None
    provider: str | None = None
    model: str | None = None
    requester: str | None = None
    subject: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    updated_after: datetime | None = None
    updated_before: datetime | None = None
    error: str | None = None
    jobs: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()


def list_jobs(
    database: Database,
    tenant_id: UUID,
    wanted: JobFilter,
    limit: int,
    cursor: str | None = None,
    order: Order = NEWEST_FIRST,
) -> Page[JobRow]:
    """A page of jobs. SearchTooShortError, CursorError."""
    keyset = Keyset(tenant_id, asdict(wanted) | asdict(order))
    select = job_select(wanted, order)
    if cursor is not None:
        select.where(_SQL[f"after_{order.name}"], after=keyset.decode(cursor))
    with list_transaction(database, tenant_id, select, READ) as (connection, rebuilding):
        found = page(select, connection, keyset, limit, _COLUMNS.index(order.column))
    return Page(list(map(JobRow._make, found.items)), found.next, rebuilding)


def count_jobs(database: Database, tenant_id: UUID, wanted: JobFilter) -> int:
    """How many jobs the filter finds."""
    select = job_select(wanted)
    with list_transaction(database, tenant_id, select, READ) as (connection, _):
        return select.count(connection, _SQL["count"])


def job_select(wanted: JobFilter, order: Order = NEWEST_FIRST) -> Select:
    """The list as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["jobs"], _SQL[order.name])
    for name in ("status", "media_kind", "provider", "model", "requester", "subject"):
        select.where_given(_SQL[name], name, getattr(wanted, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        select.where_moment(_SQL[name], name, getattr(wanted, name), exclusive=name.endswith("before"))
    if wanted.error is not None:
        select.where(_SQL["error"], error=search_pattern(wanted.error))
    select.where_each(_SQL["job"], ({"as_id": _uuid(name), "as_run": name} for name in wanted.jobs))
    select.where_references(_SQL, pointers(wanted.references))
    return select


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
