"""Reads of `audit_trail`: who did what, when, on whose request."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain.reference import Reference
from infra.database import Database
from infra.event_log.fold import Fold
from infra.event_log.log import TenantLog
from infra.event_log.recorder import missing_position
from infra.event_log.snapshots import EVERY
from infra.sql import beside
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.history import Entry, entries, entries_after
from projections.list_transaction import list_transaction
from projections.query import Keyset, Page, Select, page, search_pattern
from projections.states import ASSET, JOB

_SQL = beside(__file__, "read.sql")
_FOLDS: Final[dict[str, Fold[Any, Any]]] = {"asset": ASSET, "job": JOB}
"""What events change, by the first word of their topics; other events change nothing that is shown."""


@dataclass(frozen=True)
class AuditFilter:
    """Which entries of the trail to list. All that is given must hold; `since` is inclusive, `until` is not."""

    actor: str | None = None
    key: UUID | None = None
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
    with list_transaction(database, log.tenant_id, select, (AUDIT_TRAIL,)) as (connection, rebuilding):
        found = page(select, connection, keyset, limit, position_column=0)
    told = {entry.position: entry for entry in _told(log, found.items)}
    if missing := {position for position, *_ in found.items} - told.keys():
        raise missing_position(log.tenant_id, min(missing))
    return Page([told[position] for position, *_ in found.items], found.next, rebuilding)


class _Stretch(NamedTuple):
    """Neighbouring events of one originator, by revision."""

    originator_id: UUID
    kind: str
    first: int
    last: int


def _told(log: TenantLog, rows: Iterable[tuple[Any, ...]]) -> Iterator[Entry]:
    """The entries of the rows, and some between them. Young originators are read whole, and all at once."""
    whole: dict[UUID, int] = {}
    for stretch in _stretches(rows):
        fold = _FOLDS.get(stretch.kind)
        if stretch.first <= EVERY:
            whole[stretch.originator_id] = stretch.last
        elif fold is None:
            yield from entries(log.stretch(stretch.originator_id, stretch.first, stretch.last))
        else:
            at = stretch.first - 1
            yield from entries_after(log, stretch.originator_id, fold, at=at, until=stretch.last)
    yield from entries(log.histories(whole))


def _stretches(rows: Iterable[tuple[Any, ...]]) -> Iterator[_Stretch]:
    """The rows by originator, those together between which there is no snapshot to begin at."""
    ordered = sorted(rows, key=lambda row: (row[1], row[2]))
    for originator_id, own in groupby(ordered, key=lambda row: row[1]):
        stretch = _Stretch(originator_id, "", 0, 0)
        for _, _, revision, topic in own:
            if revision - stretch.last > EVERY:
                if stretch.last:
                    yield stretch
                stretch = stretch._replace(first=revision)
            stretch = stretch._replace(last=revision, kind=topic.partition(".")[0])
        yield stretch


def trail_select(wanted: AuditFilter) -> Select:
    """The trail as it is asked of the database. SearchTooShortError."""
    select = Select(_SQL["audit_trail"], _SQL["newest_first"])
    for name in ("actor", "key", "asset", "job", "correlation_id"):
        select.where_given(_SQL[name], name, getattr(wanted, name))
    for name in ("since", "until"):
        select.where_moment(_SQL[name], name, getattr(wanted, name), exclusive=True)
    if wanted.topics:
        select.where(_SQL["topics"], topics=list(wanted.topics))
    if wanted.references:
        select.where(_SQL["references"], references=[str(reference) for reference in wanted.references])
    if wanted.text is not None:
        select.where(_SQL["text"], text=search_pattern(wanted.text))
    return select
