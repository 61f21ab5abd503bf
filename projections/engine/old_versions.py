"""Drops tables from which this release serves nobody: those of older versions, and those of builds that are not used.

A rebuild leaves older versions to the releases that serve from them, and a switch leaves the build that served before.
"""

from collections import namedtuple
from dataclasses import replace
from typing import Any

from domain.errors import LedgerError
from infra.database import Database
from infra.sql import load_statements
from projections import sql_composition
from projections.engine.builds import forget_version, is_unused, require_unused
from projections.engine.progress import version_of
from projections.projection import Projection

_SQL = load_statements(__file__, "read_model_tables.sql")


class NoVersionError(LedgerError):
    """The tables of that version are not there any more, or never were."""


def drop_old(projector: Database, projection: Projection[Any]) -> list[str]:
    """Drop the tables of every older version, with their checkpoints; returns the tables' names."""
    dropped = []
    for version in range(1, projection.version):
        for build in projection.builds:
            name = f"{build.name}_v{version}"
            if _drop(projector, name, {"projection": build.name, "version": version}):
                dropped.append(name)
        with projector.connection() as connection:
            forget_version(connection, projection.name, version)
    return dropped


def older_version(projector: Database, projection: Projection[Any], version: int) -> Projection[Any]:
    """An older version of the read model, to be compared: its table is there, its fold is not. NoVersionError."""
    older = replace(projection, version=version, folds=frozenset())
    with projector.connection() as connection:
        columns = [name for (name,) in connection.execute(_SQL["columns"], {"table": older.table.name}).fetchall()]
    if not columns:
        raise NoVersionError(f"There is no table {older.table.name}.")
    return replace(older, row=namedtuple("OlderRow", columns))


def drop_unused(projector: Database, projection: Projection[Any]) -> list[str]:
    """Drop the tables of the build that serves nobody, with its checkpoints; returns the names of its tables.

    Nobody can be rolled back to it any more. A build that served within the last minute stays.
    """
    return [build.table.name for build in projection.builds if _drop_unused(projector, build)]


def _drop_unused(projector: Database, build: Projection[Any]) -> bool:
    with projector.transaction() as connection:
        if not is_unused(connection, build):
            return False
        dropped = _drop(projector, build.table.name, version_of(build))
        require_unused(connection, build)  # a switch may have come before its checkpoints were locked
    return dropped


def _drop(projector: Database, table_name: str, names: dict[str, Any]) -> bool:
    with projector.transaction() as connection:
        if connection.execute(_SQL["tables_present"], {"tables": [table_name]}).fetchone() is None:
            return False
        connection.execute(_SQL["block_enrolment"])
        connection.execute(_SQL["lock_progress_rows"], names)
        connection.execute(_SQL["delete_slices"], names)
        connection.execute(sql_composition.drop(table_name))
        connection.execute(_SQL["delete_progress"], names)
        connection.execute(_SQL["end_rebuild"], names)
    return True
