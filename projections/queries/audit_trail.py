"""Reads of `audit_trail`: who did what, when, on whose request."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Final, NamedTuple
from uuid import UUID

from domain.event import Recorded
from infra.database import Database
from infra.event_log.fold import Fold
from infra.event_log.log import SPAN, TenantLog
from infra.event_log.recorder import missing_position
from infra.event_log.snapshots import EVERY
from infra.sql import load_statements
from projections import sql_composition
from projections.audit_trail.fold import AUDIT_TRAIL
from projections.catalogue import with_tables
from projections.history import Entry, entries, entries_after
from projections.list_transaction import list_transaction
from projections.paging import Keyset, Page, page
from projections.queries.filters import AuditFilter
from projections.select import Select, search_pattern
from projections.served_builds import served
from projections.states import ASSET, JOB

_SQL = with_tables(load_statements(__file__, "audit_trail.sql"))
_FOLDS: Final[dict[str, Fold[Any, Any]]] = {"asset": ASSET, "job": JOB}
"""What events change, by the first word of their topics; other events change nothing that is shown."""


def list_trail(
    database: Database,
    log: TenantLog,
    selected: AuditFilter,
    limit: int,
    cursor: str | None = None,
    recorded_by: int | None = None,
) -> Page[Entry]:
    """A page of the audit trail, the newest first, with what each event changed. CursorError, SearchTooShortError.

    With a position, only what was recorded by then.
    """
    keyset = Keyset(log.tenant_id, selected.criteria(AuditFilter))
    select = trail_select(selected, recorded_by, None if cursor is None else keyset.decode(cursor))
    with list_transaction(database, log.tenant_id, select, (AUDIT_TRAIL,)) as (connection, rebuilding):
        rows = page(select, connection, keyset, limit, position_column=0)
    entries_by_position = {entry.position: entry for entry in _entries_of(log, rows.items)}
    if missing := {position for position, *_ in rows.items} - entries_by_position.keys():
        raise missing_position(log.tenant_id, min(missing))
    return Page([entries_by_position[position] for position, *_ in rows.items], rows.next, rebuilding)


def page_of_topics(
    database: Database, log: TenantLog, topics: Sequence[str], after: int, until: int, limit: int
) -> list[Recorded]:
    """At most `limit` events of some topics after one position and up to another, which the log must reach.

    They are looked up in the trail as far as it goes; from there on the log itself is read, in short statements.
    CorruptEntryError if one of them is damaged or missing.
    """
    ends, positions = positions_of_topics(database, log.tenant_id, topics, after, until, limit)
    recorded = log.at(positions)
    for start in range(max(ends, after), until, SPAN):
        if len(recorded) < limit:
            recorded += log.page(start, min(start + SPAN, until), limit - len(recorded), topics)
    return recorded


def positions_of_topics(
    database: Database, tenant_id: UUID, topics: Sequence[str], after: int, until: int, limit: int
) -> tuple[int, list[int]]:
    """How far the trail goes, and at most `limit` positions of events of the topics in it."""
    bounds = {"after": after, "until": until, "limit": limit}
    parameters = {"version": AUDIT_TRAIL.version, "topics": list(dict.fromkeys(topics))}
    with database.reading(tenant_id) as connection:
        tables = served(connection, tenant_id, (AUDIT_TRAIL,)).tables
        build = AUDIT_TRAIL.beside if tables else AUDIT_TRAIL
        statement = sql_composition.with_tables_of(_SQL["positions_of_topics"], tables)
        ((ends, positions),) = connection.execute(statement, parameters | bounds | {"build": build.name}).fetchall()
    return ends, positions


class _RevisionRange(NamedTuple):
    """Neighbouring events of one originator, by revision."""

    originator_id: UUID
    kind: str
    first: int
    last: int


def _entries_of(log: TenantLog, rows: Iterable[tuple[Any, ...]]) -> Iterator[Entry]:
    """The entries of the rows, and some between them. Young originators are read whole, and all at once."""
    whole: dict[UUID, int] = {}
    for span in _revision_ranges(rows):
        fold = _FOLDS.get(span.kind)
        if span.first <= EVERY:
            whole[span.originator_id] = span.last
        elif fold is None:
            yield from entries(log.stretch(span.originator_id, span.first, span.last))
        else:
            at = span.first - 1
            yield from entries_after(log, span.originator_id, fold, at=at, until=span.last)
    yield from entries(log.histories(whole))


def _revision_ranges(rows: Iterable[tuple[Any, ...]]) -> Iterator[_RevisionRange]:
    """The rows by originator, those together between which there is no snapshot to begin at."""
    ordered = sorted(rows, key=lambda row: (row[1], row[2]))
    for originator_id, own in groupby(ordered, key=lambda row: row[1]):
        span = _RevisionRange(originator_id, "", 0, 0)
        for _, _, revision, topic in own:
            if revision - span.last > EVERY:
                if span.last:
                    yield span
                span = span._replace(first=revision)
            span = span._replace(last=revision, kind=topic.partition(".")[0])
        yield span


def trail_select(selected: AuditFilter, recorded_by: int | None = None, after: int | None = None) -> Select:
    """The trail as it is asked of the database, recorded by one position and after another. SearchTooShortError.

    What is found by one hash comes from its index in the order of spans of positions, everything else in the order of
    the key, or is sorted. Values are compared as well, in `coalesce`: else the planner would expect ever fewer rows.
    """
    single_topic = len(set(selected.topic or ())) == 1
    by_span = single_topic or any((selected.actor, selected.key, selected.asset, selected.correlation_id))
    suffix = "_by_span" if by_span else ""
    select = Select(_SQL["audit_trail"], _SQL[f"newest_first{suffix}"])
    select.where_present(_SQL[f"recorded_by{suffix}"], "recorded_by", recorded_by)
    select.where_present(_SQL[f"after_cursor{suffix}"], "after", after)
    for name in ("actor", "key", "asset", "job", "correlation_id"):
        select.where_present(_SQL[name], name, getattr(selected, name))
    for name in ("since", "until"):
        select.where_moment(_SQL[f"{name}{suffix}"], name, getattr(selected, name), exclusive=True)
    if single_topic:
        select.where(_SQL["topic"], topic=selected.topic[0])
    elif selected.topic:
        select.where(_SQL["topics"], topics=selected.topic)
    if selected.ref:
        select.where(_SQL["references"], references=[str(reference) for reference in selected.ref])
    if selected.text is not None:
        select.where(_SQL["text"], text=search_pattern(selected.text))
    return select
