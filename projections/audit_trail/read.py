"""Reads of `audit_trail`: who did what, when, on whose request."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from domain.reference import Reference
from infra.database import Database
from infra.event_log.log import TenantLog
from infra.sql import beside
from projections.history import Entry, entries
from projections.query import Keyset, Page, Select, page, search_pattern

_SQL = beside(__file__, "read.sql")


@dataclass(frozen=True)
class AuditFilter:
    """Which entries of the trail to list. All that is given must hold; `since` is inclusive, `until` is not."""

    actor: str | None = None
    topics: tuple[str, ...] = ()
    asset: UUID | None = None
    job: UUID | None = None
    references: tuple[Reference, ...] = ()
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    correlation_id: str | None = None


def list_trail(
    database: Database, log: TenantLog, wanted: AuditFilter, limit: int, cursor: str | None = None
) -> Page[Entry]:
    """A page of the audit trail, the newest first, with what each event changed. CursorError, SearchTooShortError."""
    keyset = Keyset(log.tenant_id, asdict(wanted))
    select = trail_select(wanted)
    if cursor is not None:
        select.where(_SQL["after_cursor"], after=keyset.decode(cursor))
    with database.reading(log.tenant_id) as connection:
        found = page(select, connection, keyset, limit, position_column=0)
    shown = {position for position, _, _ in found.items}
    newest: dict[UUID, int] = {}
    for _, originator_id, revision in found.items:
        newest[originator_id] = max(revision, newest.get(originator_id, 0))
    told = [entry for entry in entries(log.histories(newest)) if entry.position in shown]
    return Page(told[::-1], found.next)


def trail_select(wanted: AuditFilter) -> Select:
    """The trail as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["audit_trail"], _SQL["newest_first"])
    for name in ("actor", "asset", "job", "since", "until", "correlation_id"):
        select.where_given(_SQL[name], name, getattr(wanted, name))
    if wanted.topics:
        select.where(_SQL["topics"], topics=list(wanted.topics))
    if wanted.references:
        select.where(_SQL["references"], references=[str(reference) for reference in wanted.references])
    if wanted.text is not None:
        select.where(_SQL["text"], text=search_pattern(wanted.text))
    return select
