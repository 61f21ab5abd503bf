"""A tenant with any number of assets, written straight into the tables: what takes an hour to record takes seconds."""

from uuid import UUID

import psycopg
from psycopg import sql

from api.composition import Services
from infra.databases import Databases
from infra.sql import load_statements
from projections.catalogue import PROJECTIONS, with_tables
from tests.conftest import empty_log

SQL = with_tables(load_statements(__file__, "crowd.sql"))

ROWS = (
    "assets",
    "earlier_versions",
    "first_revisions",
    "versions",
    "references",
    "earlier_terms",
    "terms",
    "jobs",
    "job_versions",
    "job_references",
    "trail",
)
"""The statements that fill read models, in order."""


def commit_as_in_production(servers: Databases) -> None:
    """Let a commit be on the disk when it returns: until it is, VACUUM takes its rows for too young."""
    assert servers.owner is not None
    with psycopg.connect(servers.owner, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = on").format(name))


def crowd(services: Services, servers: Databases, assets: int) -> UUID:
    """A new tenant with so many assets, and read models that were made anew from that.

    Of the log there are no statistics, as after an import: they may come minutes later.
    """
    tenant_id = empty_log(services)
    names = {"tenant_id": tenant_id, "assets": assets}
    assert servers.owner is not None
    with psycopg.connect(servers.owner) as connection:
        for statement in ("no_statistics", "events", "head"):
            connection.execute(SQL[statement], names)
    for projection in PROJECTIONS.values():
        services.engine.tables.reset(projection)
    with psycopg.connect(servers.owner) as connection:
        for statement in (*ROWS, "folded"):
            connection.execute(SQL[statement], names)
    for projection in PROJECTIONS.values():
        assert services.engine.tables.finish(projection)
    return tenant_id
