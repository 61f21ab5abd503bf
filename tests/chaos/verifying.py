"""What must hold after everything: nothing lost, nothing twice, nothing skipped, read models as if rebuilt.

Memory stays bounded however long the log is: PostgreSQL compares, and what is read is read in a stream.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from api.composition import Services
from infra.sql import load_statements
from projections.engine.rebuild import rebuild
from projections.projection import Projection
from tests.chaos.plan import FOLLOWERS, Plan
from tests.chaos.reading import START, chained, read_seen
from tests.chaos.records import read

_SQL = load_statements(__file__, "verifying.sql")
_COPY = sql.SQL("COPY chaos.{} FROM STDIN")
NEVER = {
    "acknowledged events that are not in the log as they were told": "lost",
    "acknowledged events that were told twice": "told_twice",
    "events in the log twice": "doubled",
    "events that nobody attempted": "invented",
    "events that were refused and are in the log": "refused_and_kept",
    "revisions that were given twice": "revisions_twice",
    "revisions that were skipped": "revisions_skipped",
    "positions that are not dense": "positions_skipped",
    "heads that are not at the last position": "heads_elsewhere",
    "effective times that fall": "times_fallen",
}
"""What there must be none of, and the query that counts it."""

STALLED_SECONDS = 300
PATIENT = "-c statement_timeout=0 -c transaction_timeout=0"
"""Millions of rows are compared by statements that may take longer than a service's."""
NEVER_EMPTY = ("assets", "asset_references", "audit_trail")


class Contents(NamedTuple):
    """A table's rows in whatever order: how many, and two sums of their hashes."""

    rows: int
    sums: tuple[int, int]


def verify_log(plan: Plan, conninfo: str) -> dict[str, int]:
    """How many there are of each thing that there must be none of. Needs a superuser, who sees every tenant."""
    with psycopg.connect(conninfo, autocommit=True, options=PATIENT) as connection:
        connection.execute(_SQL["prepare"])
        for kind in ("attempts", "acks", "refusals"):
            _copy(plan, connection, kind)
        connection.execute(_SQL["logged"])
        counts = {what: _count(connection, name) for what, name in NEVER.items()}
    return {**counts, "logs that a follower saw otherwise": _seen_otherwise(plan, conninfo)}


def verify_read_models(
    services: Services, projections: list[Projection[Any]], tell: Callable[[str], None] = lambda _what: None
) -> dict[str, tuple[Contents, Contents]]:
    """Every read model as it was and as it is after a rebuild, where the two differ."""
    differing = {}
    for projection in projections:
        tell(f"rebuilding {projection.name}")
        followed = contents(services, projection)
        rebuild(services.engine, projection)
        rebuilt = contents(services, projection)
        if followed != rebuilt or (projection.name in NEVER_EMPTY and not rebuilt.rows):
            differing[projection.name] = (followed, rebuilt)
    return differing


def contents(services: Services, projection: Projection[Any]) -> Contents:
    """The read model's rows as they are now."""
    query = sql.SQL(
        "SELECT count(*), coalesce(sum(hashtextextended(t::text, 1)::numeric), 0),"
        " coalesce(sum(hashtextextended(t::text, 2)::numeric), 0) FROM {} AS t"
    ).format(sql.Identifier("read_models", projection.table.name))
    with services.projector.connection() as connection:
        ((rows, first, second),) = connection.execute(query).fetchall()
    return Contents(rows, (int(first), int(second)))


def left(services: Services, projections: list[Projection[Any]]) -> Iterator[int]:
    """How many events the read models do not show yet, asked until there are none.

    AssertionError where one has stopped, or where nothing moves any more.
    """
    before, deadline = None, 0.0
    names = {projection.name for projection in projections}
    while True:
        lags = [lag for lag in services.engine.progress.lag() if lag.projection in names]
        if failures := [failure for failure in services.engine.progress.failures() if failure.projection in names]:
            raise AssertionError(f"stopped: {failures}")
        behind = sum(lag.behind for lag in lags)
        if lags and not behind:
            return
        if behind != before:
            before, deadline = behind, time.monotonic() + STALLED_SECONDS
        elif time.monotonic() > deadline:
            raise AssertionError(f"the read models do not catch up: {lags}")
        yield behind


def _copy(plan: Plan, connection: psycopg.Connection, kind: str) -> None:
    with connection.cursor().copy(_COPY.format(sql.Identifier(kind))) as copy:
        for record in read(plan.directory, kind):
            copy.write_row(
                (plan.tenants[record.tenant], record.originator_id, record.revision, record.position, record.digest)
            )


def _count(connection: psycopg.Connection, name: str) -> int:
    ((count,),) = connection.execute(_SQL[name]).fetchall()
    return int(count)


def _seen_otherwise(plan: Plan, conninfo: str) -> int:
    """How many of the followers' logs are not the log, entry by entry."""
    seen = [read_seen(plan.directory, f"follower-{number}") for number in range(FOLLOWERS)]
    differing = 0
    for tenant in plan.tenants:
        position, chain = START[:2]
        with psycopg.connect(conninfo, options=PATIENT) as connection, connection.cursor("digests") as cursor:
            cursor.itersize = 10_000
            for (digest,) in cursor.execute(_SQL["digests"], (tenant,)):
                position, chain = position + 1, chained(chain, digest)
        differing += sum(list(each.get(str(tenant), START)[:2]) != [position, chain] for each in seen)
    return differing
