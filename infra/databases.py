"""Which databases to connect to, as whom: those of the settings, or those of an embedded PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from domain.errors import ServiceUnavailableError
from infra.connections import connect
from infra.embedded_postgres.cluster import EmbeddedCluster, start
from infra.migrations import check, migrate
from infra.settings import Settings, SettingsError
from infra.sql import load_statements

_SQL = load_statements(__file__, "databases.sql")
CREATION_LOCK = 7351
"""The advisory lock under which an embedded server's databases are created: two first starts would both create them."""


@dataclass(frozen=True)
class Databases:
    """Connection strings by purpose. The owner's are needed by migrations only."""

    service: str
    projector: str
    keys: str
    owner: str | None
    keys_owner: str | None

    def migrate(self) -> list[str]:
        """Run the migrations that have not run yet; returns their names. SettingsError without the owner's URLs."""
        if self.owner is None or self.keys_owner is None:
            raise SettingsError(
                "to migrate, set ASSET_LEDGER_OWNER_DATABASE_URL and ASSET_LEDGER_KEYS_OWNER_DATABASE_URL"
            )
        return migrate(self.owner, "ledger") + migrate(self.keys_owner, "keys")

    def check(self, *, prepared: bool = False) -> None:
        """Refuse databases that are not of this version: MigrationError.

        Raises ServiceUnavailableError; SettingsError if statements are to be prepared, and there is a pooler in
        between: its connections would have the statements of others under the names of ours.
        """
        try:
            check(self.service, "ledger")
            check(self.keys, "keys")
        except psycopg.OperationalError as error:
            raise ServiceUnavailableError(f"The database cannot be reached: {error}".strip()) from error
        for name in ("service", "projector", "keys") if prepared else ():
            with psycopg.connect(getattr(self, name), autocommit=True) as connection:
                row = connection.execute(_SQL["backend"]).fetchone()
                # A pooler cannot tell its caller which backend it will have.
                if row != (connection.info.backend_pid,):
                    raise SettingsError(
                        f"there is a pooler before the database of the {name}: "
                        "set ASSET_LEDGER_PREPARED_STATEMENTS=false"
                    )


@contextmanager
def open_databases(settings: Settings) -> Iterator[Databases]:
    """The databases, for as long as the block runs. Embedded ones are started, set up and migrated first."""
    if not settings.embedded:
        yield _from_settings(settings)
        return
    with start(settings.data) as cluster:
        created = create_databases(cluster)
        created.migrate()
        yield created


def _from_settings(settings: Settings) -> Databases:
    missing = [
        f"ASSET_LEDGER_{name.upper()}"
        for name in ("projector_database_url", "keys_database_url")
        if getattr(settings, name) is None
    ]
    if missing:
        raise SettingsError(f"with ASSET_LEDGER_DATABASE_URL, set {' and '.join(missing)} too")
    return Databases(
        service=str(settings.database_url),
        projector=str(settings.projector_database_url),
        keys=str(settings.keys_database_url),
        owner=settings.owner_database_url,
        keys_owner=settings.keys_owner_database_url,
    )


def create_databases(cluster: EmbeddedCluster) -> Databases:
    """The databases of a cluster of ours, with their roles, created where they are not there yet."""
    with connect(cluster.conninfo("postgres"), autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (CREATION_LOCK,))
        connection.execute(_SQL["roles"])
        existing = {row[0] for row in connection.execute(_SQL["databases"]).fetchall()}
        if "asset_ledger" not in existing:
            connection.execute(_SQL["create_log_database"])
        if "asset_ledger_keys" not in existing:
            connection.execute(_SQL["create_keys_database"])
    return databases_of(cluster, "asset_ledger", "asset_ledger_keys")


def databases_of(cluster: EmbeddedCluster, log: str, keys: str) -> Databases:
    """The connection strings of two databases of a cluster."""
    return Databases(
        service=cluster.conninfo(log, "asset_ledger_service"),
        projector=cluster.conninfo(log, "asset_ledger_projector"),
        keys=cluster.conninfo(keys, "asset_ledger_service"),
        owner=cluster.conninfo(log, "asset_ledger_owner"),
        keys_owner=cluster.conninfo(keys, "asset_ledger_owner"),
    )
