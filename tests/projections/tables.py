"""What a read model's table holds, to the byte."""

from collections.abc import Iterable
from typing import Any

from psycopg import sql

from api.composition import Services
from domain.event import Recorded
from projections.catalogue import BUILDS, PROJECTIONS
from projections.projection import Key, Projection, Row, Table, apply


def fold_all(projection: Projection[Row], history: Iterable[Recorded]) -> dict[Key, Row]:
    """The rows that the table would hold after the events."""
    rows: dict[Key, Row] = {}
    for recorded in history:
        changes = projection.fold(rows, recorded)
        apply(rows, changes)
        if projection.sums:
            additions = projection.sums.additions(filter(None, changes.values()))
            apply(rows, projection.sums.add(rows, additions))
    return rows


def contents(services: Services, projection: Projection[Any]) -> bytes:
    """The read model's rows by key, as COPY writes them."""
    return rows_of(services, projection.table)


def rows_of(services: Services, table: Table[Any]) -> bytes:
    """The table's rows by key, as COPY writes them."""
    query = sql.SQL("COPY (SELECT * FROM {} ORDER BY {}) TO STDOUT").format(
        sql.Identifier("read_models", table.name),
        sql.SQL(", ").join(sql.Identifier(name) for name in table.key),
    )
    with services.projector.connection() as connection, connection.cursor().copy(query) as copy:
        return b"".join(bytes(block) for block in copy)


def all_contents(services: Services) -> dict[str, bytes]:
    """Every read model's rows, and the sets of their facets."""
    tables = {table.name: table for projection in PROJECTIONS.values() for table in projection.tables[1:]}
    rows = {name: contents(services, projection) for name, projection in PROJECTIONS.items()}
    return rows | {name: rows_of(services, table) for name, table in tables.items()}


def catch_up(services: Services, limit: int = 500) -> None:
    """Fold everything that has been recorded."""
    services.engine.progress.enrol()
    for build in BUILDS.values():
        while services.engine.step(build, limit):
            pass
