"""Reads of `jobs`: the list with its filters. One job by id is folded from the log instead, so it is current."""

from dataclasses import asdict
from uuid import UUID

from domain.identity import uuid_or_none
from infra.database import Database
from infra.sql import load_statements
from projections.catalogue import with_tables
from projections.job_references.fold import JOB_REFERENCES
from projections.jobs.fold import JOBS, JobRow
from projections.list_transaction import list_transaction
from projections.paging import NEWEST_FIRST, Keyset, Order, Page, page
from projections.queries.filters import JobFilter
from projections.select import Select, pointers, search_pattern

_SQL = with_tables(load_statements(__file__, "jobs.sql"))
_COLUMNS = JobRow._fields
READ = (JOBS, JOB_REFERENCES)
"""The read models that the list is read from."""


def list_jobs(
    database: Database,
    tenant_id: UUID,
    selected: JobFilter,
    limit: int,
    cursor: str | None = None,
    order: Order = NEWEST_FIRST,
) -> Page[JobRow]:
    """A page of jobs. SearchTooShortError, CursorError."""
    keyset = Keyset(tenant_id, selected.criteria(JobFilter) | asdict(order))
    select = job_select(selected, order)
    if cursor is not None:
        select.where(_SQL[f"after_{order.name}"], after=keyset.decode(cursor))
    with list_transaction(database, tenant_id, select, READ) as (connection, rebuilding):
        rows = page(select, connection, keyset, limit, _COLUMNS.index(order.column))
    return Page(list(map(JobRow._make, rows.items)), rows.next, rebuilding)


def count_jobs(database: Database, tenant_id: UUID, selected: JobFilter) -> int:
    """How many jobs the filter finds."""
    select = job_select(selected)
    with list_transaction(database, tenant_id, select, READ) as (connection, _):
        return select.count(connection, _SQL["count"])


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
