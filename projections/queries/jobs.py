"""Reads of `jobs`: the list with its filters. One job by id is folded from the log instead, so it is current."""

from uuid import UUID

from domain.identity import uuid_or_none
from infra.database import Database
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS, JobRow
from projections.paging import NEWEST_FIRST, Order, Page
from projections.queries.filters import JobFilter
from projections.queries.row_list import RowList, list_statements
from projections.select import Select, pointers, search_pattern

_SQL = list_statements(__file__, "jobs.sql")
_LIST = RowList(_SQL, JOBS, JOB_REFERENCES)


def list_jobs(
    database: Database,
    tenant_id: UUID,
    selected: JobFilter,
    limit: int,
    cursor: str | None = None,
    order: Order = NEWEST_FIRST,
) -> Page[JobRow]:
    """A page of jobs. SearchTooShortError, CursorError."""
    criteria = selected.criteria(JobFilter)
    return _LIST.page(database, tenant_id, job_select(selected, order), criteria, limit, cursor, order)


def count_jobs(database: Database, tenant_id: UUID, selected: JobFilter) -> int:
    """How many jobs the filter finds."""
    return _LIST.count(database, tenant_id, job_select(selected))


def job_select(selected: JobFilter, order: Order = NEWEST_FIRST) -> Select:
    """The list as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["jobs"], _SQL[order.name])
    for name in ("status", "media_kind", "requester", "subject"):
        select.where_present(_SQL[name], name, getattr(selected, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        select.where_moment(_SQL[name], name, getattr(selected, name), exclusive=name.endswith("before"))
    if selected.error is not None:
        select.where(_SQL["error"], error=search_pattern(selected.error))
    select.where_each(_SQL["job"], ({"as_id": uuid_or_none(name), "as_run": name} for name in selected.job_id))
    select.where_references(_SQL, pointers(selected.references()))
    return select
