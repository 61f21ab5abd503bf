"""The builds of read models that serve a tenant: each statement is filled with the names of their tables."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from infra.connections import Connection
from infra.sql import load_statements
from projections.projection import Projection

_SQL = load_statements(__file__, "served_builds.sql")

EVERYBODY = UUID(int=0)
"""Stands for the tenants that were never switched by themselves."""


class Served(NamedTuple):
    """The builds that serve one tenant."""

    tables: dict[str, str]
    """Of read models that their second build serves: the name of the first one's table, and that of the second."""
    rebuilding: tuple[str, ...]
    """The read models that are being rebuilt in place, so that rows are missing."""


def served(connection: Connection, tenant_id: UUID, projections: Sequence[Projection[Any]]) -> Served:
    """The builds of the read models that serve the tenant now.

    A build that a switch has left is kept up to date: a statement may read it although the switch came between.
    """
    row = connection.execute(_SQL["served"], {"tenant_id": tenant_id, **names(projections)}).fetchone()
    return served_of(projections, *(row or ([], [])))


def served_of(projections: Sequence[Projection[Any]], builds: Sequence[str], rebuilding: Sequence[str]) -> Served:
    """The same, from the names of the builds in the order of the read models."""
    tables = {
        projection.table.name: projection.beside.table.name
        for projection, build in zip(projections, builds, strict=True)
        if build != projection.name
    }
    return Served(tables, tuple(rebuilding))


def names(projections: Sequence[Projection[Any]]) -> dict[str, str]:
    """The read models as the texts of arrays (PostgreSQL, 8.15.6), which are quicker to send than lists."""
    called, versions = ",".join(p.name for p in projections), ",".join(str(p.version) for p in projections)
    return {"projections": f"{{{called}}}", "versions": f"{{{versions}}}"}
