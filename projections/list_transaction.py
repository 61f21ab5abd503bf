"""The transaction in which a list is read: bounded in time, planned for its values, with its times as positions."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
from psycopg import IsolationLevel

from domain.errors import ListTooSlowError, ReadModelRebuildingError
from infra.connections import Connection
from infra.database import Database
from infra.sql import load_statements
from projections.projection import Projection
from projections.select import Select
from projections.served_builds import names, served, served_of

_SQL = load_statements(__file__, "list_transaction.sql")
MOST_KNOWN = 10_000
"""Of how many lists of tenants it is remembered which builds served them last."""


@contextmanager
def list_transaction(
    database: Database,
    tenant_id: UUID,
    select: Select,
    projections: Sequence[Projection[Any]],
    *,
    snapshot: bool = False,
) -> Iterator[tuple[Connection, tuple[str, ...]]]:
    """A transaction to read the select in, and the read models being rebuilt. ListsBusyError, ListTooSlowError.

    The times of the select become positions first: the planner then knows how many rows they span. With `snapshot` all
    statements see the same rows and go by indexes, with one plan for all values; the references of the select are not
    planned, and no transaction may be around.
    """
    with (
        database.list_slots.slot(tenant_id),
        _begun(database, tenant_id, snapshot=snapshot) as connection,
        _bounded(database),
    ):
        parameters = _parameters(database, tenant_id, projections, snapshot=snapshot)
        builds, rebuilding = _begin(connection, select, parameters)
        select.tables, rebuilding = served_of(projections, builds, rebuilding)
        if not snapshot:
            select.plan(connection)
        yield connection, rebuilding


def rows_at_once(
    database: Database, tenant_id: UUID, select: Select, projections: Sequence[Projection[Any]], limit: int
) -> tuple[list[tuple[Any, ...]], tuple[str, ...]] | None:
    """At most `limit` rows of the select, in one round trip, and the read models being rebuilt; raises the same.

    It is sent for the builds that served the tenant last. None if others do now, or if something has to be asked first:
    then it is read in a `list_transaction`.
    """
    if select.moments or select.pointers or select.questions or database.is_in_transaction:
        return None
    known, key = database.known_tables, (tenant_id, projections[0].name)
    select.tables = tables = known.get(key, {})
    parameters = _parameters(database, tenant_id, projections, snapshot=select.has_one_plan)
    with database.list_slots.slot(tenant_id), database.connection() as connection, _bounded(database):
        try:
            with connection.pipeline():  # until it ends, its statements are a transaction of their own
                begun = connection.execute(_SQL["begin_list"], parameters)
                listed = select.execute(connection, limit)
        except psycopg.ProgrammingError:  # such as of a build that is gone
            known.pop(key, None)
            return None
        ((*_, builds, rebuilding),) = begun.fetchall()
        serving = served_of(projections, builds, rebuilding)
        if serving.tables == tables:
            return listed.fetchall(), serving.rebuilding
    if len(known) >= MOST_KNOWN:
        known.clear()
    known[key] = serving.tables
    return None


def _parameters(
    database: Database, tenant_id: UUID, projections: Sequence[Projection[Any]], *, snapshot: bool
) -> dict[str, Any]:
    milliseconds = str(max(1, int(database.list_seconds * 1_000)))
    return {"milliseconds": milliseconds, "tenant_id": tenant_id, "snapshot": snapshot, **names(projections)}


@contextmanager
def _bounded(database: Database) -> Iterator[None]:
    """Raise ListTooSlowError where the server has cancelled a statement."""
    try:
        yield
    except psycopg.errors.QueryCanceled:
        raise ListTooSlowError(
            f"The list took longer than {database.list_seconds:g} s. Narrow it by a filter, or by times that are "
            "closer together."
        ) from None


def free_plans(connection: Connection, select: Select) -> None:
    """Let the planner choose again, as for a list without a snapshot, and plan the select."""
    connection.execute(_SQL["free_plans"], prepare=False)  # two statements at once cannot be prepared
    select.plan(connection)


def _begin(connection: Connection, select: Select, parameters: dict[str, Any]) -> tuple[list[str], tuple[str, ...]]:
    """Begin the transaction and turn the select's times into positions.

    Returns the builds of its read models that serve the tenant, and the read models being rebuilt.
    """
    if not select.moments:
        ((*_, builds, rebuilding),) = connection.execute(_SQL["begin_list"], parameters).fetchall()
        return builds, tuple(rebuilding)
    times = {
        "moments": [at for at, _ in select.moments.values()],
        "exclusive": [exclusive for _, exclusive in select.moments.values()],
    }
    ((*_, builds, rebuilding, positions),) = connection.execute(
        _SQL["begin_list_of_times"], parameters | times
    ).fetchall()
    select.parameters |= dict(zip(select.moments, positions, strict=True))
    return builds, tuple(rebuilding)


@contextmanager
def _begun(database: Database, tenant_id: UUID, *, snapshot: bool) -> Iterator[Connection]:
    """A transaction whose first statement is to name the tenant: the list's own does, which saves a round trip."""
    if database.is_in_transaction:
        with database.transaction(tenant_id) as connection:
            yield connection
    else:
        with (
            database.connection() as connection,
            _isolated(connection, IsolationLevel.REPEATABLE_READ if snapshot else None),
            connection.transaction(),
        ):
            yield connection


@contextmanager
def _isolated(connection: Connection, level: IsolationLevel | None) -> Iterator[None]:
    """Transactions that begin while the block runs have this level, None: the server's own."""
    connection.isolation_level = level
    try:
        yield
    finally:
        if not connection.closed:
            connection.isolation_level = None


def require_whole(database: Database, tenant_id: UUID, projections: Sequence[Projection[Any]]) -> None:
    """ReadModelRebuildingError while a read model is being rebuilt."""
    with database.transaction(tenant_id) as connection:
        refuse_rebuilding(served(connection, tenant_id, projections).rebuilding)


def refuse_rebuilding(names: Sequence[str]) -> None:
    """ReadModelRebuildingError if any read model is named."""
    if names:
        raise ReadModelRebuildingError(
            f"Read models are being made anew and do not show everything yet: {', '.join(names)}. Try again once they "
            "are whole; `asset-ledger projections lag` shows how far they are."
        )
