"""One call of the append function: a group of appends goes out, and the outcome of each comes back."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, NamedTuple, cast
from uuid import UUID

import psycopg
from eventsourcing.persistence import IntegrityError, StoredEvent

from domain.errors import ClockAheadError, MalformedEntryError, TenantNotFoundError
from domain.utc_time import iso_micros
from infra.server_identity import ServerIdentity
from infra.sql import load_statements

_SQL = load_statements(__file__, "queries.sql")


class PolicyChangedError(IntegrityError):
    """What was decided under one policy met another: decide again."""


class HeadLockedError(Exception):
    """Another transaction holds the tenant's head."""


class ServerChangedError(Exception):
    """The connection is to another server than the one that is known. Nothing was appended."""


class Place(NamedTuple):
    """Where an event is in its tenant's log, and the time that `as_of` goes by."""

    position: int
    effective_at: datetime


class Append(NamedTuple):
    """Events of one tenant to be appended, all or none, exactly as their bytes are."""

    tenant_id: UUID
    entries: Sequence[StoredEvent]
    policy_revision: int | None
    """The revision of the policy they were decided under; 0 stands for none set, None for a decision without one."""


Outcome = Sequence[Place] | IntegrityError | HeadLockedError
"""Where the events of one append are now, or why it was left out."""

_REFUSALS: dict[str, Callable[[], IntegrityError | HeadLockedError]] = {
    "revision": partial(IntegrityError, "a revision is taken"),
    "policy": partial(PolicyChangedError, "the policy has changed"),
    "head": partial(HeadLockedError, "the head is not free"),
}


def send(
    connection: psycopg.Connection[tuple[Any, ...]],
    appends: Sequence[Append],
    head_wait: int | None = None,
    *,
    again: bool = False,
    server: ServerIdentity | None = None,
) -> list[Outcome]:
    """Append the group in one statement; returns the outcome of each append.

    `head_wait` is how long to wait for a head, in milliseconds; 0 leaves out what would have to wait. `again` says
    that the same bytes were sent before with unknown outcome: what is stored as sent counts as appended. `server` is
    the one that may be appended to, if not any: ServerChangedError if it is another. Raises TenantNotFoundError,
    ClockAheadError and MalformedEntryError, psycopg's LockNotAvailable when the wait is over, and any other error of
    psycopg; nothing was appended then, unless the connection broke.
    """
    try:
        rows = connection.execute(
            _SQL["append"],
            {**_columns(appends), **_server_parameters(server), "head_wait": head_wait, "again": again},
            binary=True,
        ).fetchall()
    except psycopg.Error as error:
        if error.sqlstate == "AL001":
            raise TenantNotFoundError from None
        if error.sqlstate == "AL002":
            raise ClockAheadError from None
        if error.sqlstate == "AL004":
            raise MalformedEntryError(f"Nothing was appended: {error.diag.message_primary}.") from None
        raise
    if not rows and any(append.entries for append in appends):
        raise ServerChangedError
    return _outcomes(appends, rows)


def _outcomes(appends: Sequence[Append], rows: Sequence[tuple[Any, ...]]) -> list[Outcome]:
    outcomes: list[Outcome] = []
    start = 0
    for append in appends:
        end = start + len(append.entries)
        refusal = rows[start][2] if append.entries else None
        if refusal is None:
            outcomes.append([Place(row[0], row[1]) for row in rows[start:end]])
        else:
            outcomes.append(_REFUSALS[refusal]())
        start = end
    return outcomes


@lru_cache(8)
def _server_parameters(server: ServerIdentity | None) -> dict[str, str | None]:
    return {
        "server_started_at": server.started_at.isoformat() if server else None,
        "server_timeline": f"{server.timeline:08X}" if server else None,
    }


def _columns(appends: Sequence[Append]) -> dict[str, object]:
    """The group as the statement's parameters. Arrays are written as text, which is far quicker than adapting them."""
    tenant_ids, numbers, revisions = [], [], []
    last, text = None, ""
    for number, (tenant_id, own_entries, revision) in enumerate(appends):
        if tenant_id is not last:  # most groups are of one tenant, and UUIDs are written in Python
            last, text = tenant_id, tenant_id.hex
        size = len(own_entries)
        tenant_ids += [text] * size
        numbers += [str(number)] * size
        revisions += ["NULL" if revision is None else str(revision)] * size
    entries = [entry for append in appends for entry in append.entries]
    now = datetime.now(UTC)  # of entries that the library made
    return {
        "tenant_ids": _array(tenant_ids),
        "append_numbers": _array(numbers),
        "policy_revisions": _array(revisions),
        "originator_ids": _array([cast("UUID", entry.originator_id).hex for entry in entries]),
        "originator_versions": _array([str(entry.originator_version) for entry in entries]),
        "topics": [entry.topic for entry in entries],
        "recorded_ats": _array([iso_micros(getattr(entry, "recorded_at", now)) for entry in entries]),
        "sizes": _array([str(len(entry.state)) for entry in entries]),
        "entries": b"".join([entry.state for entry in entries]),
    }


def _array(values: Iterable[str]) -> str:
    """The text of an array (PostgreSQL, 8.15.6) of values that need no quotes."""
    return "{" + ",".join(values) + "}"
