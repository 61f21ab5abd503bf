"""Reads of `jobs`: the list with its filters. One job by id is folded from the log instead, so it is current."""

from domain.identity import uuid_or_none
from projections.job_references.fold import JOB_REFERENCES
from projections.job_versions.fold import JOB_VERSIONS
from projections.jobs.fold import JOBS
from projections.paging import NEWEST_FIRST, Order
from projections.queries.filters import JobFilter
from projections.queries.row_list import RowList, list_statements
from projections.select import Select, pointers, search_pattern

_SQL = list_statements(__file__, "jobs.sql")


def job_select(selected: JobFilter, order: Order = NEWEST_FIRST, as_of: int | None = None) -> Select:
    """The list as it is asked of the database, as of a position or now. SearchTooShortError."""
    sql, select = _SQL.at(as_of), _SQL.select("jobs", order, as_of)
    for name in ("status", "media_kind", "requester", "subject"):
        select.where_present(sql[name], name, getattr(selected, name))
    for name in ("created_after", "created_before", "updated_after", "updated_before"):
        select.where_moment(sql[name], name, getattr(selected, name), exclusive=name.endswith("before"))
    if selected.error is not None:
        select.where(sql["error"], error=search_pattern(selected.error))
    select.where_each(sql["job"], ({"as_id": uuid_or_none(name), "as_run": name} for name in selected.job_id))
    select.where_references(sql, pointers(selected.references()))
    return select


JOB_LIST = RowList(_SQL, JOBS, JOB_VERSIONS, JOB_REFERENCES, job_select, JobFilter)
