"""An embedded PostgreSQL: the server of one data directory, shared by the processes that use it."""

from infra.embedded_postgres.account import EmbeddedPostgresError
from infra.embedded_postgres.cluster import EmbeddedCluster, default_data_dir, start

__all__ = ["EmbeddedCluster", "EmbeddedPostgresError", "default_data_dir", "start"]
