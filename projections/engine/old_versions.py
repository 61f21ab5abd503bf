"""Drops the tables of older versions of a read model, which a rebuild leaves to the releases that serve from them."""

from typing import Any

from infra.database import Database
from infra.sql import load_statements
from projections import sql_composition
from projections.projection import Projection

_SQL = load_statements(__file__, "read_model_tables.sql")


def drop_old(projector: Database, projection: Projection[Any]) -> list[str]:
    """Drop the tables of every older version, with its checkpoints; returns the tables' names."""
    dropped = []
    for version in range(1, projection.version):
        name = f"{projection.name}_v{version}"
        if _drop(projector, name, {"projection": projection.name, "version": version}):
            dropped.append(name)
    return dropped


def _drop(projector: Database, table_name: str, names: dict[str, Any]) -> bool:
    with projector.transaction() as connection:
        if connection.execute(_SQL["tables_present"], {"tables": [table_name]}).fetchone() is None:
            return False
        connection.execute(_SQL["lock_progress_rows"], names)
        connection.execute(_SQL["delete_slices"], names)
        connection.execute(sql_composition.drop(table_name))
        connection.execute(_SQL["delete_progress"], names)
        connection.execute(_SQL["end_rebuild"], names)
    return True
