"""Reads of `audit_trail`: who did what, when, on whose request."""

from dataclasses import asdict, dataclass
from datetime import datetime
from uuid import UUID

from infra.database import Database
from infra.event_log.log import TenantLog
from infra.sql import beside
from projections.history import Entry, entries
from projections.query import Keyset, Page, Select, page

_SQL = beside(__file__, "read.sql")


@dataclass(frozen=True)
class AuditFilter:
    """Which entries of the trail to list. All that is given must hold; `since` is inclusive, `until` is not."""

    actor: str | None = None
    topics: tuple[str, ...] = ()
    asset: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    correlation_id: str | None = None


def list_trail(
    database: Database, log: TenantLog, wanted: AuditFilter, limit: int, cursor: str | None = None
) -> Page[Entry]:
    """A page of the audit trail, the newest first, with what each event changed. CursorError."""
    keyset = Keyset(log.tenant_id, asdict(wanted))
    select = _select(wanted)
    if cursor is not None:
        select.where(_SQL["after_cursor"], after=keyset.decode(cursor))
    with database.transaction(log.tenant_id) as connection:
        found = page(select, connection, keyset, limit, position_column=0)
    shown = {position for position, _, _ in found.items}
    newest: dict[UUID, int] = {}
    for _, originator_id, revision in found.items:
        newest[originator_id] = max(revision, newest.get(originator_id, 0))
    told = [entry for entry in entries(log.histories(newest)) if entry.position in shown]
    return Page(told[::-1], found.next)


def _select(wanted: AuditFilter) -> Select:
    select = Select(_SQL["audit_trail"], _SQL["newest_first"])
    if wanted.actor:
        select.where(_SQL["actor"], actor=wanted.actor)
    if wanted.topics:
        select.where(_SQL["topics"], topics=list(wanted.topics))
    if wanted.asset:
        select.where(_SQL["asset"], asset=wanted.asset)
    if wanted.since:
        select.where(_SQL["since"], since=wanted.since)
    if wanted.until:
        select.where(_SQL["until"], until=wanted.until)
    if wanted.correlation_id:
        select.where(_SQL["correlation_id"], correlation_id=wanted.correlation_id)
    return select
